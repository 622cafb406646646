#ifndef BALLAST_TESTS_ROUTING_ROUTING_INSTANCE_H_
#define BALLAST_TESTS_ROUTING_ROUTING_INSTANCE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/routing/placement_table.h"

namespace ballast {

inline std::uint64_t RoutingTestSeed() {
  const char* seed = std::getenv("BALLAST_TEST_SEED");
  return seed == nullptr ? 20240611 : std::strtoull(seed, nullptr, 10);
}

// Owns what a TableSpec points to: every rank has equally many slots.
struct RoutingInstance {
  int num_layers = 1;
  int num_experts = 0;
  int num_ranks = 0;
  int row_size = 0;
  int slots_per_rank = 0;
  std::vector<ExpertId> expert_in_slot = {};
  std::vector<std::uint16_t> share = {};
  std::vector<RankId> rank_of_slot = {};
  std::vector<RowId> row_of_rank = {};

  int num_slots() const { return num_ranks * slots_per_rank; }
  TableSpec spec(int own_rank = 0) const {
    TableSpec spec;
    spec.num_layers = num_layers;
    spec.num_experts = num_experts;
    spec.num_slots = num_slots();
    spec.expert_in_slot = expert_in_slot;
    spec.share = share;
    spec.rank_of_slot = rank_of_slot;
    spec.row_of_rank = row_of_rank;
    spec.own_rank = RankId(own_rank);
    return spec;
  }
  std::shared_ptr<const PlacementTable> Build(int own_rank = 0) const {
    std::string error;
    return PlacementTable::Build(spec(own_rank), &error);
  }
};

// Fills ranks and shares of `instance`; slots hold expert slot % num_experts.
inline RoutingInstance WithRanks(RoutingInstance instance) {
  for (int r = 0; r < instance.num_ranks; ++r) {
    instance.row_of_rank.push_back(RowId(r / instance.row_size));
    for (int k = 0; k < instance.slots_per_rank; ++k) instance.rank_of_slot.push_back(RankId(r));
  }
  for (int layer = 0; layer < instance.num_layers; ++layer) {
    for (int s = 0; s < instance.num_slots(); ++s) {
      instance.expert_in_slot.push_back(ExpertId(s % instance.num_experts));
    }
  }
  instance.share.assign(instance.expert_in_slot.size(), 1);
  return instance;
}

// Every expert of a layer once, the other slots at random, all in random places.
inline RoutingInstance RandomInstance(RoutingInstance frame, Random& random) {
  RoutingInstance instance = WithRanks(std::move(frame));
  const int num_slots = instance.num_slots();
  for (int layer = 0; layer < instance.num_layers; ++layer) {
    ExpertId* const experts = instance.expert_in_slot.data() + layer * num_slots;
    for (int s = instance.num_experts; s < num_slots; ++s) {
      experts[s] = ExpertId(static_cast<int>(random.Below(instance.num_experts)));
    }
    for (int s = num_slots - 1; s > 0; --s) std::swap(experts[s], experts[random.Below(s + 1)]);
  }
  return instance;
}

// Draws experts with the probability of their weight.
class ExpertDraw {
 public:
  // Zipf: the k-th hottest expert weighs 1 / k^exponent; which it is, is random.
  ExpertDraw(int num_experts, double exponent, Random& random) {
    std::vector<double> weight;
    for (int e = 0; e < num_experts; ++e) weight.push_back(std::pow(e + 1, -exponent));
    for (int e = num_experts - 1; e > 0; --e) std::swap(weight[e], weight[random.Below(e + 1)]);
    double sum = 0;
    for (double w : weight) cumulative_.push_back(sum += w);
  }

  ExpertId Next(Random& random) const {
    const double x = random.Uniform() * cumulative_.back();
    const auto it = std::upper_bound(cumulative_.begin(), cumulative_.end(), x);
    return ExpertId(static_cast<int>(it - cumulative_.begin()));
  }

  std::vector<ExpertId> Batch(int num_picks, Random& random) const {
    std::vector<ExpertId> experts(num_picks);
    for (ExpertId& expert : experts) expert = Next(random);
    return experts;
  }

 private:
  std::vector<double> cumulative_;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_ROUTING_ROUTING_INSTANCE_H_
