#ifndef BALLAST_TESTS_SOLVER_SOLVER_INSTANCE_H_
#define BALLAST_TESTS_SOLVER_SOLVER_INSTANCE_H_

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/base/random.h"
#include "core/model/load_matrix.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

inline std::uint64_t SolverTestSeed() {
  const char* seed = std::getenv("BALLAST_TEST_SEED");
  return seed == nullptr ? 20240611 : std::strtoull(seed, nullptr, 10);
}

// Line for SCOPED_TRACE that repeats a failure.
inline std::string SeedLine(int instance) {
  return "BALLAST_TEST_SEED=" + std::to_string(SolverTestSeed()) + ", instance " +
         std::to_string(instance);
}

inline LoadMatrix LoadOf(const std::vector<std::vector<double>>& layers) {
  LoadMatrix load(static_cast<int>(layers.size()), static_cast<int>(layers.front().size()));
  for (int layer = 0; layer < load.num_layers(); ++layer) {
    for (int expert = 0; expert < load.num_experts(); ++expert) {
      load.Set(LayerId(layer), ExpertId(expert), layers[layer][expert]);
    }
  }
  return load;
}

inline Topology UniformFleet(int num_ranks, int row_size, int slots_per_rank) {
  absl::StatusOr<Topology> topology = Topology::Uniform(num_ranks, row_size, slots_per_rank);
  BALLAST_CHECK(topology.ok());
  return *std::move(topology);
}

inline ModelShape ShapeOf(const LoadMatrix& load, int num_expert_groups = 1) {
  return {.num_layers = load.num_layers(),
          .num_experts = load.num_experts(),
          .num_expert_groups = num_expert_groups};
}

// A plan with these experts in its slots and equal shares.
inline PlacementPlan PlanOf(const ModelShape& shape, const Topology& topology,
                            const std::vector<int>& experts) {
  PlacementPlan plan;
  plan.topology_fingerprint = topology.fingerprint();
  plan.num_slots = topology.num_slots();
  for (int expert : experts) plan.expert_in_slot.push_back(ExpertId(expert));
  SetEqualShares(shape, plan);
  return plan;
}

inline std::vector<int> ExpertsOf(const PlacementPlan& plan) {
  std::vector<int> experts;
  for (ExpertId expert : plan.expert_in_slot) experts.push_back(expert.value);
  return experts;
}

// A random problem that eplb can solve, of both branches. Loads are distinct.
struct SolverInstance {
  ModelShape shape;
  Topology topology;
  LoadMatrix load;
};

inline SolverInstance RandomInstance(Random& random) {
  const int rows = 1 + static_cast<int>(random.Below(4));
  const int ranks = rows * (1 + static_cast<int>(random.Below(4)));
  const int groups = 1 + static_cast<int>(random.Below(8));
  const int experts = groups * (1 + static_cast<int>(random.Below(6)));
  const int least = (experts + ranks - 1) / ranks;
  const int slots = least + static_cast<int>(random.Below(3));
  LoadMatrix load(1 + static_cast<int>(random.Below(3)), experts);
  for (double& picks : load.mutable_values()) picks = std::exp(1.5 * random.Normal()) * 100;
  const ModelShape shape = ShapeOf(load, groups);
  return {shape, UniformFleet(ranks, ranks / rows, slots), std::move(load)};
}

}  // namespace ballast

#endif  // BALLAST_TESTS_SOLVER_SOLVER_INSTANCE_H_
