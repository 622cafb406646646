#include "core/solver/relabel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/model/balance.h"
#include "tests/solver/solver_instance.h"

namespace ballast {
namespace {

using testing::ElementsAre;

constexpr ModelShape kEightExperts = {.num_layers = 1, .num_experts = 8};

std::size_t Moves(const PlacementPlan& from, const PlacementPlan& to) {
  return Diff(from, to).size();
}

TEST(KeepSlotsWithinRanksTest, LeavesExpertsThatStayInTheirSlot) {
  const ModelShape shape = {.num_layers = 1, .num_experts = 4};
  const Topology topology = UniformFleet(2, 2, 3);
  const PlacementPlan from = PlanOf(shape, topology, {0, 1, 2, 3, 0, 1});
  PlacementPlan to = PlanOf(shape, topology, {2, 3, 0, 1, 0, 2});
  KeepSlotsWithinRanks(topology, from, &to);
  EXPECT_THAT(ExpertsOf(to), ElementsAre(0, 3, 2, 2, 0, 1));
  EXPECT_EQ(Moves(from, to), 2u);
}

TEST(KeepSlotsWithinRanksTest, CountsSecondReplicasOnARankOneByOne) {
  const ModelShape shape = {.num_layers = 1, .num_experts = 2};
  const Topology topology = UniformFleet(1, 1, 3);
  const PlacementPlan from = PlanOf(shape, topology, {0, 1, 0});
  PlacementPlan to = PlanOf(shape, topology, {1, 0, 1});
  KeepSlotsWithinRanks(topology, from, &to);
  EXPECT_THAT(ExpertsOf(to), ElementsAre(0, 1, 1));
}

TEST(KeepSlotsWithinRanksTest, MovesSharesWithTheirSlots) {
  const ModelShape shape = {.num_layers = 1, .num_experts = 2};
  const Topology topology = UniformFleet(2, 2, 2);
  const PlacementPlan from = PlanOf(shape, topology, {0, 1, 0, 1});
  PlacementPlan to = from;
  to.expert_in_slot = {ExpertId(1), ExpertId(0), ExpertId(0), ExpertId(1)};
  to.share = {100, 200, 65335, 65435};
  KeepSlotsWithinRanks(topology, from, &to);
  EXPECT_THAT(ExpertsOf(to), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(to.share, ElementsAre(200, 100, 65335, 65435));
}

TEST(RelabelRanksTest, FindsAPermutationOfTheRanksAgain) {
  const Topology topology = UniformFleet(4, 4, 2);
  const PlacementPlan from = PlanOf(kEightExperts, topology, {0, 1, 2, 3, 4, 5, 6, 7});
  PlacementPlan to = PlanOf(kEightExperts, topology, {4, 5, 6, 7, 2, 3, 0, 1});
  RelabelRanks(topology, from, RelabelScope::kWithinRows, &to);
  EXPECT_EQ(to, from);
}

TEST(RelabelRanksTest, KeepsContentInItsRowWithinRows) {
  const Topology topology = UniformFleet(4, 2, 2);
  const PlacementPlan from = PlanOf(kEightExperts, topology, {0, 1, 2, 3, 4, 5, 6, 7});
  PlacementPlan to = PlanOf(kEightExperts, topology, {6, 7, 4, 5, 2, 3, 0, 1});
  const PlacementPlan before = to;
  RelabelRanks(topology, from, RelabelScope::kWithinRows, &to);
  EXPECT_EQ(to, before);
}

TEST(RelabelRanksTest, ExchangesRowsAsAWhole) {
  const Topology topology = UniformFleet(4, 2, 2);
  const PlacementPlan from = PlanOf(kEightExperts, topology, {0, 1, 2, 3, 4, 5, 6, 7});
  PlacementPlan to = PlanOf(kEightExperts, topology, {6, 7, 4, 5, 2, 3, 0, 1});
  RelabelRanks(topology, from, RelabelScope::kWholeRows, &to);
  EXPECT_EQ(to, from);
}

TEST(RelabelRanksTest, DoesNotSplitRowsInTheScopeOfWholeRows) {
  const Topology topology = UniformFleet(4, 2, 2);
  const PlacementPlan from = PlanOf(kEightExperts, topology, {0, 1, 2, 3, 4, 5, 6, 7});
  // Row 0 has one rank of each old row.
  PlacementPlan to = PlanOf(kEightExperts, topology, {4, 5, 0, 1, 6, 7, 2, 3});
  PlacementPlan all = to;
  RelabelRanks(topology, from, RelabelScope::kWholeRows, &to);
  EXPECT_EQ(Moves(from, to), 4u);
  RelabelRanks(topology, from, RelabelScope::kAllRanks, &all);
  EXPECT_EQ(all, from);
}

TEST(RelabelRanksTest, ExchangesOnlyRanksOfEqualSpeedAndSlots) {
  const auto topology = Topology::Create({{.row = RowId(0), .num_slots = 2},
                                          {.row = RowId(0), .num_slots = 2, .relative_speed = 2},
                                          {.row = RowId(0), .num_slots = 2},
                                          {.row = RowId(0), .num_slots = 1}});
  const ModelShape shape = {.num_layers = 1, .num_experts = 7};
  const PlacementPlan from = PlanOf(shape, *topology, {0, 1, 2, 3, 4, 5, 6});
  PlacementPlan to = PlanOf(shape, *topology, {2, 3, 4, 5, 0, 1, 6});
  RelabelRanks(*topology, from, RelabelScope::kAllRanks, &to);
  EXPECT_THAT(ExpertsOf(to), ElementsAre(0, 1, 4, 5, 2, 3, 6));
}

TEST(RelabelRanksTest, TakesEachLayerForItself) {
  const ModelShape shape = {.num_layers = 2, .num_experts = 4};
  const Topology topology = UniformFleet(2, 2, 2);
  const PlacementPlan from = PlanOf(shape, topology, {0, 1, 2, 3, 0, 1, 2, 3});
  PlacementPlan to = PlanOf(shape, topology, {2, 3, 0, 1, 0, 1, 2, 3});
  RelabelRanks(topology, from, RelabelScope::kWithinRows, &to);
  EXPECT_EQ(to, from);
}

// Slots to load for the best of all permutations of the ranks.
std::size_t FewestMoves(const Topology& topology, const PlacementPlan& from,
                        const PlacementPlan& to) {
  std::vector<int> ranks(topology.num_ranks());
  std::iota(ranks.begin(), ranks.end(), 0);
  std::size_t fewest = from.expert_in_slot.size();
  do {
    PlacementPlan renumbered = to;
    for (int rank = 0; rank < topology.num_ranks(); ++rank) {
      const SlotRange target = topology.slots_of(RankId(rank));
      const SlotRange source = topology.slots_of(RankId(ranks[rank]));
      for (int i = 0; i < target.count; ++i) {
        renumbered.expert_in_slot[target.first.value + i] =
            to.expert_in_slot[source.first.value + i];
      }
    }
    KeepSlotsWithinRanks(topology, from, &renumbered);
    fewest = std::min(fewest, Moves(from, renumbered));
  } while (std::next_permutation(ranks.begin(), ranks.end()));
  return fewest;
}

TEST(RelabelRanksTest, MovesAsFewSlotsAsAnyRenumbering) {
  Random random(SolverTestSeed());
  const ModelShape shape = {.num_layers = 1, .num_experts = 6};
  const Topology topology = UniformFleet(5, 5, 3);
  for (int instance = 0; instance < 50; ++instance) {
    SCOPED_TRACE(SeedLine(instance));
    std::vector<int> a(15);
    std::vector<int> b(15);
    for (int slot = 0; slot < 15; ++slot) {
      a[slot] = slot < 6 ? slot : static_cast<int>(random.Below(6));
      b[slot] = slot < 6 ? slot : static_cast<int>(random.Below(6));
    }
    for (int i = 14; i > 0; --i) std::swap(a[i], a[random.Below(i + 1)]);
    for (int i = 14; i > 0; --i) std::swap(b[i], b[random.Below(i + 1)]);
    const PlacementPlan from = PlanOf(shape, topology, a);
    PlacementPlan to = PlanOf(shape, topology, b);
    const std::size_t fewest = FewestMoves(topology, from, to);
    RelabelRanks(topology, from, RelabelScope::kAllRanks, &to);
    KeepSlotsWithinRanks(topology, from, &to);
    EXPECT_EQ(Moves(from, to), fewest);
  }
}

}  // namespace
}  // namespace ballast
