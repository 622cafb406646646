// Step exchange and board: what ranks leave for each other and for the parent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "client/fleet/fleet_board.h"
#include "client/fleet/lockstep.h"
#include "client/fleet/step_exchange.h"
#include "core/base/random.h"
#include "tests/client/fleet_test_shapes.h"

namespace ballast {
namespace {

constexpr StepExchange::Size kSize = {.num_layers = 3, .num_slots = 12, .num_ranks = 4};

class StepExchangeTest : public ::testing::Test {
 protected:
  StepExchangeTest()
      : region_(FleetTestRegion(StepExchange::RegionBytes(kSize))), exchange_(kSize, region_) {}

  SharedRegion region_;
  StepExchange exchange_;
};

TEST_F(StepExchangeTest, SumsThePicksOfAllSendersForASlotAndARank) {
  for (int sender = 0; sender < 4; ++sender) {
    exchange_.Outbox(6, RankId(sender))[1 * 12 + 7] = 10u + static_cast<unsigned>(sender);
    exchange_.ShadowOutbox(6, RankId(sender))[2 * 4 + 3] = 100u * static_cast<unsigned>(sender);
  }
  EXPECT_EQ(exchange_.PicksFor(6, LayerId(1), SlotId(7)), 46u);
  EXPECT_EQ(exchange_.PicksFor(6, LayerId(1), SlotId(8)), 0u);
  EXPECT_EQ(exchange_.PicksFor(6, LayerId(2), SlotId(7)), 0u);
  EXPECT_EQ(exchange_.ShadowPicksFor(6, LayerId(2), RankId(3)), 600u);
  EXPECT_EQ(exchange_.PicksFor(7, LayerId(1), SlotId(7)), 0u);  // The other buffer.
}

TEST_F(StepExchangeTest, ReducesVotesOfAllRanks) {
  const auto vote = [this](int rank, const VoteWord& word) {
    exchange_.Word(4, RankId(rank)).vote = word;
  };
  for (int rank = 0; rank < 4; ++rank) vote(rank, MakeVote(99));
  EXPECT_EQ(ReadVote(exchange_.ReducedVote(4)), VoteResult::kAgreed);
  vote(3, MakeVote(98));
  EXPECT_EQ(ReadVote(exchange_.ReducedVote(4)), VoteResult::kDisagreed);
  vote(3, VoteWord{});
  EXPECT_EQ(ReadVote(exchange_.ReducedVote(4)), VoteResult::kNotReady);
}

TEST_F(StepExchangeTest, NamesTheFirstRankWithAnotherPlan) {
  for (int rank = 0; rank < 4; ++rank) exchange_.Word(1, RankId(rank)).digest_prefix = 5;
  EXPECT_FALSE(exchange_.OddRank(1).valid());
  exchange_.Word(1, RankId(3)).digest_prefix = 6;
  exchange_.Word(1, RankId(2)).digest_prefix = 6;
  EXPECT_EQ(exchange_.OddRank(1), RankId(2));
}

TEST_F(StepExchangeTest, OneRankCanStopAll) {
  EXPECT_FALSE(exchange_.StopWanted(9));
  exchange_.Word(9, RankId(2)).wants_stop = 1;
  EXPECT_TRUE(exchange_.StopWanted(9));
  EXPECT_FALSE(exchange_.StopWanted(10));
}

// Random picks over many steps with one meeting per step: two buffers are enough.
TEST_F(StepExchangeTest, OneMeetingPerStepKeepsStepsApart) {
  SharedRegion state_region = FleetTestRegion(1 << 16);
  Lockstep::State& state = state_region.Take<Lockstep::State>(1).front();
  const auto picks_of = [](std::uint64_t step, int sender, int slot) {
    return static_cast<std::uint32_t>(
        Random(FleetTestSeed() + step * 1000 + sender * 100 + slot).Below(9));
  };
  std::atomic<int> faults{0};
  const auto serve = [&](int rank) {
    Lockstep lockstep(state, 4);
    for (std::uint64_t step = 1; step <= 300; ++step) {
      const auto outbox = exchange_.Outbox(step, RankId(rank));
      for (int slot = 0; slot < 12; ++slot) outbox[slot] = picks_of(step, rank, slot);
      if (!lockstep.Arrive(RankId(rank))) ++faults;
      std::uint32_t received = 0;
      for (int slot = rank * 3; slot < rank * 3 + 3; ++slot) {
        std::uint64_t expected = 0;
        for (int sender = 0; sender < 4; ++sender) expected += picks_of(step, sender, slot);
        const std::uint64_t picks = exchange_.PicksFor(step, LayerId(0), SlotId(slot));
        faults += picks != expected;
        received += static_cast<std::uint32_t>(picks);
      }
      exchange_.Received(step, RankId(rank))[0] = received;
      if (rank != 0 || step == 1) continue;
      std::uint64_t total = 0;
      std::uint64_t expected = 0;
      for (int other = 0; other < 4; ++other) {
        total += exchange_.Received(step - 1, RankId(other))[0];
        for (int slot = 0; slot < 12; ++slot) expected += picks_of(step - 1, other, slot);
      }
      faults += total != expected;
    }
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 4; ++rank) threads.emplace_back(serve, rank);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(faults.load(), 0) << "BALLAST_TEST_SEED=" << FleetTestSeed();
}

TEST(FleetBoardTest, HandsOverRecordsInOrderAndRefusesWhenFull) {
  SharedRegion region = FleetTestRegion(FleetBoard::RegionBytes(2));
  FleetBoard board(2, region);
  EXPECT_TRUE(board.TakeAll().empty());
  for (std::uint64_t step = 1; step <= FleetBoard::kQueueLength; ++step) {
    ASSERT_TRUE(board.TryPush({.step = step}));
  }
  EXPECT_FALSE(board.TryPush({.step = 0}));
  const std::vector<StepRecord> records = board.TakeAll();
  ASSERT_EQ(records.size(), FleetBoard::kQueueLength);
  for (std::size_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i].step, i + 1);
  EXPECT_TRUE(board.TryPush({.step = 5}));
  EXPECT_EQ(board.TakeAll().size(), 1u);
}

TEST(FleetBoardTest, SumsUpTheRanks) {
  SharedRegion region = FleetTestRegion(FleetBoard::RegionBytes(3));
  FleetBoard board(3, region);
  board.rank(RankId(0)).connected = 1;
  board.rank(RankId(2)).connected = 1;
  for (int rank = 0; rank < 3; ++rank) {
    board.rank(RankId(rank)).moved_slots = 10u + static_cast<unsigned>(rank);
    board.rank(RankId(rank)).plans_activated = 4u + static_cast<unsigned>(rank);
  }
  EXPECT_EQ(board.NumConnected(), 2);
  EXPECT_EQ(board.MovedSlots(), 33u);
  EXPECT_EQ(board.PlansActivatedByAll(), 4u);
}

TEST(FleetBoardTest, KeepsTheWishToStop) {
  SharedRegion region = FleetTestRegion(FleetBoard::RegionBytes(1));
  FleetBoard board(1, region);
  EXPECT_FALSE(board.stop_requested());
  board.RequestStop();
  EXPECT_TRUE(board.stop_requested());
}

}  // namespace
}  // namespace ballast
