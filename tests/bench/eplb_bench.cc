// Time of one EPLB solve on one thread, beside the time in which std::sort orders
// as many uniform floats as there are slots, layer by layer, in the same run.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/solver/planner.h"
#include "tests/bench/bench_table.h"

namespace {

constexpr int kRepetitions = 30;
constexpr double kLayerLoad = 1048576;

struct Case {
  const char* name;
  int layers;
  int experts;
  int groups;
  int slots;
  int ranks;
  int rows;
};

constexpr Case kCases[] = {
    {"58x256-288-on-32-hierarchical", 58, 256, 8, 288, 32, 4},
    {"58x256-384-on-128-global", 58, 256, 8, 384, 128, 16},
    {"61x512-1024-on-512-global", 61, 512, 8, 1024, 512, 64},
};

void SetLayer(ballast::LoadMatrix& load, int layer, const std::vector<double>& weights) {
  double sum = 0;
  for (double weight : weights) sum += weight;
  for (int expert = 0; expert < load.num_experts(); ++expert) {
    load.Set(ballast::LayerId(layer), ballast::ExpertId(expert),
             weights[expert] * kLayerLoad / sum);
  }
}

// Zipf with exponent 0.8 over the experts in an order shuffled anew in each layer.
ballast::LoadMatrix Zipf(int layers, int experts) {
  ballast::LoadMatrix load(layers, experts);
  for (int layer = 0; layer < layers; ++layer) {
    ballast::Random random(1000 + static_cast<std::uint64_t>(layer));
    std::vector<double> weights(experts);
    for (int i = 0; i < experts; ++i) weights[i] = std::pow(i + 1, -0.8);
    for (int i = experts - 1; i > 0; --i) std::swap(weights[i], weights[random.Below(i + 1)]);
    SetLayer(load, layer, weights);
  }
  return load;
}

ballast::LoadMatrix Lognormal(int layers, int experts) {
  ballast::LoadMatrix load(layers, experts);
  for (int layer = 0; layer < layers; ++layer) {
    ballast::Random random(1000 + static_cast<std::uint64_t>(layer));
    std::vector<double> weights(experts);
    for (double& weight : weights) weight = std::exp(random.Normal());
    SetLayer(load, layer, weights);
  }
  return load;
}

std::vector<float> UniformFloats(int count) {
  ballast::Random random(1);
  std::vector<float> floats(count);
  for (float& value : floats) value = static_cast<float>(random.Uniform());
  return floats;
}

void Measure(ballast::BenchTable& table, const Case& size, const char* loads,
             const ballast::LoadMatrix& load, ballast::TieOrder ties) {
  const ballast::ModelShape shape = {.num_layers = size.layers,
                                     .num_experts = size.experts,
                                     .num_expert_groups = size.groups,
                                     .top_k = 8};
  const auto topology =
      ballast::Topology::Uniform(size.ranks, size.ranks / size.rows, size.slots / size.ranks);
  const auto planner = ballast::MakePlanner("eplb");
  if (!topology.ok() || !planner.ok()) std::abort();
  const ballast::PlanRequest request = {shape, *topology, load, nullptr, {.ties = ties}};

  const std::vector<float> unsorted = UniformFloats(size.layers * size.slots);
  double floor = 1e9;
  double solve = 1e9;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    std::vector<float> floats = unsorted;
    floor =
        std::min(floor, ballast::MinSeconds(1, [&] {
                   for (auto layer = floats.begin(); layer != floats.end(); layer += size.slots) {
                     std::sort(layer, layer + size.slots);
                   }
                   ballast::KeepResult(floats);
                 }));
    solve = std::min(solve, ballast::MinSeconds(1, [&] {
                       auto result = (*planner)->Plan(request);
                       if (!result.ok()) std::abort();
                       ballast::KeepResult(result);
                     }));
  }
  const char* suffix = ties == ballast::TieOrder::kStable ? "" : "/libstdcxx";
  table.Add(std::string("eplb/") + size.name + "/" + loads + suffix, solve * 1e3, "ms",
            floor * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  ballast::BenchTable table(argc, argv);
  for (const auto ties : {ballast::TieOrder::kStable, ballast::TieOrder::kLibstdcxx}) {
    for (const Case& size : kCases) {
      Measure(table, size, "zipf-0.8", Zipf(size.layers, size.experts), ties);
      Measure(table, size, "lognormal-1", Lognormal(size.layers, size.experts), ties);
    }
  }
  return 0;
}
