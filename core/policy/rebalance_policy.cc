#include "core/policy/rebalance_policy.h"

#include <algorithm>
#include <limits>

#include "core/base/check.h"

namespace ballast {

const char* SolveHoldName(SolveHold hold) {
  switch (hold) {
    case SolveHold::kNone:
      return "none";
    case SolveHold::kPaused:
      return "paused";
    case SolveHold::kRanksMissing:
      return "ranks_missing";
    case SolveHold::kCoverageLow:
      return "coverage_low";
    case SolveHold::kWindowYoung:
      return "window_young";
    case SolveHold::kRolloutBusy:
      return "rollout_busy";
    case SolveHold::kNotDue:
      return "not_due";
  }
  BALLAST_CHECK(false);
}

RebalancePolicy::RebalancePolicy(const PolicyOptions& options, absl::Duration start)
    : last_solve_(start) {
  SetOptions(options);
}

void RebalancePolicy::SetOptions(const PolicyOptions& options) {
  BALLAST_CHECK(options.solve_every > absl::ZeroDuration());
  BALLAST_CHECK(options.min_interval >= absl::ZeroDuration());
  BALLAST_CHECK(options.min_gain >= 0 && options.min_gain < 1);
  BALLAST_CHECK(options.min_coverage > 0 && options.min_coverage <= 1);
  BALLAST_CHECK(options.moe_seconds_per_step > 0);
  BALLAST_CHECK(options.migration_bytes_per_second > 0);
  options_ = options;
}

SolveHold RebalancePolicy::ShouldSolve(const PolicyInput& input, absl::Duration now) const {
  if (input.paused) return SolveHold::kPaused;
  if (!input.all_ranks_connected) return SolveHold::kRanksMissing;
  if (input.coverage < options_.min_coverage) return SolveHold::kCoverageLow;
  if (input.batches < options_.min_batches) return SolveHold::kWindowYoung;
  if (!input.rollout_idle) return SolveHold::kRolloutBusy;
  const bool steps_due = options_.solve_every_steps > 0 &&
                         input.min_last_step >= last_solve_step_ &&
                         input.min_last_step - last_solve_step_ >= options_.solve_every_steps;
  const bool time_due = now - last_solve_ >= options_.solve_every;
  return steps_due || time_due ? SolveHold::kNone : SolveHold::kNotDue;
}

void RebalancePolicy::OnSolve(std::uint64_t min_last_step, absl::Duration now) {
  last_solve_step_ = min_last_step;
  last_solve_ = now;
}

double RebalancePolicy::StepsToNextSolve() const {
  const double by_steps = options_.solve_every_steps > 0
                              ? static_cast<double>(options_.solve_every_steps)
                              : std::numeric_limits<double>::infinity();
  const double by_time =
      absl::ToDoubleSeconds(options_.solve_every) / options_.moe_seconds_per_step;
  return std::min(by_steps, by_time);
}

AdoptDecision RebalancePolicy::Decide(absl::Span<const LayerBalance> now_balance,
                                      absl::Span<const LayerBalance> new_balance,
                                      std::int64_t busiest_rank_bytes, int moved_slots,
                                      absl::Duration now) const {
  BALLAST_CHECK(now_balance.size() == new_balance.size());
  AdoptDecision decision;
  decision.straggler_load_now = StragglerLoad(now_balance);
  decision.straggler_load_new = StragglerLoad(new_balance);
  if (decision.straggler_load_now > 0) {
    decision.gain = 1 - decision.straggler_load_new / decision.straggler_load_now;
  }
  // Guarded, because without any schedule the steps are infinite and 0 times that is no number.
  if (decision.gain > 0) {
    decision.benefit_seconds = decision.gain * options_.moe_seconds_per_step * StepsToNextSolve();
  }
  decision.cost_seconds =
      static_cast<double>(busiest_rank_bytes) / options_.migration_bytes_per_second;

  const bool too_soon = last_adopted_.has_value() && now - *last_adopted_ < options_.min_interval;
  if (moved_slots <= 0) {
    decision.reason = "no_moves";
  } else if (decision.gain < options_.min_gain || decision.gain <= 0) {
    decision.reason = "no_gain";
  } else if (decision.benefit_seconds <= decision.cost_seconds) {
    decision.reason = "cost_exceeds_gain";
  } else if (too_soon) {
    decision.reason = "min_interval";
  } else if (options_.observe_only) {
    decision.reason = "observe_only";
  } else {
    decision.reason = "adopted";
    decision.adopt = true;
  }
  return decision;
}

void RebalancePolicy::OnAdopted(absl::Duration now) { last_adopted_ = now; }

}  // namespace ballast
