#ifndef BALLAST_CORE_MODEL_COVERAGE_H_
#define BALLAST_CORE_MODEL_COVERAGE_H_

#include <vector>

#include "core/base/ids.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

// Which experts a placement can lose. A replica counts as long as its rank lives,
// whatever its share: its weights are there, and a new split is cheap.

// One expert of one layer.
struct LayerExpert {
  LayerId layer;
  ExpertId expert;

  friend bool operator==(const LayerExpert&, const LayerExpert&) = default;
};

// Ranks taken to be gone: [num_ranks].
using LostRanks = std::vector<bool>;

// All ranks alive.
inline LostRanks NoRanksLost(const Topology& topology) {
  return LostRanks(topology.num_ranks(), false);
}

// Adds the ranks of one row, which must be one of the topology's.
void LoseRow(const Topology& topology, RowId row, LostRanks& lost);

// Pairs all of whose replicas sit on lost ranks, by layer, then expert. The plan must
// pass CheckPlan() for a model of `num_experts`; `lost` has one entry a rank, checked in
// all builds. Time O(layers * (slots + experts)), memory O(experts) and the answer.
std::vector<LayerExpert> UncoveredExperts(int num_experts, const Topology& topology,
                                          const PlacementPlan& plan, const LostRanks& lost);

// What the loss of any one rank or any one row would uncover, in (layer, expert) pairs.
struct CoverageSummary {
  int num_pairs = 0;                // Layers x experts.
  int single_rank_experts = 0;      // All replicas on one rank: lost with it.
  int single_row_experts = 0;       // All replicas in one row; all pairs if there is one row.
  std::vector<int> lost_with_rank;  // [num_ranks], sums to single_rank_experts.
  std::vector<int> lost_with_row;   // [num_rows], sums to single_row_experts.
};

// Arguments and cost as for UncoveredExperts().
CoverageSummary SummarizeCoverage(int num_experts, const Topology& topology,
                                  const PlacementPlan& plan);

}  // namespace ballast

#endif  // BALLAST_CORE_MODEL_COVERAGE_H_
