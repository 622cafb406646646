#include "daemon/admin/admin_service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "ballast/v1/admin.grpc.pb.h"
#include "core/base/status_macros.h"
#include "daemon/admin/grpc_status.h"
#include "proto/wire/placement_wire.h"

namespace ballast {
namespace {

constexpr std::size_t kMaxIdBytes = 128;

// Chosen: a page of text; it goes into the store, the log and the history of operations.
constexpr std::size_t kMaxTextBytes = 4096;

double UnixSeconds(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

std::string VersionText(const PlanVersion& version) {
  return absl::StrCat(version.term, ".", version.sequence);
}

// Where calls are audited. Outlives all tickets.
struct AuditTrail {
  AuditLog& audit;
  Clock& clock;
};

absl::Status CheckTexts(const OperationRequest& request) {
  const auto printable = [](char c) { return c > ' ' && c <= '~'; };
  const std::string& id = request.id;
  if (id.empty() || id.size() > kMaxIdBytes || !std::all_of(id.begin(), id.end(), printable)) {
    return absl::InvalidArgumentError(absl::StrCat("operation_id must be 1 to ", kMaxIdBytes,
                                                   " printable characters without spaces"));
  }
  if (request.arguments.size() + request.who.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("reason, caller and arguments are longer than ", kMaxTextBytes, " bytes"));
  }
  return absl::OkStatus();
}

void Fill(const Operation& operation, v1::Operation* out) {
  out->set_operation_id(operation.request.id);
  out->set_method(operation.request.method);
  out->set_ep_group(operation.request.ep_group);
  out->set_arguments(operation.request.arguments);
  out->set_dry_run(operation.request.dry_run);
  out->set_caller(operation.request.who);
  out->set_state(OperationStateName(operation.state));
  if (!operation.status.ok()) {
    out->set_error_code(absl::StatusCodeToString(operation.status.code()));
    out->set_detail(std::string(operation.status.message()));
  } else if (operation.result.has_value()) {
    out->set_detail(operation.result->detail);
  }
  if (operation.result.has_value() && operation.result->before.digest != Digest{}) {
    EncodePlanId(operation.result->before, out->mutable_before());
    EncodePlanId(operation.result->after, out->mutable_after());
  }
  out->set_started_unix_seconds(UnixSeconds(operation.started));
  out->set_ended_unix_seconds(UnixSeconds(operation.ended));
}

// What a call asks for besides its common part, in words; part of its identity.
std::string ArgumentsText(const v1::Steering& steering, const std::string& own) {
  std::string text = own;
  const auto add = [&text](const std::string& part) {
    absl::StrAppend(&text, text.empty() ? "" : " ", part);
  };
  if (steering.has_expected_plan()) {
    add(absl::StrCat("expected_plan=", VersionText(DecodePlanVersion(steering.expected_plan()))));
  }
  if (!steering.reason().empty()) add(absl::StrCat("reason=", steering.reason()));
  return text;
}

void Dispatch(const GroupHandle& group, SteeringCall call) {
  if (call.kind == SteeringCall::Kind::kForce) {
    group.control->Steer(std::move(call));
  } else if (call.kind == SteeringCall::Kind::kRollback) {
    group.rollout->Steer(std::move(call),
                         [control = group.control](const SteeringCall& found, auto record) {
                           control->Steer(found, std::move(record));
                         });
  } else {
    group.rollout->Steer(std::move(call));
  }
}

void Audit(const OperationRequest& request, const absl::Status& status, const std::string& detail,
           const std::optional<SteeringResult>& result, const AuditTrail& trail) {
  AuditRecord record;
  record.time = trail.clock.WallNow();
  record.who = request.who.substr(0, kMaxTextBytes);
  record.method = request.method;
  record.ep_group = request.ep_group;
  record.operation_id = request.id.substr(0, kMaxIdBytes);
  record.arguments = request.arguments.substr(0, kMaxTextBytes);
  record.dry_run = request.dry_run;
  record.result = absl::StatusCodeToString(status.code());
  record.detail = detail;
  if (result.has_value() && result->before.digest != Digest{}) {
    record.before = result->before;
    record.after = result->after;
  }
  trail.audit.Write(record);
}

// The ticket of an operation whose caller may go away before it ends: its end is audited then,
// by the thread that brings it about.
class AuditedTicket final : public SteeringTicket {
 public:
  AuditedTicket(std::shared_ptr<SteeringTicket> ticket, OperationRequest request,
                const AuditTrail& trail)
      : ticket_(std::move(ticket)), request_(std::move(request)), trail_(trail) {}

