#ifndef BALLAST_CORE_MODEL_BALANCE_H_
#define BALLAST_CORE_MODEL_BALANCE_H_

#include <vector>

#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/model/load_matrix.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

// How well one layer is spread over the ranks. A rank's load is its picks divided
// by its relative speed; the mean is the total divided by the sum of speeds.
struct LayerBalance {
  double max_rank_load = 0;
  double mean_rank_load = 0;

  // max / mean, >= 1; 1 for a layer without load.
  double imbalance_ratio() const {
    return mean_rank_load > 0 ? max_rank_load / mean_rank_load : 1.0;
  }
};

// Balance of one layer from the picks that each rank received: [num_ranks].
LayerBalance BalanceOfRanks(const Topology& topology, absl::Span<const double> picks_on_rank);

// Picks that each rank receives in `layer` when every slot takes its share:
// [num_ranks], not divided by speed. Sums run in slot order, so the bits are
// the same on every machine. The plan must pass CheckPlan().
std::vector<double> RankPicks(const Topology& topology, const LoadMatrix& load,
                              const PlacementPlan& plan, LayerId layer);

// Balance of every layer under the plan's shares: [num_layers].
std::vector<LayerBalance> PlanBalance(const Topology& topology, const LoadMatrix& load,
                                      const PlacementPlan& plan);

// Sum over layers of max_rank_load: what the whole model waits for, in picks.
double StragglerLoad(absl::Span<const LayerBalance> layers);

// (Sum of means) / (sum of maxima) over layers, in (0, 1]; 1 without load. The
// engines' figure; it weighs layers by their load.
double Balancedness(absl::Span<const LayerBalance> layers);

// Mean over layers of the imbalance ratio, >= 1; 1 for no layers.
double MeanImbalanceRatio(absl::Span<const LayerBalance> layers);

}  // namespace ballast

#endif  // BALLAST_CORE_MODEL_BALANCE_H_
