#ifndef BALLAST_CLIENT_WORKER_MOVE_LIST_H_
#define BALLAST_CLIENT_WORKER_MOVE_LIST_H_

#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

// One slot of the own rank that gets another expert.
struct SlotMove {
  LayerId layer;
  SlotId slot;          // Destination, on the own rank.
  ExpertId expert;      // What the slot shall hold.
  ExpertId overwrites;  // What it holds under the active plan.
  // A slot that holds `expert`, and its rank. Both invalid if no other rank has a copy:
  // load it from a checkpoint or from host memory. Never so in a switch of the whole group.
  SlotId source;
  RankId source_rank;
  // True: copy the weights from `source` into spare memory before the switch. False:
  // `source` is on the own rank, and still holds `expert` when this move's turn comes.
  bool through_staging = true;

  friend bool operator==(const SlotMove&, const SlotMove&) = default;
};

// The moves that bring `rank` from plan `from` to plan `to`, in layer order.
//
// Staging reads only what the active plan holds and writes only spare memory, so every
// expert keeps all its live copies until the group switches. At the switch the moves
// of a layer may be applied one after the other in this order, in place: no move reads
// a slot that an earlier one has overwritten. Where experts change places in a circle
// one of them goes through staging.
//
// Source: the own rank, else its row, else any rank. Among equals a fixed hash of layer
// and slot chooses, so that loaders of one hot expert do not all read the same copy. On
// the own rank a slot that keeps its expert comes first, then the lowest. Deterministic.
//
// `peers` is what the other ranks hold while this one loads: `from` in a switch of the whole
// group. A rank that is brought alone to what the others serve already takes nothing from
// where its own old plan says that others had it: then `peers` is `to`.
//
// All plans must pass CheckPlan() for the topology. Time O(layers * slots).
std::vector<SlotMove> MovesOfRank(const Topology& topology, RankId rank, const PlacementPlan& from,
                                  const PlacementPlan& to, const PlacementPlan& peers);
inline std::vector<SlotMove> MovesOfRank(const Topology& topology, RankId rank,
                                         const PlacementPlan& from, const PlacementPlan& to) {
  return MovesOfRank(topology, rank, from, to, from);
}

// Spare slots that the layer with most staged moves needs; 0 for none.
int SpareSlotsNeeded(const std::vector<SlotMove>& moves);

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_MOVE_LIST_H_
