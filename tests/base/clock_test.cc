#include "core/base/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/base/simulated_clock.h"

namespace ballast {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1700000000);

TEST(SimulatedClockTest, StandsStillUntilItIsAdvanced) {
  SimulatedClock clock(kStart);
  EXPECT_EQ(clock.WallNow(), kStart);
  EXPECT_EQ(clock.Uptime(), absl::ZeroDuration());
  clock.Advance(absl::Seconds(5));
  clock.Advance(absl::Milliseconds(1));
  EXPECT_EQ(clock.WallNow(), kStart + absl::Milliseconds(5001));
  EXPECT_EQ(clock.Uptime(), absl::Milliseconds(5001));
}

TEST(SimulatedClockTest, AbortsOnAStepBackwards) {
  SimulatedClock clock;
  EXPECT_DEATH(clock.Advance(-absl::Nanoseconds(1)), "step >= absl::ZeroDuration");
}

TEST(SimulatedClockTest, AWaitEndsAtOnceIfTheDeadlineHasPassed) {
  SimulatedClock clock;
  clock.Advance(absl::Seconds(1));
  absl::Mutex mutex;
  bool yes = true;
  bool no = false;
  absl::MutexLock lock(&mutex);
  EXPECT_FALSE(clock.WaitUntil(mutex, absl::Condition(&no), absl::Seconds(1)));
  EXPECT_TRUE(clock.WaitUntil(mutex, absl::Condition(&yes), absl::Seconds(1)));
}

TEST(SimulatedClockTest, AWaitEndsWhenTheConditionHolds) {
  SimulatedClock clock;
  absl::Mutex mutex;
  bool done = false;
  std::thread setter([&] {
    absl::MutexLock lock(&mutex);
    done = true;
  });
  {
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(clock.WaitUntil(mutex, absl::Condition(&done), absl::InfiniteDuration()));
  }
  setter.join();
  EXPECT_EQ(clock.Uptime(), absl::ZeroDuration());
}

TEST(SimulatedClockTest, AWaitEndsWhenItIsAdvancedToTheDeadline) {
  SimulatedClock clock;
  absl::Mutex mutex;
  bool never = false;
  std::atomic<bool> held{true};
  std::thread waiter([&] {
    absl::MutexLock lock(&mutex);
    held = clock.WaitUntil(mutex, absl::Condition(&never), absl::Seconds(10));
  });
  clock.Advance(absl::Seconds(10));
  waiter.join();
  EXPECT_FALSE(held);
}

TEST(RealClockTest, UptimeNeverDecreases) {
  absl::Duration last = RealClock().Uptime();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = RealClock().Uptime();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(RealClockTest, IsOneObject) { EXPECT_EQ(&RealClock(), &RealClock()); }

TEST(RealClockTest, AWaitEndsAtItsDeadlineOrWithItsCondition) {
  absl::Mutex mutex;
  bool yes = true;
  bool no = false;
  absl::MutexLock lock(&mutex);
  EXPECT_FALSE(RealClock().WaitUntil(mutex, absl::Condition(&no), RealClock().Uptime()));
  EXPECT_TRUE(RealClock().WaitUntil(mutex, absl::Condition(&yes), absl::InfiniteDuration()));
}

TEST(RandomSeedTest, DiffersFromDrawToDraw) { EXPECT_NE(RandomSeed(), RandomSeed()); }

}  // namespace
}  // namespace ballast
