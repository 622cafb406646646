#ifndef BALLAST_CORE_LOAD_LOAD_WINDOW_H_
#define BALLAST_CORE_LOAD_LOAD_WINDOW_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/load/load_report.h"
#include "core/model/balance.h"
#include "core/model/load_matrix.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

enum class Averaging {
  kHalfLifeSteps,  // EWMA; the weight of a batch halves every half_life_steps.
  kHalfLifeTime,   // EWMA; it halves every half_life.
  kPlain,          // Mean of the last window_batches batches.
};

struct LoadWindowOptions {
  Averaging averaging = Averaging::kHalfLifeSteps;
  double half_life_steps = 1000;                      // > 0
  absl::Duration half_life = absl::Minutes(2);        // > 0
  int window_batches = 20;                            // >= 1
  std::uint64_t batch_steps = 10;                     // Steps in one batch; >= 1.
  int num_scenarios = 10;                             // Snapshots kept; >= 0.
  absl::Duration stale_after = absl::Seconds(30);     // A rank silent for longer is not covered.
};

// What became of one report. Everything but kAccepted leaves the loads unchanged.
enum class ReportOutcome {
  kAccepted,     // Its delta was counted.
  kBaseline,     // First sight of counters that began earlier: remembered, not counted.
  kDuplicate,    // Sequence seen before.
  kLate,         // Older than what the window already holds of this rank and plan.
  kUnknownPlan,  // Counted under a plan the window does not know.
  kReset,        // Counters went back within one incarnation and plan: new baseline.
  kOldIncarnation,  // From a process that was replaced.
};
inline constexpr int kNumReportOutcomes = 7;

// Metric label: "accepted", "baseline", ... [a-z_]+.
const char* ReportOutcomeName(ReportOutcome outcome);

struct LoadEstimate {
  LoadMatrix mean;                    // Picks per serving step of the whole group.
  std::vector<LoadMatrix> scenarios;  // The last batches, oldest first, picks per step.
  std::uint64_t batches = 0;          // Closed since the window began.
};

// Moving average of the load of every logical expert of one EP group.
//
// Deltas of accepted reports go to the open batch; when the slowest rank has passed
// batch_steps steps the batch is closed, divided by its steps and averaged. Slot
// counts are attributed through the plan that they were counted under. Each
// picked token of an accepted report is counted exactly once.
//
// Not thread-safe: the control thread owns it. Add() is O(counts of the report).
class LoadWindow {
 public:
  LoadWindow(const ModelShape& shape, const Topology& topology, const LoadWindowOptions& options);

  // Makes a plan known; the newest kPlansKept are. Slot reports of others are dropped.
  static constexpr int kPlansKept = 8;
  void AddPlan(const PlanId& id, const PlacementPlan& plan);

  // InvalidArgument that names rank and value, with the window unchanged, if the
  // rank, the number of counts or counter_bits is wrong, or step_last is before
  // step_first - 1.
  absl::StatusOr<ReportOutcome> Add(const LoadReport& report, absl::Duration now);

  // Smallest last step over all ranks; 0 while a rank has never reported. "N steps"
  // of the policy count this.
  std::uint64_t MinLastStep() const;

  // Share of ranks with an accepted or baseline report not older than stale_after.
  double Coverage(absl::Duration now) const;

  // Ranks without such a report, ascending.
  std::vector<RankId> UncoveredRanks(absl::Duration now) const;

  // All zero before the first batch is closed; ask `batches`.
  const LoadEstimate& estimate() const { return estimate_; }

  // Measured picks per rank of the last closed batch, per step: balance of each
  // layer as served, [num_layers]. Empty before a batch with slot reports.
  std::vector<LayerBalance> MeasuredBalance() const;

  // Measured picks per rank, summed over layers, of the last closed batch: [num_ranks].
  std::vector<double> MeasuredRankPicks() const;

  // Sum of all accepted deltas, in picks.
  std::uint64_t total_picks() const { return total_picks_; }

 private:
  ModelShape shape_;
  Topology topology_;
  LoadWindowOptions options_;
  LoadEstimate estimate_;
  std::uint64_t total_picks_ = 0;
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_LOAD_WINDOW_H_
