#ifndef BALLAST_CLIENT_FLEET_PLAN_BOARD_H_
#define BALLAST_CLIENT_FLEET_PLAN_BOARD_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "client/fleet/shared_region.h"
#include "core/base/ids.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

// The plan that each rank serves, in shared memory, so that a rank that comes back can
// begin on the plan of the others. Memory that is never written costs nothing.
//
// A rank writes its own part before it arrives in the first step of the plan. Others may
// read that part from then until they arrive in that step themselves.
class PlanBoard {
 public:
  static std::size_t RegionBytes(int num_layers, const Topology& topology);
  PlanBoard(int num_layers, const Topology& topology, SharedRegion& region);

  void Write(RankId rank, const PlacementPlan& plan);
  PlacementPlan Read(RankId rank) const;

 private:
  int num_layers_ = 0;
  int num_slots_ = 0;
  std::uint64_t topology_fingerprint_ = 0;
  absl::Span<PlanVersion> versions_;  // [num_ranks]
  absl::Span<ExpertId> experts_;      // [num_ranks][num_layers * num_slots]
  absl::Span<std::uint16_t> shares_;  // The same shape.
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_PLAN_BOARD_H_
