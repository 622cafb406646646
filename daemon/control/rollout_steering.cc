// What operators ask of a group's publish thread.

#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"
#include "daemon/control/rollout_loop.h"

namespace ballast {

void RolloutLoop::Steer(SteeringCall call, PlanReceiver receiver) {
  const std::shared_ptr<SteeringTicket> ticket = call.ticket;
  if (queue_.TryPush(SteeringEvent{std::move(call), std::move(receiver)})) return;
  ticket->OnEnd(absl::UnavailableError("the group's publish queue is full or closed"), {});
}

void RolloutLoop::HandleSteering(const SteeringEvent& event) {
  const PlanId& decided = coordinator_.decided();
  SteeringResult result = {decided, decided, ""};
  if (deposed()) {
    event.call.ticket->OnEnd(absl::UnavailableError(kDeposedText), result);
    return;
  }
  const absl::Status expected = CheckExpected(event.call, decided);
  if (!expected.ok()) {
    event.call.ticket->OnEnd(expected, result);
    return;
  }
  switch (event.call.kind) {
    case SteeringCall::Kind::kPause:
    case SteeringCall::Kind::kResume:
      SetPause(event.call, std::move(result));
      return;
    case SteeringCall::Kind::kAbort:
      AbortPlan(event.call, std::move(result));
      return;
    case SteeringCall::Kind::kRollback: {
      absl::StatusOr<PlanRecord> record = ContentOf(event.call);
      if (!record.ok()) {
        event.call.ticket->OnEnd(record.status(), result);
      } else {
        event.receiver(event.call, std::make_shared<const PlanRecord>(*std::move(record)));
      }
      return;
    }
    case SteeringCall::Kind::kForce:
      event.call.ticket->OnEnd(absl::InternalError("the publish thread makes no plans"), result);
      return;
  }
}

// Told only once the view shows it: who has the answer sees the pause in the status.
void RolloutLoop::SetPause(const SteeringCall& call, SteeringResult result) {
  const bool pause = call.kind == SteeringCall::Kind::kPause;
  if (pause == pause_.paused) {
    result.detail = pause ? absl::StrCat("was paused already by ", pause_.who, ": ", pause_.reason)
                          : "was not paused";
    call.ticket->OnEnd(absl::OkStatus(), result);
    return;
  }
  result.detail = pause ? "paused" : "resumed";
  if (pause && coordinator_.phase() != PlanPhase::kIdle) {
    absl::StrAppend(&result.detail, "; the plan on its way goes on");
  }
  if (call.dry_run) {
    call.ticket->OnEnd(absl::OkStatus(), result);
    return;
  }
  const GroupPause next = {pause, call.reason, call.who, clock_.WallNow()};
  const absl::Duration begin = clock_.Uptime();
  const absl::Status status = store_.SetPause(config_.name, next, term_);
  NoticeStoreCall("set_pause", status, clock_.Uptime() - begin);
  if (status.ok()) {
    pause_ = next;
    UpdateView();
  }
  call.ticket->OnEnd(status, result);
}

void RolloutLoop::AbortPlan(const SteeringCall& call, SteeringResult result) {
  const PlanPhase phase = coordinator_.phase();
  const bool open = phase == PlanPhase::kProposed || phase == PlanPhase::kPreparing ||
                    phase == PlanPhase::kAborting;
  if (open && call.dry_run) {
    result.detail = absl::StrCat("plan ", PlanIdText(*coordinator_.candidate()),
                                 " can be aborted: ", PlanPhaseName(phase));
    call.ticket->OnEnd(absl::OkStatus(), result);
    return;
  }
  // What it refuses it leaves as it is, so that a dry run may ask too.
  const absl::Status status = coordinator_.Abort(
      absl::StrCat("by ", call.who, call.reason.empty() ? "" : ": ", call.reason), clock_.Uptime(),
      &actions_);
  if (status.ok()) {
    aborts_.push_back({call.ticket, std::move(result)});
  } else {
    call.ticket->OnEnd(status, result);
  }
}

absl::StatusOr<PlanVersion> RolloutLoop::VersionBefore() const {
  const PlanVersion decided = coordinator_.decided().version;
  if (decided == PlanVersion{}) {
    return absl::FailedPreconditionError("the initial plan runs; there is none before it");
  }
  BALLAST_ASSIGN_OR_RETURN(const std::vector<PlanRecord> history,
                           store_.History(config_.name, std::numeric_limits<int>::max()));
  for (const PlanRecord& record : history) {
    if (record.state == PlanState::kDecided && record.id.version < decided) {
      return record.id.version;
    }
  }
  return PlanVersion{};
}

absl::StatusOr<PlanRecord> RolloutLoop::ContentOf(const SteeringCall& call) const {
  PlanVersion version;
  if (call.version.has_value()) {
    version = *call.version;
  } else if (call.over_ahead) {
    version = coordinator_.decided().version;
  } else {
    BALLAST_ASSIGN_OR_RETURN(version, VersionBefore());
  }
  PlanRecord record;
  record.shape = config_.shape;
  if (version == PlanVersion{}) {
    record.plan = InitialPlan(config_.shape, config_.topology);
    record.id = PlanIdOf(config_.shape, record.plan);
    record.planner = "initial";
  } else {
    BALLAST_ASSIGN_OR_RETURN(record, store_.Get(config_.name, version));
    if (record.state != PlanState::kDecided) {
      return absl::FailedPreconditionError(absl::StrCat(
          "plan ", PlanIdText(record.id), " is ", PlanStateName(record.state), ": it never ran"));
    }
  }
  if (!IsMadeFor(config_, record)) {
    return absl::FailedPreconditionError(
        absl::StrCat("plan ", PlanIdText(record.id), " was made for another shape or topology"));
  }
  if (record.id.digest == coordinator_.decided().digest && !call.over_ahead) {
    return absl::FailedPreconditionError(absl::StrCat("plan ", PlanIdText(record.id),
                                                      " has the content of the decided plan ",
                                                      PlanIdText(coordinator_.decided())));
  }
  return record;
}

// A plan came to its end: so do the calls that made it or wanted it gone.
void RolloutLoop::EndSteering(const CoordinatorAction& action) {
  const bool aborted = absl::StartsWith(action.reason, "aborted");
  for (PendingAbort& abort : std::exchange(aborts_, {})) {
    abort.result.detail = absl::StrCat("plan ", PlanIdText(action.plan), " ", action.reason);
    abort.ticket->OnEnd(
        aborted ? absl::OkStatus() : absl::FailedPreconditionError(abort.result.detail),
        abort.result);
  }
  if (!candidate_.has_value() || !candidate_->steered.has_value()) return;
  if (candidate_->record.digest != action.plan.digest) return;
  const SteeringResult result = {candidate_->record.base, action.plan, action.reason};
  absl::Status status = absl::OkStatus();
  if (action.reason != "done") {
    status =
        aborted ? absl::AbortedError(action.reason) : absl::FailedPreconditionError(action.reason);
  }
  candidate_->steered->ticket->OnEnd(status, result);
}

}  // namespace ballast
