// Goal: nothing on the pick path allocates. Method: this binary's operator new counts.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/routing/load_counters.h"
#include "core/routing/placement_table.h"
#include "core/routing/replica_router.h"
#include "gtest/gtest.h"
#include "tests/routing/counting_new.h"
#include "tests/routing/routing_instance.h"

namespace ballast {
namespace {

constexpr int kLayers = 8;

RoutingInstance Instance(Random& random) {
  return RandomInstance({.num_layers = kLayers,
                         .num_experts = 64,
                         .num_ranks = 32,
                         .row_size = 8,
                         .slots_per_rank = 3},
                        random);
}

TEST(PickPathTest, TheCounterOfThisTestCounts) {
  const long before = NumAllocations();
  const std::vector<int> allocates(100);
  EXPECT_EQ(NumAllocations(), before + 1) << allocates.size();
}

TEST(PickPathTest, StepsAfterTheFirstDoNotAllocate) {
  Random random(RoutingTestSeed());
  const RoutingInstance instance = Instance(random);
  TableCell cell;
  ReplicaRouter router(cell, {});
  LoadCounters counters(kLayers, 3);
  cell.Install(instance.Build(5));
  ASSERT_TRUE(router.BeginStep());
  const ExpertDraw draw(instance.num_experts, 0.8, random);
  std::vector<ExpertId> experts = draw.Batch(4096, random);
  std::vector<SlotId> slots(experts.size());

  const long before = NumAllocations();
  for (std::uint64_t step = 0; step < 20; ++step) {
    router.BeginStep();
    for (int layer = 0; layer < kLayers; ++layer) {
      const std::size_t picks = step * layer * 29 % 4097;
      router.PickBatch(LayerId(layer), std::span(experts).first(picks),
                       std::span(slots).first(picks));
      for (int slot = 0; slot < 3; ++slot) counters.Add(LayerId(layer), slot, 1);
    }
    counters.EndStep(step);
    if (step % 7 == 0) counters.Activate(PlanId{}, step + 1);
  }
  EXPECT_EQ(NumAllocations(), before);
}

TEST(PickPathTest, PicksDoNotAllocateRightAfterAnInstall) {
  Random random(RoutingTestSeed());
  TableCell cell;
  ReplicaRouter router(cell, {});
  for (int install = 0; install < 5; ++install) {
    const RoutingInstance instance = Instance(random);
    cell.Install(instance.Build(install));
    ASSERT_TRUE(router.BeginStep());
    const ExpertDraw draw(instance.num_experts, 0.8, random);
    const std::vector<ExpertId> experts = draw.Batch(4096, random);
    std::vector<SlotId> slots(experts.size());
    const long before = NumAllocations();
    router.PickBatch(LayerId(install), experts, slots);
    EXPECT_EQ(NumAllocations(), before);
  }
}

}  // namespace
}  // namespace ballast
