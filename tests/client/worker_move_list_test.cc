#include <algorithm>
#include <map>
#include <vector>

#include "client/worker/move_list.h"
#include "gtest/gtest.h"
#include "tests/client/worker_test_plans.h"

namespace ballast {
namespace {

PlacementPlan PlanOf(const Topology& topology, const std::vector<int>& experts) {
  PlacementPlan plan;
  plan.topology_fingerprint = topology.fingerprint();
  plan.num_slots = topology.num_slots();
  for (int expert : experts) plan.expert_in_slot.push_back(ExpertId(expert));
  plan.share.assign(experts.size(), 1);
  return plan;
}

TEST(MoveListTest, IsEmptyBetweenEqualPlans) {
  const Topology topology = SmallTopology();
  const PlacementPlan plan = InitialPlan(SmallShape(), topology);
  EXPECT_TRUE(MovesOfRank(topology, RankId(0), plan, plan).empty());
  EXPECT_EQ(SpareSlotsNeeded({}), 0);
}

TEST(MoveListTest, PrefersTheOwnRankThenTheOwnRowThenAnyRank) {
  const Topology topology = *Topology::Uniform(4, 2, 2);
  // Rank 0 gets expert 1 (which it has), rank 1 expert 0 (row), rank 3 expert 0 (far).
  const PlacementPlan from = PlanOf(topology, {0, 1, 2, 3, 4, 5, 6, 7});
  const PlacementPlan to = PlanOf(topology, {1, 1, 0, 3, 4, 5, 0, 7});
  const auto own = MovesOfRank(topology, RankId(0), from, to);
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(own[0], (SlotMove{LayerId(0), SlotId(0), ExpertId(1), ExpertId(0), SlotId(1), RankId(0),
                              false}));
  const auto row = MovesOfRank(topology, RankId(1), from, to);
  ASSERT_EQ(row.size(), 1u);
  EXPECT_EQ(row[0].source_rank, RankId(0));
  EXPECT_TRUE(row[0].through_staging);
  const auto far = MovesOfRank(topology, RankId(3), from, to);
  ASSERT_EQ(far.size(), 1u);
  EXPECT_EQ(far[0].source, SlotId(0));
}

TEST(MoveListTest, PrefersTheOwnRowOverAnEarlierRankElsewhere) {
  const Topology topology = *Topology::Uniform(4, 2, 1);
  const PlacementPlan from = PlanOf(topology, {0, 1, 1, 0});
  const PlacementPlan to = PlanOf(topology, {0, 1, 0, 0});
  const auto moves = MovesOfRank(topology, RankId(2), from, to);
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].source_rank, RankId(3));
}

// Rank 2 comes back on an old plan, while ranks 0 and 1 serve the new one already.
TEST(MoveListTest, ARankThatIsBroughtUpAloneReadsWhatItsPeersHoldNow) {
  const Topology topology = *Topology::Uniform(3, 1, 2);
  const PlacementPlan old = PlanOf(topology, {0, 1, 2, 3, 4, 5});
  const PlacementPlan now = PlanOf(topology, {1, 0, 5, 2, 0, 3});
  const auto moves = MovesOfRank(topology, RankId(2), old, now, now);
  ASSERT_EQ(moves.size(), 2u);
  // By the old plan expert 0 is in slot 0, which holds expert 1 now.
  EXPECT_EQ(moves[0].expert, ExpertId(0));
  EXPECT_EQ(moves[0].source, SlotId(1));
  EXPECT_EQ(moves[0].source_rank, RankId(0));
  // Nobody else has expert 3 any more: by the old plan slot 3 had it.
  EXPECT_EQ(moves[1].expert, ExpertId(3));
  EXPECT_FALSE(moves[1].source.valid());
  EXPECT_FALSE(moves[1].source_rank.valid());
  EXPECT_TRUE(moves[1].through_staging);
}

TEST(MoveListTest, ARankThatIsBroughtUpAloneKeepsWhatItHasItself) {
  const Topology topology = *Topology::Uniform(2, 1, 2);
  const PlacementPlan old = PlanOf(topology, {0, 1, 2, 3});
  const PlacementPlan now = PlanOf(topology, {2, 1, 3, 0});
  const auto moves = MovesOfRank(topology, RankId(1), old, now, now);
  ASSERT_EQ(moves.size(), 2u);
  EXPECT_EQ(moves[0].slot, SlotId(2));  // Expert 3 from the own slot 3, before it is overwritten.
  EXPECT_EQ(moves[0].source, SlotId(3));
  EXPECT_FALSE(moves[0].through_staging);
  EXPECT_EQ(moves[1].expert, ExpertId(0));
  EXPECT_FALSE(moves[1].source.valid());  // It was in slot 0 by the old plan only.
}

