#include "core/solver/bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/solver/solver_instance.h"

namespace ballast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LowerBound BoundOf(const Topology& topology, const std::vector<double>& load, SplitRule rule) {
  return LayerLowerBound(topology, load, rule);
}

TEST(BoundsTest, MeanIsTheLoadOverTheSumOfSpeeds) {
  const auto topology = Topology::Create(
      {{.row = RowId(0), .num_slots = 2}, {.row = RowId(0), .num_slots = 2, .relative_speed = 3}});
  const LowerBound bound = BoundOf(*topology, {2, 2, 2, 2}, SplitRule::kBest);
  EXPECT_EQ(bound.name, "mean");
  EXPECT_DOUBLE_EQ(bound.value, 2);
  EXPECT_DOUBLE_EQ(bound.proof.load, 8);
  EXPECT_DOUBLE_EQ(bound.proof.capacity, 4);
  EXPECT_TRUE(bound.proof.all_experts && bound.proof.all_ranks);
}

TEST(BoundsTest, LargestExpertReachesAsManyRanksAsThereAreSpareSlotsPlusOne) {
  // 4 slots, 3 experts: the largest can have 2 replicas.
  const LowerBound bound = BoundOf(UniformFleet(4, 4, 1), {30, 1, 1}, SplitRule::kBest);
  EXPECT_EQ(bound.name, "largest_expert");
  EXPECT_DOUBLE_EQ(bound.value, 15);
  EXPECT_THAT(bound.proof.experts, ElementsAre(ExpertId(0)));
  EXPECT_EQ(bound.proof.ranks.size(), 2u);
  EXPECT_DOUBLE_EQ(bound.proof.load / bound.proof.capacity, bound.value);
  EXPECT_THAT(bound.proof.text, HasSubstr("2 replicas at most"));
}

TEST(BoundsTest, LargestExpertCountsTheFastestRanks) {
  const auto topology = Topology::Create({{.row = RowId(0), .num_slots = 1},
                                          {.row = RowId(0), .num_slots = 1, .relative_speed = 2},
                                          {.row = RowId(0), .num_slots = 1},
                                          {.row = RowId(0), .num_slots = 1, .relative_speed = 4}});
  const LowerBound bound = BoundOf(*topology, {60, 0, 0}, SplitRule::kBest);
  EXPECT_DOUBLE_EQ(bound.value, 10);
  EXPECT_THAT(bound.proof.ranks, ElementsAre(RankId(1), RankId(3)));
}

TEST(BoundsTest, AdamsIsTheSmallestLargestLoadPerReplica) {
  // 5 slots on 5 ranks for loads 8, 8, 1: 4, 4, 1 beats every other hand-out.
  const LowerBound bound = BoundOf(UniformFleet(5, 5, 1), {8, 8, 1}, SplitRule::kEqual);
  EXPECT_EQ(bound.name, "adams");
  EXPECT_DOUBLE_EQ(bound.value, 4);
  EXPECT_DOUBLE_EQ(bound.proof.load / bound.proof.capacity, 4);
  EXPECT_THAT(bound.proof.text, HasSubstr("2 of 5 slots"));
}

TEST(BoundsTest, AdamsNeedsEqualShares) {
  EXPECT_EQ(BoundOf(UniformFleet(5, 5, 1), {8, 8, 1}, SplitRule::kBest).name, "mean");
}

TEST(BoundsTest, AdamsDividesByTheGreatestSpeed) {
  const auto topology = Topology::Create(
      {{.row = RowId(0), .num_slots = 1}, {.row = RowId(0), .num_slots = 1, .relative_speed = 2}});
  const LowerBound bound = BoundOf(*topology, {8, 8}, SplitRule::kEqual);
  EXPECT_DOUBLE_EQ(bound.value, 16.0 / 3);
  EXPECT_EQ(bound.name, "mean");
}

TEST(BoundsTest, EquallyStrongBoundsCountAsMean) {
  EXPECT_EQ(BoundOf(UniformFleet(3, 3, 1), {1, 1, 1}, SplitRule::kEqual).name, "mean");
  EXPECT_EQ(BoundOf(UniformFleet(3, 3, 1), {0.1, 0.1, 0.1}, SplitRule::kEqual).name, "mean");
}

TEST(BoundsTest, IsZeroWithoutLoad) {
  EXPECT_EQ(BoundOf(UniformFleet(2, 2, 2), {0, 0}, SplitRule::kEqual).value, 0);
}

}  // namespace
}  // namespace ballast
