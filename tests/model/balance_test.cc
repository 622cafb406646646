#include "core/model/balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// Two ranks of two slots; the second is half as fast.
Topology SlowSecond() {
  return Topology::Create({{.row = RowId(0), .num_slots = 2},
                           {.row = RowId(0), .num_slots = 2, .relative_speed = 0.5}})
      .value();
}

// Two layers; slots hold 0 1 2 0.
struct Instance {
  Topology topology = SlowSecond();
  ModelShape shape{.num_layers = 2, .num_experts = 3};
  PlacementPlan plan = InitialPlan(shape, topology);
  LoadMatrix load{2, 3};
};

TEST(BalanceOfRanksTest, DividesPicksBySpeed) {
  const LayerBalance balance = BalanceOfRanks(SlowSecond(), std::vector<double>{4, 5});
  EXPECT_EQ(balance.max_rank_load, 10);
  EXPECT_EQ(balance.mean_rank_load, 6);
  EXPECT_DOUBLE_EQ(balance.imbalance_ratio(), 10.0 / 6);
}

TEST(BalanceOfRanksTest, PicksInProportionToSpeedAreBalanced) {
  EXPECT_EQ(BalanceOfRanks(SlowSecond(), std::vector<double>{4, 2}).imbalance_ratio(), 1);
}

TEST(BalanceOfRanksTest, ALayerWithoutLoadIsBalanced) {
  EXPECT_EQ(BalanceOfRanks(SlowSecond(), std::vector<double>{0, 0}).imbalance_ratio(), 1);
}

TEST(RankPicksTest, GivesEverySlotItsShareOfItsExpert) {
  Instance in;
  in.load.Set(LayerId(1), ExpertId(0), 65535);
  in.load.Set(LayerId(1), ExpertId(1), 10);
  in.load.Set(LayerId(1), ExpertId(2), 20);
  EXPECT_THAT(RankPicks(in.topology, in.load, in.plan, LayerId(1)),
              ElementsAre(32768 + 10, 32767 + 20));
  in.plan.share[4] = 0;
  in.plan.share[7] = kWholeShare;
  EXPECT_THAT(RankPicks(in.topology, in.load, in.plan, LayerId(1)), ElementsAre(10, 65535 + 20));
  EXPECT_THAT(RankPicks(in.topology, in.load, in.plan, LayerId(0)), ElementsAre(0, 0));
}

TEST(PlanBalanceTest, HasEveryLayer) {
  Instance in;
  in.load.Set(LayerId(0), ExpertId(1), 6);
  in.load.Set(LayerId(1), ExpertId(2), 3);
  const std::vector<LayerBalance> layers = PlanBalance(in.topology, in.load, in.plan);
  ASSERT_THAT(layers, SizeIs(2));
  EXPECT_EQ(layers[0].max_rank_load, 6);
  EXPECT_EQ(layers[0].mean_rank_load, 4);
  EXPECT_EQ(layers[1].max_rank_load, 6);  // The slow rank has it.
  EXPECT_EQ(layers[1].mean_rank_load, 2);
  EXPECT_EQ(StragglerLoad(layers), 12);
  EXPECT_EQ(Balancedness(layers), 0.5);
  EXPECT_EQ(MeanImbalanceRatio(layers), (1.5 + 3) / 2);
}

TEST(BalanceTest, WithoutLoadOrLayersAllIsBalanced) {
  const std::vector<LayerBalance> idle(3);
  EXPECT_EQ(StragglerLoad(idle), 0);
  EXPECT_EQ(Balancedness(idle), 1);
  EXPECT_EQ(MeanImbalanceRatio(idle), 1);
  EXPECT_EQ(Balancedness({}), 1);
  EXPECT_EQ(MeanImbalanceRatio({}), 1);
}

TEST(BalanceTest, BalancednessWeighsLayersByTheirLoad) {
  const std::vector<LayerBalance> layers = {{.max_rank_load = 100, .mean_rank_load = 100},
                                            {.max_rank_load = 4, .mean_rank_load = 2}};
  EXPECT_DOUBLE_EQ(Balancedness(layers), 102.0 / 104);
  EXPECT_DOUBLE_EQ(MeanImbalanceRatio(layers), 1.5);
}

}  // namespace
}  // namespace ballast
