#ifndef BALLAST_TESTS_CLIENT_FLEET_TEST_SHAPES_H_
#define BALLAST_TESTS_CLIENT_FLEET_TEST_SHAPES_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "client/fleet/shared_region.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"

namespace ballast {

inline std::uint64_t FleetTestSeed() {
  const char* text = std::getenv("BALLAST_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

inline ModelShape FleetTestShape() {
  return {
      .num_layers = 3, .num_experts = 8, .num_expert_groups = 1, .top_k = 2, .expert_bytes = 1000};
}

// 4 ranks in rows of 2, 3 slots each.
inline Topology FleetTestTopology() { return *Topology::Uniform(4, 2, 3); }

inline SharedRegion FleetTestRegion(std::size_t num_bytes) {
  return *SharedRegion::Create(num_bytes);
}

}  // namespace ballast

#endif  // BALLAST_TESTS_CLIENT_FLEET_TEST_SHAPES_H_