  void OnPlan(const SteeringResult& result) override { ticket_->OnPlan(result); }
  void OnEnd(const absl::Status& status, const SteeringResult& result) override {
    ticket_->OnEnd(status, result);
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    ended_ = true;
    if (!abandoned_) return;
    Audit(request_, status, status.ok() ? result.detail : std::string(status.message()), result,
          trail_);
  }

  // Nobody waits any more. False if it has ended: what came of it is known.
  bool Abandon() {
    absl::MutexLock lock(&mutex_);
    abandoned_ = !ended_;
    return abandoned_;
  }

 private:
  const std::shared_ptr<SteeringTicket> ticket_;
  const OperationRequest request_;
  const AuditTrail trail_;
  absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
};

class AdminService final : public v1::Admin::Service {
 public:
  explicit AdminService(const AdminServiceParts& parts) : parts_(parts) {}

  grpc::Status Pause(grpc::ServerContext*, const v1::PauseRequest* request,
                     v1::Operation* out) override {
    return Steer("Pause", SteeringCall::Kind::kPause, request->steering(), out);
  }
  grpc::Status Resume(grpc::ServerContext*, const v1::ResumeRequest* request,
                      v1::Operation* out) override {
    return Steer("Resume", SteeringCall::Kind::kResume, request->steering(), out);
  }
  grpc::Status Force(grpc::ServerContext*, const v1::ForceRequest* request,
                     v1::Operation* out) override {
    return Steer("Force", SteeringCall::Kind::kForce, request->steering(), out);
  }
  grpc::Status Abort(grpc::ServerContext*, const v1::AbortRequest* request,
                     v1::Operation* out) override {
    return Steer("Abort", SteeringCall::Kind::kAbort, request->steering(), out);
  }
  grpc::Status Rollback(grpc::ServerContext*, const v1::RollbackRequest* request,
                        v1::Operation* out) override {
    SteeringCall call;
    call.kind = SteeringCall::Kind::kRollback;
    std::string arguments;
    if (request->has_version()) {
      call.version = DecodePlanVersion(request->version());
      arguments = absl::StrCat("version=", VersionText(*call.version));
    }
    call.over_ahead = request->over_ahead();
    if (call.over_ahead) absl::StrAppend(&arguments, arguments.empty() ? "" : " ", "over_ahead");
    return Steer(RequestOf("Rollback", request->steering(), arguments), std::move(call),
                 request->steering(), out);
  }

  grpc::Status SetLogLevel(grpc::ServerContext*, const v1::SetLogLevelRequest* request,
                           v1::Operation* out) override {
    const OperationRequest asked =
        RequestOf("SetLogLevel", request->steering(), absl::StrCat("level=", request->level()));
    const auto set = [&](const std::shared_ptr<SteeringTicket>& ticket) {
      const std::string before = parts_.log.level();
      // A log of its own tells of a dry run whether the level is one.
      const absl::Status status = asked.dry_run ? EventLog("info", false).SetLevel(request->level())
                                                : parts_.log.SetLevel(request->level());
      ticket->OnEnd(status, {{}, {}, absl::StrCat("log level was ", before)});
    };
    return Run(asked, set, out);
  }

  grpc::Status GetOperation(grpc::ServerContext*, const v1::GetOperationRequest* request,
                            v1::Operation* out) override {
    const absl::StatusOr<Operation> operation = parts_.operations.Get(request->operation_id());
    if (!operation.ok()) return ToGrpcStatus(operation.status());
    Fill(*operation, out);
    return grpc::Status::OK;
  }
  grpc::Status ListOperations(grpc::ServerContext*, const v1::ListOperationsRequest*,
                              v1::ListOperationsResponse* out) override {
    for (const Operation& operation : parts_.operations.List()) {
      Fill(operation, out->add_operations());
    }
    return grpc::Status::OK;
  }

