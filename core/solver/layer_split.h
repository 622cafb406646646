#ifndef BALLAST_CORE_SOLVER_LAYER_SPLIT_H_
#define BALLAST_CORE_SOLVER_LAYER_SPLIT_H_

#include <vector>

#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/model/topology.h"
#include "core/routing/split_flow.h"
#include "core/solver/bounds.h"

namespace ballast {

// One layer of a placement under both ends of what a router can do.
struct LayerSplit {
  double equal_value = 0;           // Max over ranks of load / speed under equal shares,
  std::vector<double> equal_share;  // [num_slots]: 1 / replicas of the slot's expert.
  double best_value = 0;            // The same under best.share.
  SplitResult best;                 // The min-max split; its `value` is the proven optimum.

  double value(SplitRule rule) const {
    return rule == SplitRule::kEqual ? equal_value : best_value;
  }
  const std::vector<double>& share(SplitRule rule) const {
    return rule == SplitRule::kEqual ? equal_share : best.share;
  }
};

// `experts`: [num_slots] experts in slots, each in [0, num_experts), as CheckPlan()
// promises; `load`: [num_experts], finite and >= 0. Sums run in slot order. Cost:
// that of MinMaxSplit().
LayerSplit SplitLayer(const Topology& topology, absl::Span<const double> load,
                      absl::Span<const ExpertId> experts);

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_LAYER_SPLIT_H_
