#include "core/routing/placement_table.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/routing/routing_instance.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;

// 2 rows of 2 ranks with 2 slots each; experts 0 1 | 2 3 || 0 1 | 2 0 in layer 0 and
// 3 2 | 1 0 || 3 3 | 3 3 in layer 1.
RoutingInstance TwoRows() {
  RoutingInstance instance = WithRanks(
      {.num_layers = 2, .num_experts = 4, .num_ranks = 4, .row_size = 2, .slots_per_rank = 2});
  const int experts[] = {0, 1, 2, 3, 0, 1, 2, 0, 3, 2, 1, 0, 3, 3, 3, 3};
  for (int i = 0; i < 16; ++i) instance.expert_in_slot[i] = ExpertId(experts[i]);
  return instance;
}

std::vector<int> Slots(const PlacementTable& table, int layer, int expert) {
  std::vector<int> slots;
  for (SlotId slot : table.replicas(LayerId(layer), ExpertId(expert)).all) {
    slots.push_back(slot.value);
  }
  return slots;
}

TEST(PlacementTableTest, ListsReplicasOfTheOwnRowFirst) {
  const auto table = TwoRows().Build(/*own_rank=*/2);
  ASSERT_NE(table, nullptr);
  EXPECT_THAT(Slots(*table, 0, 0), ElementsAre(4, 7, 0));
  EXPECT_EQ(table->replicas(LayerId(0), ExpertId(0)).num_near, 2u);
  EXPECT_THAT(Slots(*table, 0, 3), ElementsAre(3));
  EXPECT_EQ(table->replicas(LayerId(0), ExpertId(3)).num_near, 0u);
  EXPECT_THAT(Slots(*table, 1, 3), ElementsAre(4, 5, 6, 7, 0));
  EXPECT_EQ(table->replicas(LayerId(1), ExpertId(3)).num_near, 4u);
}

TEST(PlacementTableTest, DescribesItsFrameAndTheOwnSlots) {
  RoutingInstance instance = TwoRows();
  TableSpec spec = instance.spec(/*own_rank=*/3);
  spec.id.version = {3, 14};
  std::string error;
  const auto table = PlacementTable::Build(spec, &error);
  ASSERT_NE(table, nullptr) << error;
  EXPECT_EQ(table->id(), spec.id);
  EXPECT_EQ(table->num_layers(), 2);
  EXPECT_EQ(table->num_experts(), 4);
  EXPECT_EQ(table->num_slots(), 8);
  EXPECT_EQ(table->num_ranks(), 4);
  EXPECT_EQ(table->own_rank(), RankId(3));
  EXPECT_EQ(table->own_first_slot(), SlotId(6));
  EXPECT_EQ(table->own_num_slots(), 2);
  EXPECT_EQ(table->rank_of(SlotId(5)), RankId(2));
}

TEST(PlacementTableTest, LeavesOutSlotsWithoutShare) {
  RoutingInstance instance = TwoRows();
  instance.share[4] = 0;
  EXPECT_THAT(Slots(*instance.Build(2), 0, 0), ElementsAre(7, 0));
}

TEST(PlacementTableTest, KeepsAllSlotsOfAnExpertWithoutAnyShare) {
  RoutingInstance instance = TwoRows();
  for (int slot : {0, 4, 7}) instance.share[slot] = 0;
  EXPECT_THAT(Slots(*instance.Build(2), 0, 0), ElementsAre(4, 7, 0));
}

TEST(PlacementTableTest, AcceptsUnevenAndEmptyRanks) {
  RoutingInstance instance = TwoRows();
  const int ranks[] = {0, 0, 0, 0, 0, 2, 2, 2};
  for (int s = 0; s < 8; ++s) instance.rank_of_slot[s] = RankId(ranks[s]);
  const auto table = instance.Build(/*own_rank=*/3);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->own_num_slots(), 0);
  EXPECT_THAT(Slots(*table, 0, 0), ElementsAre(7, 0, 4));
}

struct Malformed {
  const char* name;
  std::function<void(TableSpec&, RoutingInstance&)> harm;
  const char* error;
};

