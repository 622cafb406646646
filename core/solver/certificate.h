#ifndef BALLAST_CORE_SOLVER_CERTIFICATE_H_
#define BALLAST_CORE_SOLVER_CERTIFICATE_H_

#include <optional>
#include <string>
#include <vector>

#include "core/model/load_matrix.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"
#include "core/solver/bounds.h"
#include "core/solver/layer_split.h"

namespace ballast {

// How far a placement is from what is provably possible, for one layer. Loads are
// picks over speed. A certificate without a placement has bounds only.
struct LayerCertificate {
  std::optional<double> value;        // Max over ranks of load / speed.
  double lower_bound = 0;             // No placement gets below; <= value.
  std::optional<double> gap;          // value / lower_bound - 1, >= 0; 0 if both are 0.
  std::string bound;                  // Name of the binding bound (bounds.h).
  BoundProof proof;                   // Of lower_bound.
  std::optional<double> split_bound;  // No split of this placement gets below; <= value.
  std::optional<BoundProof> split_proof;
};

// All layers, and their sums: what the whole model waits for.
struct Certificate {
  std::optional<double> value;  // Sums over layers,
  double lower_bound = 0;
  std::optional<double> gap;  // and the gap between these sums.
  std::vector<LayerCertificate> per_layer;
};

// Certifies one layer; `split` is null where there is no placement.
LayerCertificate CertifyLayer(const Topology& topology, absl::Span<const double> load,
                              SplitRule rule, const LayerSplit* split);

// Adds the totals to the layers.
Certificate SumOfLayers(std::vector<LayerCertificate> layers);

// Certifies a plan that passes CheckPlan(), under `rule`; its own shares do not
// count. Time: that of MinMaxSplit() for each layer.
Certificate CertifyPlan(const Topology& topology, const LoadMatrix& load, SplitRule rule,
                        const PlacementPlan& plan);

// Bounds for any plan. Needs num_slots >= num_experts; checked in all builds.
Certificate CertifyBounds(const Topology& topology, const LoadMatrix& load, SplitRule rule);

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_CERTIFICATE_H_
