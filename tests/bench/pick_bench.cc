// Time of one pick: ReplicaRouter::PickBatch() on 58 layers of 256 experts in 384 slots on
// 128 ranks in rows of 8, Zipf 0.8, against a floor of one table lookup per pick. And the
// best split of a layer's load on the same placements, against summing its rank loads.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/routing/placement_table.h"
#include "core/routing/replica_router.h"
#include "core/routing/split_flow.h"
#include "tests/bench/bench_table.h"
#include "tests/routing/routing_instance.h"

namespace ballast {
namespace {

constexpr int kLayers = 58;
constexpr int kExperts = 256;
constexpr int kRanks = 128;
constexpr int kRowSize = 8;
constexpr int kSlotsPerRank = 3;
constexpr int kTopK = 8;
constexpr int kOwnRank = 77;
constexpr double kSkew = 0.8;
// Different batches in turn, so that no branch is learnt by heart; few enough to stay in
// the second-level cache, as what the gate has just written does.
constexpr int kBatches = 4;

// Weight of every expert of a layer: Zipf, the order at random.
std::vector<double> ZipfWeights(Random& random) {
  std::vector<double> weight;
  for (int e = 0; e < kExperts; ++e) weight.push_back(std::pow(e + 1, -kSkew));
  for (int e = kExperts - 1; e > 0; --e) std::swap(weight[e], weight[random.Below(e + 1)]);
  return weight;
}

// Copies of each expert. `replicas` of each of the hottest, as long as there are slots; or,
// if 0, the next slot always to the expert with the most load per copy.
std::vector<int> Copies(const std::vector<double>& weight, int replicas) {
  std::vector<int> copies(kExperts, 1);
  const auto hotter = [&](int a, int b) {
    const int da = replicas == 0 ? copies[a] : 1;
    const int db = replicas == 0 ? copies[b] : 1;
    return weight[a] / da < weight[b] / db;
  };
  std::vector<int> open;
  for (int e = 0; e < kExperts; ++e) open.push_back(e);
  for (int left = kRanks * kSlotsPerRank - kExperts; left > 0; --left) {
    const auto hottest = std::max_element(open.begin(), open.end(), hotter);
    if (++copies[*hottest] == replicas) open.erase(hottest);
  }
  return copies;
}

// Heaviest copy first onto the least loaded rank that has room and no copy of it; then on
// any with room.
void PlaceCopies(const std::vector<double>& weight, const std::vector<int>& copies,
                 ExpertId* expert_in_slot) {
  std::vector<int> order;
  for (int e = 0; e < kExperts; ++e) order.insert(order.end(), copies[e], e);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return weight[a] / copies[a] > weight[b] / copies[b]; });
  std::vector<double> load(kRanks, 0);
  std::vector<int> used(kRanks, 0);
  for (int e : order) {
    int best = -1;
    bool best_has = false;
    for (int r = 0; r < kRanks; ++r) {
      if (used[r] == kSlotsPerRank) continue;
      const ExpertId* const first = expert_in_slot + r * kSlotsPerRank;
      const bool has = std::find(first, first + used[r], ExpertId(e)) != first + used[r];
      if (best < 0 || std::pair(has, load[r]) < std::pair(best_has, load[best])) {
        best = r;
        best_has = has;
      }
    }
    expert_in_slot[best * kSlotsPerRank + used[best]++] = ExpertId(e);
    load[best] += weight[e] / copies[e];
  }
}

// The gate's choice for `num_tokens` tokens: kTopK different experts each.
std::vector<ExpertId> DrawBatch(const std::vector<double>& weight, int num_tokens, Random& random) {
  std::vector<double> cumulative;
  double sum = 0;
  for (double w : weight) cumulative.push_back(sum += w);
  std::vector<ExpertId> experts;
  for (int token = 0; token < num_tokens; ++token) {
    const std::size_t first = experts.size();
    while (experts.size() < first + kTopK) {
      const auto it =
          std::upper_bound(cumulative.begin(), cumulative.end() - 1, random.Uniform() * sum);
      const ExpertId expert(static_cast<int>(it - cumulative.begin()));
      if (std::find(experts.begin() + static_cast<std::ptrdiff_t>(first), experts.end(), expert) ==
          experts.end()) {
        experts.push_back(expert);
      }
    }
  }
  return experts;
}

struct Scenario {
  RoutingInstance instance;
  std::vector<std::vector<ExpertId>> batches;  // [kBatches]
};