class MalformedTableTest : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedTableTest, IsRefusedWithPlaceAndValue) {
  RoutingInstance instance = TwoRows();
  TableSpec spec = instance.spec();
  GetParam().harm(spec, instance);
  std::string error;
  EXPECT_EQ(PlacementTable::Build(spec, &error), nullptr);
  EXPECT_EQ(error, GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedTableTest,
    ::testing::Values(
        Malformed{"NoLayers", [](TableSpec& s, RoutingInstance&) { s.num_layers = 0; },
                  "num_layers 0 is below 1"},
        Malformed{"NegativeExperts", [](TableSpec& s, RoutingInstance&) { s.num_experts = -3; },
                  "num_experts -3 is below 1"},
        Malformed{"FewerSlotsThanExperts",
                  [](TableSpec& s, RoutingInstance&) { s.num_experts = 9; },
                  "num_slots 8 out of [9, 65536]: every expert needs a slot"},
        Malformed{"TooManySlots", [](TableSpec& s, RoutingInstance&) { s.num_slots = 65537; },
                  "num_slots 65537 out of [4, 65536]: every expert needs a slot"},
        Malformed{"HugeLayers", [](TableSpec& s, RoutingInstance&) { s.num_layers = 2000000000; },
                  "num_layers 2000000000 times num_slots 8 is too large"},
        Malformed{
            "ShortExperts",
            [](TableSpec& s, RoutingInstance&) { s.expert_in_slot = s.expert_in_slot.first(15); },
            "expert_in_slot has 15 entries, not 16"},
        Malformed{"ShortShares", [](TableSpec& s, RoutingInstance&) { s.share = s.share.first(8); },
                  "share has 8 entries, not 16"},
        Malformed{"ShortRanks",
                  [](TableSpec& s, RoutingInstance&) { s.rank_of_slot = s.rank_of_slot.first(7); },
                  "rank_of_slot has 7 entries, not 8"},
        Malformed{"NoRanks", [](TableSpec& s, RoutingInstance&) { s.row_of_rank = {}; },
                  "row_of_rank has 0 entries, not 1 to 65536"},
        Malformed{"NegativeRow",
                  [](TableSpec&, RoutingInstance& i) { i.row_of_rank[1] = RowId(-1); },
                  "rank 1: row -1 is negative"},
        Malformed{"OwnRankNegative", [](TableSpec& s, RoutingInstance&) { s.own_rank = RankId(); },
                  "own rank -1 out of [0, 4)"},
        Malformed{"OwnRankTooLarge", [](TableSpec& s, RoutingInstance&) { s.own_rank = RankId(4); },
                  "own rank 4 out of [0, 4)"},
        Malformed{"RankOutOfRange",
                  [](TableSpec&, RoutingInstance& i) { i.rank_of_slot[7] = RankId(4); },
                  "slot 7: rank 4 out of [0, 4)"},
        Malformed{"RanksNotAscending",
                  [](TableSpec&, RoutingInstance& i) { i.rank_of_slot[3] = RankId(0); },
                  "slot 3: rank 0 after rank 1; slots are ordered by rank"},
        Malformed{"ExpertTooLarge",
                  [](TableSpec&, RoutingInstance& i) { i.expert_in_slot[8 + 5] = ExpertId(4); },
                  "layer 1, slot 5: expert 4 out of [0, 4)"},
        Malformed{"ExpertNegative",
                  [](TableSpec&, RoutingInstance& i) { i.expert_in_slot[2] = ExpertId(); },
                  "layer 0, slot 2: expert -1 out of [0, 4)"},
        Malformed{"ExpertWithoutReplica",
                  [](TableSpec&, RoutingInstance& i) { i.expert_in_slot[8 + 2] = ExpertId(0); },
                  "layer 1: expert 1 has no replica"}),
    [](const auto& malformed) { return std::string(malformed.param.name); });

TEST(PlacementTableTest, EqualsANaiveMapOnRandomPlacements) {
  Random random(RoutingTestSeed());
  for (int i = 0; i < 50; ++i) {
    SCOPED_TRACE("BALLAST_TEST_SEED=" + std::to_string(RoutingTestSeed()) + ", instance " +
                 std::to_string(i));
    const int slots_per_rank = 1 + static_cast<int>(random.Below(4));
    RoutingInstance instance =
        RandomInstance({.num_layers = 3,
                        .num_experts = 1 + static_cast<int>(random.Below(8 * slots_per_rank)),
                        .num_ranks = 8,
                        .row_size = 1 + static_cast<int>(random.Below(8)),
                        .slots_per_rank = slots_per_rank},
                       random);
    for (auto& share : instance.share) share = random.Below(3) == 0 ? 0 : 7;
    const int own = static_cast<int>(random.Below(8));
    const auto table = instance.Build(own);
    ASSERT_NE(table, nullptr);
    for (int layer = 0; layer < 3; ++layer) {
      for (int e = 0; e < instance.num_experts; ++e) {
        std::vector<int> part[2][2];  // [has share][far]
        for (int s = 0; s < instance.num_slots(); ++s) {
          const int cell = layer * instance.num_slots() + s;
          if (instance.expert_in_slot[cell].value != e) continue;
          const RowId row = instance.row_of_rank[instance.rank_of_slot[s].value];
          part[instance.share[cell] > 0][row != instance.row_of_rank[own]].push_back(s);
        }
        const bool any = !part[1][0].empty() || !part[1][1].empty();
        std::vector<int> expected[2] = {part[1][0], part[1][1]};
        if (!any) std::copy(part[0], part[0] + 2, expected);
        const std::size_t num_near = expected[0].size();
        expected[0].insert(expected[0].end(), expected[1].begin(), expected[1].end());
        EXPECT_EQ(Slots(*table, layer, e), expected[0]) << "layer " << layer << " expert " << e;
        EXPECT_EQ(table->replicas(LayerId(layer), ExpertId(e)).num_near, num_near);
      }
    }
  }
}

}  // namespace
}  // namespace ballast
