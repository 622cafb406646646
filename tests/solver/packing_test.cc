#include "core/solver/packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "tests/solver/solver_instance.h"

namespace ballast {
namespace {

using testing::ElementsAre;

struct Packed {
  std::vector<std::int32_t> pack;
  std::vector<std::int32_t> rank_in_pack;
};

Packed Pack(const std::vector<float>& weight, int num_packs, TieOrder ties = TieOrder::kStable) {
  Packed packed = {std::vector<std::int32_t>(weight.size()),
                   std::vector<std::int32_t>(weight.size())};
  Packing packing;
  packing.Run(weight, num_packs, ties,
              {absl::MakeSpan(packed.pack), absl::MakeSpan(packed.rank_in_pack)});
  return packed;
}

// The definition, with a linear search for the lightest pack.
Packed PackNaively(const std::vector<float>& weight, int num_packs, TieOrder ties) {
  const int size = static_cast<int>(weight.size());
  const int capacity = size / num_packs;
  Packed packed = {std::vector<std::int32_t>(size), std::vector<std::int32_t>(size)};
  std::vector<std::pair<float, int>> order;
  for (int item = 0; item < size; ++item) order.emplace_back(weight[item], item);
  const auto heavier = [](const auto& a, const auto& b) { return a.first > b.first; };
  if (ties == TieOrder::kStable) {
    std::stable_sort(order.begin(), order.end(), heavier);
  } else {
    std::sort(order.begin(), order.end(), heavier);
  }
  if (capacity == 1) {
    for (int item = 0; item < size; ++item) order[item] = {0.0f, item};
  }
  std::vector<float> load(num_packs, 0.0f);
  std::vector<int> filled(num_packs, 0);
  for (const auto& [value, item] : order) {
    int best = -1;
    for (int pack = 0; pack < num_packs; ++pack) {
      if (filled[pack] < capacity && (best < 0 || load[pack] < load[best])) best = pack;
    }
    packed.pack[item] = best;
    packed.rank_in_pack[item] = filled[best]++;
    load[best] += value;
  }
  return packed;
}

TEST(PackingTest, PutsTheHeaviestItemIntoTheLightestPack) {
  // 9 -> pack 0, 7 -> 1, 6 -> 1 (7 < 9), 1 -> 0.
  const Packed packed = Pack({1, 9, 6, 7}, 2);
  EXPECT_THAT(packed.pack, ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(packed.rank_in_pack, ElementsAre(1, 0, 1, 0));
}

TEST(PackingTest, LeavesFullPacksAlone) {
  // Pack 1 is lighter all the time, but full after two items.
  EXPECT_THAT(Pack({100, 1, 1, 1}, 2).pack, ElementsAre(0, 1, 1, 0));
}

TEST(PackingTest, LowestPackWinsTies) {
  EXPECT_THAT(Pack({5, 5, 5, 5, 5, 5}, 3).pack, ElementsAre(0, 1, 2, 0, 1, 2));
}

TEST(PackingTest, DoesNotSortWithOneItemPerPack) {
  const Packed packed = Pack({1, 9, 5}, 3);
  EXPECT_THAT(packed.pack, ElementsAre(0, 1, 2));
  EXPECT_THAT(packed.rank_in_pack, ElementsAre(0, 0, 0));
}

TEST(PackingTest, FillsOnePackAfterTheOtherWithItemsWithoutWeight) {
  EXPECT_THAT(Pack({0, 0, 0, 0}, 2).pack, ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(Pack({0, 3, 0, 0, 0, 0}, 3).pack, ElementsAre(1, 0, 1, 2, 2, 0));
}

TEST(PackingTest, KeepsEqualItemsInOrderWhenStable) {
  const Packed packed = Pack(std::vector<float>(24, 0.0f), 2);
  for (int item = 0; item < 24; ++item) {
    EXPECT_EQ(packed.pack[item], item / 12);
    EXPECT_EQ(packed.rank_in_pack[item], item % 12);
  }
}

TEST(PackingTest, TakesTheOrderOfTheLibrarySortOnRequest) {
  // The order of 24 equal items that the published code was seen to produce.
  const Packed packed = Pack(std::vector<float>(24, 0.0f), 1, TieOrder::kLibstdcxx);
  EXPECT_EQ(packed.rank_in_pack[12], 0);
  EXPECT_EQ(packed.rank_in_pack[23], 1);
  EXPECT_EQ(packed.rank_in_pack[22], 2);
  EXPECT_EQ(packed.rank_in_pack[0], 12);
}

TEST(PackingTest, EqualsTheDefinitionOnRandomWeightsWithTies) {
  Random random(SolverTestSeed());
  for (int instance = 0; instance < 400; ++instance) {
    SCOPED_TRACE(SeedLine(instance));
    const int packs = 1 + static_cast<int>(random.Below(12));
    std::vector<float> weight(packs * (1 + random.Below(9)));
    const std::uint64_t kinds = 1 + random.Below(60);
    for (float& value : weight) {
      value = static_cast<float>(random.Below(kinds)) * (random.Below(4) == 0 ? 0.1f : 1.0f);
    }
    for (const TieOrder ties : {TieOrder::kStable, TieOrder::kLibstdcxx}) {
      const Packed got = Pack(weight, packs, ties);
      const Packed expected = PackNaively(weight, packs, ties);
      ASSERT_EQ(got.pack, expected.pack);
      ASSERT_EQ(got.rank_in_pack, expected.rank_in_pack);
    }
  }
}

TEST(PackingDeathTest, NeedsPacksOfEqualCapacity) {
  EXPECT_DEATH(Pack({1, 2, 3}, 2), "check failed");
  EXPECT_DEATH(Pack({1, 2, 3}, 0), "check failed");
}

}  // namespace
}  // namespace ballast
