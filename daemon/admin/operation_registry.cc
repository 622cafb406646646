#include "daemon/admin/operation_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace ballast {
namespace {

bool IsOpen(const Operation& operation) {
  return operation.state == OperationState::kRunning ||
         operation.state == OperationState::kRollingOut;
}

bool IsSame(const OperationRequest& a, const OperationRequest& b) {
  return a.method == b.method && a.ep_group == b.ep_group && a.arguments == b.arguments &&
         a.dry_run == b.dry_run;
}

}  // namespace

const char* OperationStateName(OperationState state) {
  switch (state) {
    case OperationState::kRunning:
      return "running";
    case OperationState::kRollingOut:
      return "rolling_out";
    case OperationState::kDone:
      return "done";
    case OperationState::kFailed:
      return "failed";
  }
  BALLAST_CHECK(false);
}

class OperationRegistry::Ticket final : public SteeringTicket {
 public:
  Ticket(OperationRegistry& registry, Entry entry)
      : registry_(registry), entry_(std::move(entry)) {}

  void OnPlan(const SteeringResult& result) override { registry_.OnPlan(entry_, result); }
  void OnEnd(const absl::Status& status, const SteeringResult& result) override {
    registry_.OnEnd(entry_, status, result);
  }

 private:
  OperationRegistry& registry_;
  const Entry entry_;
};

absl::StatusOr<std::shared_ptr<SteeringTicket>> OperationRegistry::Begin(
    const OperationRequest& request) {
  absl::MutexLock lock(&mutex_);
  if (const Entry known = Find(request.id)) {
    if (IsSame(known->request, request)) return nullptr;
    return absl::AlreadyExistsError(absl::StrCat(
        "operation ", request.id, " is ", known->request.method, " of group '",
        known->request.ep_group, "' with other arguments: ", known->request.arguments));
  }
  const auto open = std::count_if(operations_.begin(), operations_.end(),
                                  [](const Entry& entry) { return IsOpen(*entry); });
  if (static_cast<std::size_t>(open) >= kMaxOpen) {
    return absl::ResourceExhaustedError(absl::StrCat(open, " operations are open already"));
  }
  auto entry = std::make_shared<Operation>();
  entry->request = request;
  entry->started = clock_.WallNow();
  operations_.push_back(entry);
  if (closed_) End(*entry, absl::UnavailableError("the daemon ends"));
  ForgetOldest();
  return std::make_shared<Ticket>(*this, std::move(entry));
}

absl::StatusOr<Operation> OperationRegistry::Await(const std::string& id,
                                                   absl::Duration patience) const {
  absl::MutexLock lock(&mutex_);
  const Entry entry = Find(id);
  if (entry == nullptr) return absl::NotFoundError(absl::StrCat("no operation ", id, " is known"));
  const auto answered = [&entry] { return entry->state != OperationState::kRunning; };
  clock_.WaitUntil(mutex_, absl::Condition(&answered), clock_.Uptime() + patience);
  return *entry;
}

absl::StatusOr<Operation> OperationRegistry::Get(const std::string& id) const {
  return Await(id, absl::ZeroDuration());
}

std::vector<Operation> OperationRegistry::List() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Operation> list;
  for (auto entry = operations_.rbegin(); entry != operations_.rend(); ++entry) {
    list.push_back(**entry);
  }
  return list;
}

void OperationRegistry::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  for (const Entry& entry : operations_) {
    if (IsOpen(*entry)) End(*entry, absl::UnavailableError("the daemon ends"));
  }
}

// Linear: a few hundred operations of people.
OperationRegistry::Entry OperationRegistry::Find(const std::string& id) const {
  for (const Entry& entry : operations_) {
    if (entry->request.id == id) return entry;
  }
  return nullptr;
}

void OperationRegistry::OnPlan(const Entry& entry, const SteeringResult& result) {
  absl::MutexLock lock(&mutex_);
  if (entry->state != OperationState::kRunning) return;
  entry->state = OperationState::kRollingOut;
  entry->result = result;
}

void OperationRegistry::OnEnd(const Entry& entry, const absl::Status& status,
                              const SteeringResult& result) {
  absl::MutexLock lock(&mutex_);
  if (!IsOpen(*entry)) return;
  entry->result = result;
  End(*entry, status);
}

void OperationRegistry::End(Operation& operation, const absl::Status& status) {
  operation.state = status.ok() ? OperationState::kDone : OperationState::kFailed;
  operation.status = status;
  operation.ended = clock_.WallNow();
}

void OperationRegistry::ForgetOldest() {
  while (operations_.size() > kEndedKept) {
    const auto oldest = std::find_if(operations_.begin(), operations_.end(),
                                     [](const Entry& entry) { return !IsOpen(*entry); });
    if (oldest == operations_.end()) return;
    operations_.erase(oldest);
  }
}

}  // namespace ballast
