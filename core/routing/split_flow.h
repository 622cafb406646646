#ifndef BALLAST_CORE_ROUTING_SPLIT_FLOW_H_
#define BALLAST_CORE_ROUTING_SPLIT_FLOW_H_

// Standard library and ids.h only: workers embed this folder alone.

#include <span>
#include <vector>

#include "core/base/ids.h"

namespace ballast {

// One layer of a placement and the load it must carry. Spans need to live during
// the call only. Loads and speeds are finite and >= 0; they are not checked.
struct SplitInput {
  std::span<const double> expert_load;       // [num_experts], any unit of load.
  std::span<const ExpertId> expert_in_slot;  // [num_slots]; not valid: an empty slot.
  std::span<const RankId> rank_of_slot;      // [num_slots], in any order.
  std::span<const double> rank_speed;        // [num_ranks]; 0: the rank takes nothing.
};

// The best that any router can do on the placement, and the proof that it is.
struct SplitResult {
  // The least possible max over ranks of load / speed, if the load of an expert may
  // be cut at will between its replicas. 0 without load; infinite if an expert with
  // load has no replica on a rank with speed.
  double value = 0;

  // [num_slots]: the part of its expert's load that each slot takes, in [0, 1]. The
  // shares of an expert's slots sum to 1 within rounding, also if it has no load;
  // all are 0 if it has no replica on a rank with speed. With them every rank's
  // load / speed is at most value * (1 + 1e-9). Slots of one expert on one rank
  // have equal shares.
  std::vector<double> share;

  // The proof, ascending: cut_experts have replicas on cut_ranks only (ranks of speed
  // 0 aside), so these ranks must carry cut_load with a sum of speeds of
  // cut_capacity, and some rank is at or above the mean,
  // value == cut_load / cut_capacity. An auditor checks two sums. Empty without load.
  std::vector<ExpertId> cut_experts;
  std::vector<RankId> cut_ranks;
  double cut_load = 0;      // Sum of the cut experts' loads, in ascending order.
  double cut_capacity = 0;  // Sum of the cut ranks' speeds, in ascending order.
};

// Splits every expert's load over its replicas so that the max over ranks of
// load / speed is minimal (max-flow, min-cut; the value is found by Newton's method
// on cuts). Exact up to rounding. Deterministic; thread-safe; does not read the
// order of ranks or slots except to break ties. Cost, measured on one core of the
// reference machine with placements of EPLB: 15-25 us for 256 experts in 384 slots on
// 128 ranks, 50 us for 512 in 1024 on 512.
SplitResult MinMaxSplit(const SplitInput& input);

}  // namespace ballast

#endif  // BALLAST_CORE_ROUTING_SPLIT_FLOW_H_