 private:
  AuditTrail trail() const { return {parts_.audit, parts_.clock}; }

  static OperationRequest RequestOf(const char* method, const v1::Steering& steering,
                                    const std::string& own) {
    OperationRequest request;
    request.id = steering.operation_id();
    request.method = method;
    request.ep_group = steering.ep_group();
    request.arguments = ArgumentsText(steering, own);
    request.dry_run = steering.dry_run();
    // The socket's mode says who may call; which of them it is, the kernel's answer is not
    // passed on by gRPC.
    request.who = steering.caller().empty() ? std::string("local")
                                            : absl::StrCat("local, says ", steering.caller());
    return request;
  }

  grpc::Status Steer(const char* method, SteeringCall::Kind kind, const v1::Steering& steering,
                     v1::Operation* out) {
    SteeringCall call;
    call.kind = kind;
    return Steer(RequestOf(method, steering, ""), std::move(call), steering, out);
  }

  grpc::Status Steer(OperationRequest request, SteeringCall call, const v1::Steering& steering,
                     v1::Operation* out) {
    const absl::StatusOr<const GroupHandle*> group = FindGroup(steering.ep_group());
    if (group.ok()) request.ep_group = (*group)->config->name;
    call.dry_run = request.dry_run;
    call.reason = steering.reason();
    call.who = request.who;
    if (steering.has_expected_plan()) call.expected = DecodePlanVersion(steering.expected_plan());
    const auto begin = [&](const std::shared_ptr<SteeringTicket>& ticket) {
      call.ticket = ticket;
      Dispatch(**group, std::move(call));
    };
    return group.ok() ? Run(request, begin, out) : Refuse(request, group.status());
  }

  absl::StatusOr<const GroupHandle*> FindGroup(const std::string& name) const {
    if (name.empty() && parts_.groups.all().size() == 1) return &parts_.groups.all().front();
    if (name.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("name an EP group; there are: ", parts_.groups.Names()));
    }
    if (const GroupHandle* group = parts_.groups.Find(name)) return group;
    return absl::NotFoundError(
        absl::StrCat("no EP group '", name, "' is configured; there are: ", parts_.groups.Names()));
  }

  grpc::Status Refuse(const OperationRequest& request, const absl::Status& status) {
    Audit(request, status, std::string(status.message()), std::nullopt, trail());
    return ToGrpcStatus(status);
  }

  // Begins the operation, unless it is known already, and waits for its answer.
  template <typename Begin>
  grpc::Status Run(const OperationRequest& request, const Begin& begin, v1::Operation* out) {
    const absl::Status texts = CheckTexts(request);
    if (!texts.ok()) return Refuse(request, texts);
    absl::StatusOr<std::shared_ptr<SteeringTicket>> ticket = parts_.operations.Begin(request);
    if (!ticket.ok()) return Refuse(request, ticket.status());
    std::shared_ptr<AuditedTicket> audited;
    if (*ticket != nullptr) {
      audited = std::make_shared<AuditedTicket>(*std::move(ticket), request, trail());
      begin(audited);
    }
    absl::StatusOr<Operation> operation = parts_.operations.Await(request.id, parts_.patience);
    if (operation.ok() && operation->state == OperationState::kRunning && audited != nullptr &&
        !audited->Abandon()) {
      operation = parts_.operations.Get(request.id);
    }
    if (!operation.ok()) return Refuse(request, operation.status());
    absl::Status status = operation->status;
    if (operation->state == OperationState::kRunning) {
      status = absl::DeadlineExceededError(
          absl::StrCat("operation ", request.id, " is not answered yet; ask for it again"));
    }
    const std::string detail = operation->result.has_value() ? operation->result->detail : "";
    Audit(request, status, status.ok() ? detail : std::string(status.message()), operation->result,
          trail());
    Fill(*operation, out);
    return ToGrpcStatus(status);
  }

  const AdminServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(const AdminServiceParts& parts) {
  return std::make_unique<AdminService>(parts);
}

}  // namespace ballast
