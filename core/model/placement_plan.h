#ifndef BALLAST_CORE_MODEL_PLACEMENT_PLAN_H_
#define BALLAST_CORE_MODEL_PLACEMENT_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"

namespace ballast {

// Shares are counted in 1/65535 of an expert's load.
inline constexpr std::uint16_t kWholeShare = 65535;

// Which logical expert sits in which slot, and which share of the expert's load
// the slot takes, for every layer of one EP group. This is the one form in which
// a placement is solved for, stored and sent; everything else (replica lists,
// rank loads) is derived from it.
//
// A plain value. The struct itself promises nothing: CheckPlan() does.
struct PlacementPlan {
  PlanVersion version;                     // {0, 0} until a store has accepted it.
  std::uint64_t topology_fingerprint = 0;  // Of the Topology it was made for.
  int num_slots = 0;                       // Slots per layer.
  std::vector<ExpertId> expert_in_slot;    // [num_layers * num_slots], row-major.
  std::vector<std::uint16_t> share;        // [num_layers * num_slots]; 0: no traffic.

  int num_layers() const {
    return num_slots == 0 ? 0 : static_cast<int>(expert_in_slot.size()) / num_slots;
  }
  // Slots of one layer, in SlotId order. Valid while *this lives and is unchanged.
  absl::Span<const ExpertId> experts(LayerId layer) const {
    return absl::MakeConstSpan(expert_in_slot)
        .subspan(static_cast<std::size_t>(layer.value) * num_slots, num_slots);
  }
  absl::Span<const std::uint16_t> shares(LayerId layer) const {
    return absl::MakeConstSpan(share).subspan(static_cast<std::size_t>(layer.value) * num_slots,
                                              num_slots);
  }

  friend bool operator==(const PlacementPlan&, const PlacementPlan&) = default;
};

// Ok if the plan can be served: made for this fleet, of the right size, every
// slot filled with an expert of the model, every expert of every layer present
// at least once, and its shares summing to kWholeShare. Otherwise
// FailedPrecondition (another fleet) or InvalidArgument; the message names the
// first bad layer, slot or expert and the value.
//
// Two replicas of an expert on one rank are legal (the published EPLB makes
// them) but useless; CountWastedSlots() counts them.
//
// Time O(layers * (slots + experts)). Called on every way in: after the planner,
// before the store, after the store, and in the worker.
absl::Status CheckPlan(const ModelShape& shape, const Topology& topology,
                       const PlacementPlan& plan);

// Second and further replicas of an expert on one rank: [num_layers].
std::vector<int> CountWastedSlots(const Topology& topology, const PlacementPlan& plan);

// Gives every replica of an expert the same share; the remainder of 65535 goes,
// one unit each, to the replicas with the lowest slots. Keeps all else.
void SetEqualShares(const ModelShape& shape, PlacementPlan& plan);

// The plan before any plan: slot s holds expert s mod num_experts, equal shares,
// version {0, 0}. Daemon and workers compute it alike, so a worker serves before
// it has met a daemon. Needs num_slots >= num_experts; checked in all builds.
PlacementPlan InitialPlan(const ModelShape& shape, const Topology& topology);

// Digest over shape (layers, experts), fingerprint, experts and shares; not over
// the version: two plans with one digest route alike. Ranks compare it.
Digest PlanDigest(const ModelShape& shape, const PlacementPlan& plan);

// {plan.version, PlanDigest(shape, plan)}.
PlanId PlanIdOf(const ModelShape& shape, const PlacementPlan& plan);

// One slot whose expert differs between two plans: the unit of migration.
struct SlotChange {
  LayerId layer;
  SlotId slot;
  ExpertId before;
  ExpertId after;

  friend bool operator==(const SlotChange&, const SlotChange&) = default;
};

// Changes that turn `from` into `to`, ordered by layer, then slot. Both plans
// must have the same size; checked in all builds. Shares are not compared.
std::vector<SlotChange> Diff(const PlacementPlan& from, const PlacementPlan& to);

// Slot changes on the rank that has most of them, which is what the slowest
// loader must fetch. 0 for no changes.
int MaxChangesOnOneRank(const Topology& topology, absl::Span<const SlotChange> changes);

}  // namespace ballast

#endif  // BALLAST_CORE_MODEL_PLACEMENT_PLAN_H_
