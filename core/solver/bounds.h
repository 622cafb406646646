#ifndef BALLAST_CORE_SOLVER_BOUNDS_H_
#define BALLAST_CORE_SOLVER_BOUNDS_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/model/topology.h"

namespace ballast {

// How the load of an expert is cut between its replicas.
enum class SplitRule {
  kEqual,  // 1 / replicas to each: what routers without load knowledge do.
  kBest,   // As the placement allows at best: the min-max split.
};

// Why no rank can be below a bound: the experts' load has to fit on the ranks, whose
// sum of speeds, times the number of replicas where that is what is short, is the
// capacity; load / capacity is the bound.
struct BoundProof {
  bool all_experts = false;
  std::vector<ExpertId> experts;  // Ascending; empty if all_experts.
  bool all_ranks = false;
  std::vector<RankId> ranks;  // Ascending; empty if all_ranks.
  double load = 0;
  double capacity = 0;
  std::string text;  // One sentence with its numbers, where two sums do not tell; else empty.
};

// A value that no placement gets below: of max over ranks of load / speed.
struct LowerBound {
  double value = 0;
  std::string name;  // "mean", "largest_expert" or "adams".
  BoundProof proof;
};

// The largest of the bounds on one layer that hold for every placement on the
// fleet; equally strong ones rank mean, largest_expert, adams:
//   mean            total load / sum of speeds;
//   largest_expert  its load / sum of speeds of the fastest ranks that it can reach,
//                   which are no more than slots - experts + 1;
//   adams           the smallest possible maximum of load / replicas over all ways
//                   to hand out the slots, / the greatest speed. Only for kEqual.
// `load`: [num_experts], finite and >= 0; num_slots >= num_experts. In float64.
// Time O(ranks log ranks + slots log experts).
LowerBound LayerLowerBound(const Topology& topology, absl::Span<const double> load, SplitRule rule);

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_BOUNDS_H_
