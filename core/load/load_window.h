#ifndef BALLAST_CORE_LOAD_LOAD_WINDOW_H_
#define BALLAST_CORE_LOAD_LOAD_WINDOW_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/load/demand.h"
#include "core/load/load_average.h"
#include "core/load/load_report.h"
#include "core/load/plausibility.h"
#include "core/load/rank_counters.h"
#include "core/load/step_progress.h"
#include "core/model/balance.h"
#include "core/model/load_matrix.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

// Moving average of the load of every logical expert of one EP group.
//
// Deltas of accepted reports go to the open batch; when the slowest rank has passed
// batch_steps steps the batch is closed, divided by its steps and averaged. The
// averages weigh a batch by its steps or its time, and the first batch is the
// estimate itself. A batch without picks (an idle group) changes nothing. Slot
// counts are attributed through the plan that they were counted under. Each
// picked token of an accepted report is counted exactly once.
//
// Both forms of reports give the estimate; picks sent give the demand per row too. The
// ranks of a group report in one form, that of most of them. A report that can not be true
// is not counted, and neither is the batch that it belongs to, nor a batch in which a rank
// is in doubt: see plausibility.h.
//
// The first batch begins where the ranks began to be counted. If that is not one step for all,
// as after a restart of the daemon, the picks before the last rank came are in total_picks()
// only: what that rank did meanwhile is not known.
//
// Not thread-safe: the control thread owns it. Add() is O(counts of the report);
// closing a batch costs O(layers * experts), times window_batches for kPlain.
class LoadWindow {
 public:
  // The options must be in the ranges they name; checked in all builds.
  LoadWindow(const ModelShape& shape, const Topology& topology, const LoadWindowOptions& options);

  // Makes a plan known; the kPlansKept added last are. Slot reports of others are
  // dropped, expert reports need none. The plan must pass CheckPlan(); its size is
  // checked in all builds. Adding a known plan again makes it the last added. Plans
  // are known by digest: two of one digest hold the same experts.
  static constexpr int kPlansKept = 8;
  void AddPlan(const PlanId& id, const PlacementPlan& plan);

  // Takes half_life_steps, half_life, batch_steps and stale_after over, for the open batch
  // already; the other options stay. The ranges as above.
  void SetOptions(const LoadWindowOptions& options);

  // `now` is uptime and does not decrease from call to call. InvalidArgument that
  // names rank and value, with the window unchanged, if the rank, the number of
  // counts or counter_bits is wrong, a count does not fit counter_bits, sequence is
  // 0, or step_last is before step_first - 1.
  absl::StatusOr<ReportOutcome> Add(const LoadReport& report, absl::Duration now);
  // The same without a copy: trades `report.counts` for a used buffer, whose content is
  // unspecified.
  absl::StatusOr<ReportOutcome> Add(LoadReport&& report, absl::Duration now);

  // Why the last Add() gave kImplausible, kReset or kOldIncarnation, with rank and values.
  const std::string& refusal() const { return refusal_; }

  // Ranks with fresh reports whose last step is far from that of the median rank, with
  // the distance in words, ascending: somebody counts steps of his own.
  std::vector<std::pair<RankId, std::string>> DriftingRanks(absl::Duration now) const;

  // Smallest last step over all ranks; 0 while a rank has never reported. "N steps"
  // of the policy count this. Never decreases: the steps of a worker that restarted
  // from zero go on where the group is.
  std::uint64_t MinLastStep() const { return progress_.MinLastStep(); }

  // Share of ranks with an accepted or baseline report not older than stale_after.
  double Coverage(absl::Duration now) const;

  // Ranks without such a report, ascending.
  std::vector<RankId> UncoveredRanks(absl::Duration now) const;

  // All zero before the first batch is closed; ask `batches`.
  const LoadEstimate& estimate() const { return average_.estimate(); }

  // The demand of each row, averaged like the estimate; null before a batch with picks sent.
  // Valid until the next call that is not const.
  const Demand* demand() const { return demand_.mean(); }

  // Measured picks per rank of the last closed batch, per step: balance of each
  // layer as served, [num_layers]. Empty before a batch with slot reports.
  std::vector<LayerBalance> MeasuredBalance() const;

  // Measured picks per rank and step, summed over layers, of the last closed batch:
  // [num_ranks]. All zero before a batch with slot reports.
  std::vector<double> MeasuredRankPicks() const;

  // The same for each layer: [num_layers * num_ranks], layer-major; empty before such a
  // batch. Valid until the next call that is not const.
  absl::Span<const double> MeasuredPicks() const { return measured_; }

  // Sum of all accepted deltas, in picks; stays at 2^64 - 1 once there.
  std::uint64_t total_picks() const { return total_picks_; }

 private:
  struct KnownPlan {
    PlanId id;
    std::vector<ExpertId> expert_in_slot;  // [num_layers * num_slots], row-major.
  };
  struct RankState {
    RankCounters counters;
    std::optional<absl::Duration> covered_at;  // The last accepted or baseline report.
    std::optional<ReportForm> form;            // Of the last report.
    std::optional<absl::Duration> stepped_at;  // When the next two were set.
    std::uint64_t incarnation = 0;
    std::uint64_t step_last = 0;   // As it reported.
    std::uint64_t step_shift = 0;  // Steps that it claimed and can not have made.
    double step_allowance = 0;     // How far its step may jump on top of what time allows.
  };

  absl::Status Check(const LoadReport& report) const;
  const KnownPlan* FindPlan(const PlanId& id) const;
  void CountSlots(const KnownPlan& plan, RankId rank);
  void CountExperts(RankId rank);
  void Explain(std::string refusal, RankCounters::Taken* taken);
  std::string RefusalOfForm(const LoadReport& report);
  std::string RefusalOfStep(const LoadReport& report, absl::Duration now);
  bool Covered(RankId rank, absl::Duration now) const;
  void MaybeCloseBatch(absl::Duration now);
  void CloseBatch(std::uint64_t steps, absl::Duration now);
  void ClearBatch();

  ModelShape shape_;
  Topology topology_;
  LoadWindowOptions options_;
  std::deque<KnownPlan> plans_;   // Last added last.
  std::vector<RankState> ranks_;  // [num_ranks]
  StepProgress progress_;
  LoadAverage average_;
  DemandWindow demand_;
  Plausibility plausibility_;
  std::string refusal_;
  ReportForm form_ = ReportForm::kSlot;  // Of most ranks.
  std::uint64_t total_picks_ = 0;

  // The open batch.
  LoadMatrix open_;                      // Picks received.
  std::vector<double> open_rank_picks_;  // [num_layers * num_ranks]; slot reports only.
  double open_picks_ = 0;
  bool open_has_slots_ = false;
  bool open_is_spoiled_ = false;                  // Picks of some rank are missing.
  std::optional<std::uint64_t> open_since_step_;  // None until all ranks have reported.
  std::optional<absl::Duration> open_since_;

  std::vector<double> measured_;      // [num_layers * num_ranks], picks per step; or empty.
  std::vector<std::uint64_t> delta_;  // Of the report in Add(), kept for its memory.
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_LOAD_WINDOW_H_
