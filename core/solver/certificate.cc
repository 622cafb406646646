#include "core/solver/certificate.h"

#include <algorithm>
#include <utility>

namespace ballast {
namespace {

double GapOf(double value, double lower_bound) {
  return lower_bound > 0 ? std::max(0.0, value / lower_bound - 1) : 0.0;
}

BoundProof SplitProof(const Topology& topology, absl::Span<const double> load,
                      const SplitResult& split) {
  BoundProof proof;
  if (split.cut_experts.empty()) {  // No load: every rank is at its bound of 0.
    proof.all_experts = true;
    proof.all_ranks = true;
    for (int rank = 0; rank < topology.num_ranks(); ++rank) {
      proof.capacity += topology.relative_speed(RankId(rank));
    }
    return proof;
  }
  proof.all_experts = split.cut_experts.size() == load.size();
  if (!proof.all_experts) proof.experts = split.cut_experts;
  proof.all_ranks = static_cast<int>(split.cut_ranks.size()) == topology.num_ranks();
  if (!proof.all_ranks) proof.ranks = split.cut_ranks;
  proof.load = split.cut_load;
  proof.capacity = split.cut_capacity;
  return proof;
}

}  // namespace

LayerCertificate CertifyLayer(const Topology& topology, absl::Span<const double> load,
                              SplitRule rule, const LayerSplit* split) {
  LowerBound bound = LayerLowerBound(topology, load, rule);
  LayerCertificate layer;
  layer.lower_bound = bound.value;
  layer.bound = std::move(bound.name);
  layer.proof = std::move(bound.proof);
  if (split == nullptr) return layer;
  // Where a bound is met, rounding may put it a hair above the value.
  const double value = split->value(rule);
  layer.value = value;
  layer.lower_bound = std::min(layer.lower_bound, value);
  layer.gap = GapOf(value, layer.lower_bound);
  layer.split_bound = std::min(split->best.value, value);
  layer.split_proof = SplitProof(topology, load, split->best);
  return layer;
}

Certificate SumOfLayers(std::vector<LayerCertificate> layers) {
  Certificate certificate;
  certificate.per_layer = std::move(layers);
  for (const LayerCertificate& layer : certificate.per_layer) {
    certificate.lower_bound += layer.lower_bound;
    if (layer.value.has_value()) {
      certificate.value = certificate.value.value_or(0) + *layer.value;
    }
  }
  if (certificate.value.has_value()) {
    certificate.gap = GapOf(*certificate.value, certificate.lower_bound);
  }
  return certificate;
}

Certificate CertifyPlan(const Topology& topology, const LoadMatrix& load, SplitRule rule,
                        const PlacementPlan& plan) {
  std::vector<LayerCertificate> layers;
  layers.reserve(load.num_layers());
  for (int layer = 0; layer < load.num_layers(); ++layer) {
    const absl::Span<const double> loads = load.layer(LayerId(layer));
    const LayerSplit split = SplitLayer(topology, loads, plan.experts(LayerId(layer)));
    layers.push_back(CertifyLayer(topology, loads, rule, &split));
  }
  return SumOfLayers(std::move(layers));
}

Certificate CertifyBounds(const Topology& topology, const LoadMatrix& load, SplitRule rule) {
  std::vector<LayerCertificate> layers;
  layers.reserve(load.num_layers());
  for (int layer = 0; layer < load.num_layers(); ++layer) {
    layers.push_back(CertifyLayer(topology, load.layer(LayerId(layer)), rule, nullptr));
  }
  return SumOfLayers(std::move(layers));
}

}  // namespace ballast