// All layers have the same weights, but the copies in other places.
Scenario MakeScenario(int replicas, int num_tokens) {
  Random random(20240611);
  Scenario scenario;
  scenario.instance = WithRanks({.num_layers = kLayers,
                                 .num_experts = kExperts,
                                 .num_ranks = kRanks,
                                 .row_size = kRowSize,
                                 .slots_per_rank = kSlotsPerRank});
  const std::vector<double> weight = ZipfWeights(random);
  const std::vector<int> copies = Copies(weight, replicas);
  for (int layer = 0; layer < kLayers; ++layer) {
    std::vector<double> shaken = weight;
    for (double& w : shaken) w *= 0.9 + 0.2 * random.Uniform();
    PlaceCopies(shaken, copies,
                scenario.instance.expert_in_slot.data() + layer * scenario.instance.num_slots());
  }
  for (int b = 0; b < kBatches; ++b) {
    scenario.batches.push_back(DrawBatch(weight, num_tokens, random));
  }
  return scenario;
}

// Runs pick(layer, experts, slots) for all layers; returns nanoseconds per pick.
template <typename Pick>
double NanosecondsPerPick(const Scenario& scenario, Pick&& pick) {
  const std::size_t num_picks = scenario.batches[0].size();
  std::vector<SlotId> slots(num_picks);
  const int repetitions = static_cast<int>(20 + 200000 / num_picks);
  const double seconds = MinSeconds(repetitions, [&] {
    for (int layer = 0; layer < kLayers; ++layer) {
      pick(LayerId(layer), scenario.batches[layer % kBatches], slots);
      KeepResult(slots[0]);
    }
  });
  return seconds * 1e9 / static_cast<double>(kLayers * num_picks);
}

void Measure(const std::string& name, int replicas, int num_tokens, BenchTable* bench) {
  const Scenario scenario = MakeScenario(replicas, num_tokens);
  TableCell cell;
  cell.Install(scenario.instance.Build(kOwnRank));
  ReplicaRouter router(cell, {});
  router.BeginStep();

  std::vector<SlotId> first_slot(kLayers * kExperts);
  for (int i = 0; i < kLayers * kExperts; ++i) {
    first_slot[i] =
        router.table().replicas(LayerId(i / kExperts), ExpertId(i % kExperts)).all.front();
  }
  const double floor = NanosecondsPerPick(
      scenario, [&](LayerId layer, const std::vector<ExpertId>& experts, std::vector<SlotId>& out) {
        const SlotId* const slot = first_slot.data() + layer.value * kExperts;
        for (std::size_t i = 0; i < experts.size(); ++i) out[i] = slot[experts[i].value];
      });
  const double value = NanosecondsPerPick(
      scenario, [&](LayerId layer, const std::vector<ExpertId>& experts, std::vector<SlotId>& out) {
        router.PickBatch(layer, experts, out);
      });
  bench->Add("pick/" + name + "/" + std::to_string(num_tokens) + "x8", value, "ns/pick", floor);
}

void MeasureSplit(BenchTable* bench) {
  const Scenario scenario = MakeScenario(0, 4096);
  const RoutingInstance& instance = scenario.instance;
  std::vector<double> load(kExperts, 0);
  for (ExpertId expert : scenario.batches[0]) ++load[expert.value];
  const std::vector<double> speed(kRanks, 1);
  const std::span<const ExpertId> experts(instance.expert_in_slot);
  const auto layer = [&](int i) {
    return experts.subspan(static_cast<std::size_t>(i) * instance.num_slots(),
                           instance.num_slots());
  };
  const double floor = MinSeconds(100, [&] {
    std::vector<double> rank_load(kRanks, 0);
    for (int i = 0; i < kLayers; ++i) {
      for (int s = 0; s < instance.num_slots(); ++s) {
        rank_load[instance.rank_of_slot[s].value] += load[layer(i)[s].value];
      }
    }
    KeepResult(rank_load[0]);
  });
  const double value = MinSeconds(30, [&] {
    for (int i = 0; i < kLayers; ++i) {
      KeepResult(MinMaxSplit({load, layer(i), instance.rank_of_slot, speed}).value);
    }
  });
  bench->Add("split/copies-by-load", value * 1e6 / kLayers, "us/layer", floor * 1e6 / kLayers);
}

}  // namespace
}  // namespace ballast

int main(int argc, char** argv) {
  ballast::BenchTable bench(argc, argv);
  for (int num_tokens : {4096, 512, 64}) {
    ballast::Measure("copies-by-load", 0, num_tokens, &bench);
    for (int replicas : {3, 10, 30}) {
      ballast::Measure("replicas-" + std::to_string(replicas), replicas, num_tokens, &bench);
    }
  }
  ballast::MeasureSplit(&bench);
  return 0;
}
