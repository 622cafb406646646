#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "client/fleet/lockstep.h"
#include "client/fleet/shared_region.h"

namespace ballast {
namespace {

constexpr int kRanks = 4;

class LockstepTest : public ::testing::Test {
 protected:
  LockstepTest()
      : region_(*SharedRegion::Create(1 << 16)),
        state_(region_.Take<Lockstep::State>(1).front()),
        values_(region_.Take<std::uint64_t>(kRanks)) {}

  SharedRegion region_;
  Lockstep::State& state_;
  absl::Span<std::uint64_t> values_;  // One per rank.
};

TEST_F(LockstepTest, ShowsEachRankWhatAllWroteBeforeTheMeeting) {
  std::atomic<int> faults{0};
  const auto serve = [&](int rank) {
    Lockstep lockstep(state_, kRanks);
    for (std::uint64_t round = 1; round <= 500; ++round) {
      values_[rank] = round;
      if (!lockstep.Arrive(RankId(rank))) ++faults;
      for (const std::uint64_t value : values_) faults += value != round;
      if (!lockstep.Arrive(RankId(rank))) ++faults;  // Nobody writes while others still read.
    }
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < kRanks; ++rank) threads.emplace_back(serve, rank);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(faults.load(), 0);
}

TEST_F(LockstepTest, AbortWakesThoseThatWaitAndStopsThoseThatCome) {
  std::atomic<int> gave_up{0};
  std::vector<std::thread> threads;
  for (int rank = 1; rank < kRanks; ++rank) {
    threads.emplace_back([&, rank] { gave_up += !Lockstep(state_, kRanks).Arrive(RankId(rank)); });
  }
  Lockstep lockstep(state_, kRanks);
  lockstep.Abort(2, "out of tokens");
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(gave_up.load(), kRanks - 1);
  EXPECT_FALSE(lockstep.Arrive(RankId(0)));
  EXPECT_TRUE(lockstep.aborted());
}

TEST_F(LockstepTest, KeepsTheFirstReasonOfAnAbort) {
  Lockstep lockstep(state_, kRanks);
  EXPECT_FALSE(lockstep.aborted());
  EXPECT_FALSE(lockstep.failure().has_value());
  lockstep.Abort(2, "first");
  lockstep.Abort(3, "second");
  ASSERT_TRUE(lockstep.failure().has_value());
  EXPECT_EQ(lockstep.failure()->rank, 2);
  EXPECT_EQ(lockstep.failure()->reason, "first");
}

TEST_F(LockstepTest, CutsALongReason) {
  Lockstep lockstep(state_, kRanks);
  lockstep.Abort(0, std::string(5000, 'x'));
  EXPECT_EQ(lockstep.failure()->reason, std::string(495, 'x'));
}

TEST_F(LockstepTest, JoinsProcessesAndSurvivesTheDeathOfOne) {
  std::vector<pid_t> children;
  for (int rank = 0; rank < kRanks - 1; ++rank) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      Lockstep lockstep(state_, kRanks);
      values_[rank] = 77;
      if (!lockstep.Arrive(RankId(rank))) _exit(2);
      if (rank == 0) raise(SIGKILL);
      // Rank 0 never comes: only an abort ends this round.
      _exit(lockstep.Arrive(RankId(rank)) ? 3 : 0);
    }
    children.push_back(pid);
  }
  Lockstep lockstep(state_, kRanks);
  ASSERT_TRUE(lockstep.Arrive(RankId(kRanks - 1)));
  for (int rank = 0; rank < kRanks - 1; ++rank) EXPECT_EQ(values_[rank], 77u);

  int status = 0;
  ASSERT_EQ(waitpid(children[0], &status, 0), children[0]);
  ASSERT_TRUE(WIFSIGNALED(status));
  lockstep.Abort(0, "killed");
  for (int rank = 1; rank < kRanks - 1; ++rank) {
    ASSERT_EQ(waitpid(children[rank], &status, 0), children[rank]);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
}

// The last to come may die before it wakes the others.
TEST_F(LockstepTest, ARankThatDiedInTheMeetingIsNotWaitedFor) {
  Lockstep lockstep(state_, kRanks);
  std::thread waiting([&] { EXPECT_TRUE(lockstep.Arrive(RankId(0))); });
  for (int rank = 1; rank < kRanks; ++rank) state_.rounds[rank].store(1);  // And no more.
  waiting.join();
  EXPECT_TRUE(lockstep.Await(1));
}

TEST_F(LockstepTest, ARankComesBackToTheRoundThatItIsMissingFrom) {
  Lockstep lockstep(state_, 2);
  std::thread other([&] {
    EXPECT_TRUE(lockstep.Arrive(RankId(0)));
    EXPECT_TRUE(lockstep.Arrive(RankId(0)));
  });
  EXPECT_TRUE(lockstep.Arrive(RankId(1)));
  // Rank 1 dies and comes back with nothing but this memory.
  Lockstep again(state_, 2);
  EXPECT_EQ(again.rounds(RankId(1)), 1u);
  EXPECT_TRUE(again.Await(1));
  EXPECT_TRUE(again.Arrive(RankId(1)));
  other.join();
  EXPECT_EQ(again.rounds(RankId(0)), 2u);
}

TEST(SharedRegionTest, GivesZeroedArraysOnLinesOfTheirOwn) {
  const std::size_t bytes =
      SharedRegion::BytesOf<std::uint8_t>(3) + SharedRegion::BytesOf<std::uint64_t>(5);
  SharedRegion region = *SharedRegion::Create(bytes);
  const absl::Span<std::uint8_t> small = region.Take<std::uint8_t>(3);
  const absl::Span<std::uint64_t> large = region.Take<std::uint64_t>(5);
  EXPECT_THAT(small, ::testing::ElementsAre(0, 0, 0));
  EXPECT_THAT(large, ::testing::Each(0u));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large.data()) % 64, 0u);
  EXPECT_GE(reinterpret_cast<std::uint8_t*>(large.data()) - small.data(), 64);
}

TEST(SharedRegionTest, IsSharedWithChildren) {
  SharedRegion region = *SharedRegion::Create(4096);
  const absl::Span<int> shared = region.Take<int>(1);
  const pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    shared[0] = 42;
    _exit(0);
  }
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(shared[0], 42);
}

TEST(SharedRegionTest, ReportsWhatTheMachineCanNotGive) {
  EXPECT_EQ(SharedRegion::Create(std::size_t{1} << 62).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace ballast
