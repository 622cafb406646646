#include "core/solver/layer_split.h"

#include <algorithm>
#include <cstddef>

namespace ballast {
namespace {

double MaxRankLoad(const Topology& topology, absl::Span<const double> load,
                   absl::Span<const ExpertId> experts, const std::vector<double>& share) {
  std::vector<double> picks(topology.num_ranks(), 0.0);
  for (std::size_t slot = 0; slot < experts.size(); ++slot) {
    picks[topology.rank_of(SlotId(static_cast<std::int32_t>(slot))).value] +=
        load[experts[slot].value] * share[slot];
  }
  double max = 0;
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    max = std::max(max, picks[rank] / topology.relative_speed(RankId(rank)));
  }
  return max;
}

}  // namespace

LayerSplit SplitLayer(const Topology& topology, absl::Span<const double> load,
                      absl::Span<const ExpertId> experts) {
  LayerSplit split;
  std::vector<int> count(load.size(), 0);
  for (ExpertId expert : experts) ++count[expert.value];
  split.equal_share.reserve(experts.size());
  for (ExpertId expert : experts) split.equal_share.push_back(1.0 / count[expert.value]);
  split.equal_value = MaxRankLoad(topology, load, experts, split.equal_share);

  std::vector<RankId> rank_of_slot;
  rank_of_slot.reserve(experts.size());
  for (int slot = 0; slot < topology.num_slots(); ++slot) {
    rank_of_slot.push_back(topology.rank_of(SlotId(slot)));
  }
  std::vector<double> speed;
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    speed.push_back(topology.relative_speed(RankId(rank)));
  }
  split.best = MinMaxSplit({.expert_load = {load.data(), load.size()},
                            .expert_in_slot = {experts.data(), experts.size()},
                            .rank_of_slot = rank_of_slot,
                            .rank_speed = speed});
  split.best_value = MaxRankLoad(topology, load, experts, split.best.share);
  return split;
}

}  // namespace ballast
