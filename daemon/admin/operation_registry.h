#ifndef BALLAST_DAEMON_ADMIN_OPERATION_REGISTRY_H_
#define BALLAST_DAEMON_ADMIN_OPERATION_REGISTRY_H_

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "daemon/control/steering.h"

namespace ballast {

enum class OperationState {
  kRunning,     // Not answered yet.
  kRollingOut,  // Its plan is stored and on its way to the workers.
  kDone,
  kFailed,
};
const char* OperationStateName(OperationState state);  // "running", "rolling_out", ...

// What one admin call asks for. Two calls of one id are the same if all but `who` is.
struct OperationRequest {
  std::string id;
  std::string method;
  std::string ep_group;
  std::string arguments;  // In words, complete.
  bool dry_run = false;
  std::string who;
};

struct Operation {
  OperationRequest request;
  OperationState state = OperationState::kRunning;
  absl::Status status;                   // Not Ok: kFailed.
  std::optional<SteeringResult> result;  // Absent while nothing is known.
  absl::Time started;
  absl::Time ended = absl::InfinitePast();  // InfinitePast until then.
};

// The admin calls of this process and how they fared, so that a call that is repeated is
// done once and one that was cut off can be asked for. Bounded; forgotten with the process.
// Thread-safe. It must outlive all that holds its tickets.
class OperationRegistry {
 public:
  static constexpr std::size_t kEndedKept = 256;
  static constexpr std::size_t kMaxOpen = 64;

  explicit OperationRegistry(Clock& clock) : clock_(clock) {}

  // The ticket of a new operation, or null if the same one is known already. AlreadyExists:
  // the id is known with other arguments. ResourceExhausted: kMaxOpen are open.
  absl::StatusOr<std::shared_ptr<SteeringTicket>> Begin(const OperationRequest& request);

  // The operation once it is no longer kRunning, or as it is after `patience`. NotFound: no
  // such operation, or forgotten.
  absl::StatusOr<Operation> Await(const std::string& id, absl::Duration patience) const;
  absl::StatusOr<Operation> Get(const std::string& id) const;
  std::vector<Operation> List() const;  // Newest first.

  // Ends what is open with Unavailable, as the daemon ends. Later operations end so at once.
  void Close();

 private:
  class Ticket;
  using Entry = std::shared_ptr<Operation>;

  Entry Find(const std::string& id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnPlan(const Entry& entry, const SteeringResult& result);
  void OnEnd(const Entry& entry, const absl::Status& status, const SteeringResult& result);
  void End(Operation& operation, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  mutable absl::Mutex mutex_;
  std::list<Entry> operations_ ABSL_GUARDED_BY(mutex_);  // Oldest first.
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_OPERATION_REGISTRY_H_
