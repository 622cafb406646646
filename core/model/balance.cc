#include "core/model/balance.h"

#include <algorithm>

namespace ballast {

LayerBalance BalanceOfRanks(const Topology& topology, absl::Span<const double> picks_on_rank) {
  LayerBalance balance;
  double total = 0;
  double speed_sum = 0;
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    const double speed = topology.relative_speed(RankId(rank));
    balance.max_rank_load = std::max(balance.max_rank_load, picks_on_rank[rank] / speed);
    total += picks_on_rank[rank];
    speed_sum += speed;
  }
  balance.mean_rank_load = total / speed_sum;
  return balance;
}

std::vector<double> RankPicks(const Topology& topology, const LoadMatrix& load,
                              const PlacementPlan& plan, LayerId layer) {
  std::vector<double> picks(topology.num_ranks(), 0.0);
  const absl::Span<const ExpertId> experts = plan.experts(layer);
  const absl::Span<const std::uint16_t> shares = plan.shares(layer);
  const absl::Span<const double> loads = load.layer(layer);
  for (int slot = 0; slot < plan.num_slots; ++slot) {
    picks[topology.rank_of(SlotId(slot)).value] +=
        loads[experts[slot].value] * (static_cast<double>(shares[slot]) / kWholeShare);
  }
  return picks;
}

std::vector<LayerBalance> PlanBalance(const Topology& topology, const LoadMatrix& load,
                                      const PlacementPlan& plan) {
  std::vector<LayerBalance> layers;
  layers.reserve(plan.num_layers());
  for (int layer = 0; layer < plan.num_layers(); ++layer) {
    layers.push_back(BalanceOfRanks(topology, RankPicks(topology, load, plan, LayerId(layer))));
  }
  return layers;
}

double StragglerLoad(absl::Span<const LayerBalance> layers) {
  double sum = 0;
  for (const LayerBalance& layer : layers) sum += layer.max_rank_load;
  return sum;
}

double Balancedness(absl::Span<const LayerBalance> layers) {
  double mean_sum = 0;
  for (const LayerBalance& layer : layers) mean_sum += layer.mean_rank_load;
  const double max_sum = StragglerLoad(layers);
  return max_sum > 0 ? mean_sum / max_sum : 1.0;
}

double MeanImbalanceRatio(absl::Span<const LayerBalance> layers) {
  if (layers.empty()) return 1.0;
  double sum = 0;
  for (const LayerBalance& layer : layers) sum += layer.imbalance_ratio();
  return sum / static_cast<double>(layers.size());
}

}  // namespace ballast