TEST(MoveListTest, SpreadsTheReadersOfOneExpertOverItsCopies) {
  const Topology topology = *Topology::Uniform(68, 1, 1);
  std::vector<int> before(68, 1);
  std::fill(before.begin(), before.begin() + 4, 0);
  const PlacementPlan from = PlanOf(topology, before);
  const PlacementPlan to = PlanOf(topology, std::vector<int>(68, 0));
  std::map<RankId, int> readers;
  for (int rank = 4; rank < 68; ++rank) {
    ++readers[MovesOfRank(topology, RankId(rank), from, to)[0].source_rank];
  }
  EXPECT_EQ(readers.size(), 4u);
  for (const auto& [source, count] : readers) EXPECT_LE(count, 32);
}

TEST(MoveListTest, OrdersAChainSoThatNothingIsOverwrittenBeforeItIsRead) {
  const Topology topology = *Topology::Uniform(2, 2, 3);
  const PlacementPlan from = PlanOf(topology, {0, 1, 2, 3, 4, 5});
  const PlacementPlan to = PlanOf(topology, {3, 0, 1, 2, 4, 5});
  const auto moves = MovesOfRank(topology, RankId(0), from, to);
  ASSERT_EQ(moves.size(), 3u);
  EXPECT_EQ(moves[0].slot, SlotId(2));
  EXPECT_EQ(moves[1].slot, SlotId(1));
  EXPECT_EQ(moves[2].slot, SlotId(0));
  EXPECT_EQ(SpareSlotsNeeded(moves), 1);
}

TEST(MoveListTest, StagesOneMoveOfACircle) {
  const Topology topology = *Topology::Uniform(1, 1, 3);
  const PlacementPlan from = PlanOf(topology, {0, 1, 2});
  const PlacementPlan to = PlanOf(topology, {1, 2, 0});
  const auto moves = MovesOfRank(topology, RankId(0), from, to);
  ASSERT_EQ(moves.size(), 3u);
  EXPECT_EQ(SpareSlotsNeeded(moves), 1);
}

TEST(MoveListTest, CountsSpareSlotsOfTheLayerThatNeedsMost) {
  SlotMove move;
  move.through_staging = true;
  std::vector<SlotMove> moves;
  for (int layer : {0, 1, 1, 1, 2}) {
    move.layer = LayerId(layer);
    moves.push_back(move);
  }
  EXPECT_EQ(SpareSlotsNeeded(moves), 3);
}

// Applies the moves of every rank as a loader does: staged ones are read before the
// switch, all others one after the other in place.
std::vector<ExpertId> Apply(const PlacementPlan& from, const std::vector<SlotMove>& moves) {
  std::vector<ExpertId> slots = from.expert_in_slot;
  const auto at = [&](LayerId layer, SlotId slot) -> ExpertId& {
    return slots[static_cast<std::size_t>(layer.value * from.num_slots + slot.value)];
  };
  std::map<std::pair<LayerId, SlotId>, ExpertId> staging;
  for (const SlotMove& move : moves) {
    if (move.through_staging) staging[{move.layer, move.slot}] = at(move.layer, move.source);
  }
  for (const SlotMove& move : moves) {
    EXPECT_EQ(at(move.layer, move.slot), move.overwrites);
    at(move.layer, move.slot) =
        move.through_staging ? staging.at({move.layer, move.slot}) : at(move.layer, move.source);
  }
  return slots;
}

TEST(MoveListTest, LeavesEveryRankWithTheNewPlan) {
  SCOPED_TRACE(SeedText());
  Random random(TestSeed());
  for (int round = 0; round < 300; ++round) {
    const int ranks = 1 + static_cast<int>(random.Below(4));
    const int slots = 2 + static_cast<int>(random.Below(6));
    const ModelShape shape{2, 1 + static_cast<int>(random.Below(ranks * slots)), 1, 1, 0};
    const Topology topology = *Topology::Uniform(ranks, 2, slots);
    const PlacementPlan from = RandomPlan(shape, topology, 1, &random);
    const PlacementPlan to = RandomPlan(shape, topology, 2, &random);
    std::vector<SlotMove> all;
    for (int rank = 0; rank < ranks; ++rank) {
      const auto moves = MovesOfRank(topology, RankId(rank), from, to);
      for (const SlotMove& move : moves) {
        EXPECT_EQ(topology.rank_of(move.slot), RankId(rank));
        EXPECT_EQ(topology.rank_of(move.source), move.source_rank);
        EXPECT_EQ(from.experts(move.layer)[move.source.value], move.expert);
        if (!move.through_staging) {
          EXPECT_EQ(move.source_rank, RankId(rank));
        }
      }
      all.insert(all.end(), moves.begin(), moves.end());
    }
    ASSERT_EQ(Apply(from, all), to.expert_in_slot);
    EXPECT_EQ(all.size(), Diff(from, to).size());
  }
}

}  // namespace
}  // namespace ballast
