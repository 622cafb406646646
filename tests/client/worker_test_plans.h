#ifndef BALLAST_TESTS_CLIENT_WORKER_TEST_PLANS_H_
#define BALLAST_TESTS_CLIENT_WORKER_TEST_PLANS_H_

#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

inline std::uint64_t TestSeed() {
  const char* text = std::getenv("BALLAST_TEST_SEED");
  return text == nullptr ? 20240817 : std::strtoull(text, nullptr, 10);
}
inline std::string SeedText() { return "BALLAST_TEST_SEED=" + std::to_string(TestSeed()); }

// Two layers of four experts on four ranks in two rows, three slots each.
inline ModelShape SmallShape() { return {2, 4, 1, 2, 1000}; }
inline Topology SmallTopology() { return *Topology::Uniform(4, 2, 3); }

// A legal plan with random experts, equal shares.
inline PlacementPlan RandomPlan(const ModelShape& shape, const Topology& topology,
                                std::uint64_t sequence, Random* random) {
  PlacementPlan plan = InitialPlan(shape, topology);
  plan.version = {1, sequence};
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    ExpertId* experts = plan.expert_in_slot.data() + layer * plan.num_slots;
    // The redundant slots first, then a shuffle: every expert stays present.
    for (int slot = shape.num_experts; slot < plan.num_slots; ++slot) {
      experts[slot] = ExpertId(static_cast<int>(random->Below(shape.num_experts)));
    }
    for (int slot = plan.num_slots - 1; slot > 0; --slot) {
      std::swap(experts[slot], experts[random->Below(slot + 1)]);
    }
  }
  SetEqualShares(shape, plan);
  return plan;
}

// The initial plan with all experts shifted by `by` slots: each slot changes.
inline PlacementPlan ShiftedPlan(const ModelShape& shape, const Topology& topology,
                                 std::uint64_t sequence, int by = 1) {
  PlacementPlan plan = InitialPlan(shape, topology);
  plan.version = {1, sequence};
  for (ExpertId& expert : plan.expert_in_slot) {
    expert = ExpertId((expert.value + by) % shape.num_experts);
  }
  SetEqualShares(shape, plan);
  return plan;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_CLIENT_WORKER_TEST_PLANS_H_
