#ifndef BALLAST_CORE_POLICY_REBALANCE_POLICY_H_
#define BALLAST_CORE_POLICY_REBALANCE_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/model/balance.h"

namespace ballast {

// When to solve and whether to adopt. The `planning` section of the configuration.
struct PolicyOptions {
  std::uint64_t solve_every_steps = 1000;                 // 0: only by time.
  absl::Duration solve_every = absl::InfiniteDuration();  // Infinite: only by steps.
  absl::Duration min_interval = absl::Seconds(30);        // Between two adopted plans; >= 0.
  double min_gain = 0.03;                                 // Share of the straggler load; [0, 1).
  double min_coverage = 0.99;                             // Share of ranks; (0, 1].
  std::uint64_t min_batches = 2;                          // Closed batches before the first solve.
  double moe_seconds_per_step = 0.02;                     // MoE time of one serving step; > 0.
  double migration_bytes_per_second = 10e9;               // Of one rank's incoming weights; > 0.
  bool observe_only = false;                              // Solve and record, never adopt.
};

// What the policy sees at one moment.
struct PolicyInput {
  bool all_ranks_connected = false;
  bool rollout_idle = false;  // No plan on its way.
  bool paused = false;        // By an operator.
  double coverage = 0;        // LoadWindow::Coverage().
  std::uint64_t batches = 0;
  std::uint64_t min_last_step = 0;
};

// Why there is no solve now, or kNone if there is one. If several reasons hold, the
// first of this list is told.
enum class SolveHold {
  kNone,
  kPaused,
  kRanksMissing,
  kCoverageLow,
  kWindowYoung,
  kRolloutBusy,
  kNotDue,
};
const char* SolveHoldName(SolveHold hold);  // "none", "paused", "ranks_missing", ...

// The numbers a decision rests on, and the decision.
struct AdoptDecision {
  bool adopt = false;
  // "adopted", or the first that holds of "no_moves", "no_gain", "cost_exceeds_gain",
  // "min_interval", "observe_only": the last means that all else spoke for the plan.
  std::string reason;
  double straggler_load_now = 0;
  double straggler_load_new = 0;
  double gain = 0;             // 1 - new / now; 0 without load.
  double benefit_seconds = 0;  // gain * moe_seconds_per_step * steps to the next solve; >= 0.
  double cost_seconds = 0;     // Bytes of the busiest rank / migration_bytes_per_second.
};

// Decides for one EP group. Time and steps come in as arguments.
// Not thread-safe: the control thread owns it.
class RebalancePolicy {
 public:
  // `start` is the uptime at which "T seconds" begin to count before the first solve.
  // The options must be in the ranges they name; checked in all builds.
  explicit RebalancePolicy(const PolicyOptions& options,
                           absl::Duration start = absl::ZeroDuration());

  // Decides by these from now on; what was counted stays. The ranges as above.
  void SetOptions(const PolicyOptions& options);

  // Whether a solve is due, and if not why. "N steps" are counted on min_last_step
  // since the last solve (since step 0 before it), "T seconds" on `now` since the
  // last solve or the start; whichever comes first.
  SolveHold ShouldSolve(const PolicyInput& input, absl::Duration now) const;

  // A solve began. Restarts both counts, adopted or not.
  void OnSolve(std::uint64_t min_last_step, absl::Duration now);

  // Adopt if gain >= min_gain, benefit_seconds > cost_seconds, min_interval has
  // passed since the last adoption (if any), something moves, and not observe_only.
  // `now_balance` and `new_balance`: [num_layers] under one estimate; one size, checked
  // in all builds. Pure; OnAdopted() records.
  //
  // Steps to the next solve are solve_every_steps, or solve_every / moe_seconds_per_step
  // if that is less: a step takes at least its MoE time, so by time alone the benefit
  // is an upper bound.
  AdoptDecision Decide(absl::Span<const LayerBalance> now_balance,
                       absl::Span<const LayerBalance> new_balance, std::int64_t busiest_rank_bytes,
                       int moved_slots, absl::Duration now) const;

  // A plan was offered, decided, or found decided by an earlier process: min_interval
  // counts from the latest of these.
  void OnAdopted(absl::Duration now);

 private:
  double StepsToNextSolve() const;

  PolicyOptions options_;
  std::uint64_t last_solve_step_ = 0;
  absl::Duration last_solve_;
  std::optional<absl::Duration> last_adopted_;
};

}  // namespace ballast

#endif  // BALLAST_CORE_POLICY_REBALANCE_POLICY_H_
