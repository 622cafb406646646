#include "daemon/control/decision_recorder.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "core/store/plan_store_errors.h"

namespace ballast {

DecisionRecord DecisionOf(const std::string& ep_group, const SolveRecord& solve) {
  DecisionRecord record;
  record.ep_group = ep_group;
  record.solved = solve.solved;
  record.step = solve.step;
  record.base = solve.base;
  record.plan_digest = solve.digest;
  record.input_digest = solve.input_digest;
  record.planner = solve.planner;
  record.branch = solve.branch;
  record.straggler_load_now = solve.decision.straggler_load_now;
  record.straggler_load_new = solve.decision.straggler_load_new;
  record.imbalance_now = solve.imbalance_now;
  record.imbalance_new = solve.imbalance_new;
  record.imbalance_initial = solve.imbalance_initial;
  record.balancedness_now = solve.balancedness_now;
  record.balancedness_new = solve.balancedness_new;
  record.lower_bound = solve.lower_bound;
  record.gain = solve.decision.gain;
  record.required_gain = solve.required_gain;
  // Infinite if no further solve is scheduled; a store keeps finite numbers.
  record.benefit_seconds =
      std::min(solve.decision.benefit_seconds, std::numeric_limits<double>::max());
  record.cost_seconds = solve.decision.cost_seconds;
  record.moved_slots = solve.moved_slots;
  record.same_row_bytes = solve.same_row_bytes;
  record.cross_row_bytes = solve.cross_row_bytes;
  record.busiest_rank_bytes = solve.busiest_rank_bytes;
  record.solve_milliseconds = absl::ToDoubleMilliseconds(solve.solve_time);
  record.reason = solve.decision.reason;
  return record;
}

void DecisionRecorder::Add(const SolveRecord& solve, std::string outcome) {
  DecisionRecord record = DecisionOf(parts_.config.name, solve);
  record.outcome = std::move(outcome);
  added_.push_back(std::move(record));
}

DecisionRecord* DecisionRecorder::FindOffered(const Digest& digest) {
  const auto newest = std::find_if(added_.rbegin(), added_.rend(), [&](const auto& record) {
    return record.plan_digest == digest && record.outcome == kDecisionOffered;
  });
  return newest == added_.rend() ? nullptr : &*newest;
}

void DecisionRecorder::Proposed(const PlanId& plan) {
  if (DecisionRecord* record = FindOffered(plan.digest)) record->plan = plan.version;
}

void DecisionRecorder::Finished(const PlanId& plan, const std::string& outcome) {
  DecisionRecord* const record = FindOffered(plan.digest);
  if (record != nullptr && record->plan == plan.version) {
    record->outcome = outcome;
  } else if (plan.version != PlanVersion{}) {
    finished_.emplace_back(plan.version, outcome);
  }
}

absl::Status DecisionRecorder::Write() {
  const std::string& group = parts_.config.name;
  absl::Status other_term;
  for (const DecisionRecord& record : std::exchange(added_, {})) {
    const absl::Duration begin = parts_.clock.Uptime();
    const absl::Status status =
        parts_.store.AppendDecision(record, parts_.config.decisions_kept, term_).status();
    parts_.observer.OnStoreCall("record_decision", status, parts_.clock.Uptime() - begin);
    if (IsOtherTerm(status)) other_term = status;
  }
  for (const auto& [plan, outcome] : std::exchange(finished_, {})) {
    const absl::Duration begin = parts_.clock.Uptime();
    const absl::Status status = parts_.store.UpdateDecisionOutcome(group, plan, outcome, term_);
    if (absl::IsNotFound(status)) continue;  // Of a plan before the first decision, or pruned.
    parts_.observer.OnStoreCall("record_decision", status, parts_.clock.Uptime() - begin);
    if (IsOtherTerm(status)) other_term = status;
  }
  return other_term;
}

void DecisionRecorder::Forget() {
  added_.clear();
  finished_.clear();
}

}  // namespace ballast
