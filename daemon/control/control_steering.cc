// Plans that operators ask a group's control thread for.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/fingerprint.h"
#include "daemon/control/control_loop.h"

namespace ballast {
namespace {

std::string EffectText(const SolveRecord& record) {
  return absl::StrFormat("max/mean %.3f -> %.3f, %d slots move, busiest rank loads %.2f GB",
                         record.imbalance_now, record.imbalance_new, record.moved_slots,
                         static_cast<double>(record.busiest_rank_bytes) / 1e9);
}

// What stands in the way of a plan that need not be due.
bool Forbids(SolveHold hold) {
  return hold == SolveHold::kRanksMissing || hold == SolveHold::kCoverageLow ||
         hold == SolveHold::kWindowYoung || hold == SolveHold::kRolloutBusy;
}

PlanResult EarlierPlan(const PlanRecord& record) {
  PlanResult result;
  result.plan = record.plan;
  result.policy = "rollback";
  return result;
}

}  // namespace

absl::Status ControlLoop::CheckRequest(const SteeringRequest& request, const RolloutFacts& facts,
                                       absl::Duration now) const {
  const absl::Status expected = CheckExpected(request.call, facts.decided);
  if (!expected.ok()) return expected;
  if (config_.policy.observe_only) {
    return absl::FailedPreconditionError(
        "planning.observe_only is set: this group's plans are never changed");
  }
  PolicyInput input = InputOf(facts, now);
  input.paused = false;
  if (request.content != nullptr) {  // Its content is known, so no load needs to be.
    input.coverage = 1;
    input.batches = config_.policy.min_batches;
  }
  if (request.call.over_ahead) input.rollout_idle = true;  // The coordinator judges the ranks.
  const SolveHold hold = policy_.ShouldSolve(input, now);
  if (!Forbids(hold)) return absl::OkStatus();
  const bool waits_for_ranks = hold == SolveHold::kRanksMissing || hold == SolveHold::kCoverageLow;
  return absl::FailedPreconditionError(
      absl::StrCat("no plan can be made now: ", SolveHoldName(hold),
                   waits_for_ranks ? "; the status names who is waited for" : ""));
}

// The plan that the call stands for, judged; or why there is none.
absl::StatusOr<PlanResult> ControlLoop::Answer(const SteeringRequest& request,
                                               const RolloutFacts& facts, absl::Duration now,
                                               SolveRecord* record) {
  const PlanRequest inputs = RequestOf(facts);
  *record = BeginRecord(facts, inputs);
  if (request.content != nullptr) {
    PlanResult earlier = EarlierPlan(*request.content);
    Judge(facts, earlier, now, record);
    record->planner = request.content->planner;
    record->decision.reason = "rollback";
    // What ranks that are ahead would move is not known here.
    record->decision.adopt = record->moved_slots > 0 || request.call.over_ahead;
    return earlier;
  }
  absl::StatusOr<PlanResult> result = planner_->Plan(inputs);
  record->decision.reason = "solve_failed";
  if (!result.ok()) return result;
  Judge(facts, *result, now, record);
  record->solve_time = clock_.Uptime() - now;
  record->decision.adopt = record->moved_slots > 0;
  if (record->decision.adopt) record->decision.reason = "forced";
  return result;
}

void ControlLoop::Serve(const SteeringRequest& request, const RolloutFacts& facts,
                        absl::Duration now) {
  const SteeringCall& call = request.call;
  const bool solves = request.content == nullptr;
  const bool counts = solves && !call.dry_run;
  SteeringResult answer = {facts.decided, facts.decided, ""};
  const absl::Status status = CheckRequest(request, facts, now);
  if (!status.ok()) return call.ticket->OnEnd(status, answer);
  if (counts) {
    policy_.OnSolve(window_.MinLastStep(), now);
    ++solves_;
    solve_step_ = window_.MinLastStep();
    solve_time_ = now;
  }
  SolveRecord record;
  absl::StatusOr<PlanResult> result = Answer(request, facts, now, &record);
  if (!result.ok()) {
    if (counts) {
      observer_.OnSolveFailed(config_.name, result.status());
      publisher_.Record(std::move(record), absl::StrCat("failed: ", result.status().message()));
    }
    return call.ticket->OnEnd(result.status(), answer);
  }
  if (counts) {
    observer_.OnSolve(config_.name, record);
    last_solve_ = record;
  }
  answer.detail = call.over_ahead ? "the ranks give up a later plan, which is not known here"
                                  : EffectText(record);
  if (!solves && !facts.paused) {
    answer.detail += "; the group is not paused, so its next solve may replace the plan";
  }
  if (!record.decision.adopt) {
    if (counts) publisher_.Record(std::move(record), kDecisionDeclined);
    return call.ticket->OnEnd(
        absl::FailedPreconditionError("the planner's answer is the plan that runs already"),
        answer);
  }
  answer.after = {{}, record.digest};
  if (call.dry_run) return call.ticket->OnEnd(absl::OkStatus(), answer);
  SteeredPlan steered;
  steered.reason = SteeredReason(call, solves ? PlanVersion{} : request.content->id.version);
  steered.detail = answer.detail;
  steered.ticket = call.ticket;
  steered.over_ahead = call.over_ahead;
  Adopt(*std::move(result), record, std::move(steered), now);
}

}  // namespace ballast
