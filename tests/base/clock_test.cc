#include "core/base/clock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

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

TEST(RealClockTest, AWaitEndsThoughItsMutexIsHeldAtTheDeadline) {
  absl::Mutex mutex;
  bool never = false;
  std::atomic<bool> waits{false};
  std::atomic<bool> held{true};
  std::thread waiter([&] {
    absl::MutexLock lock(&mutex);
    waits = true;
    held = RealClock().WaitUntil(mutex, absl::Condition(&never),
                                 RealClock().Uptime() + absl::Milliseconds(5));
  });
  while (!waits) std::this_thread::yield();
  {
    absl::Mutex other;
    absl::MutexLock lock(&mutex);
    absl::MutexLock other_lock(&other);
    // Another wait meanwhile, with the mutex held, ends in time all the same.
    EXPECT_FALSE(RealClock().WaitUntil(other, absl::Condition(&never),
                                       RealClock().Uptime() + absl::Milliseconds(20)));
  }
  waiter.join();
  EXPECT_FALSE(held);
}

TEST(RealClockTest, AMutexMayGoAsSoonAsTheWaitIsOver) {
  const auto wait_often = [] {
    for (int i = 0; i < 300; ++i) {
      auto mutex = std::make_unique<absl::Mutex>();
      bool set = false;
      std::thread setter;
      if (i % 3 != 0) {
        setter = std::thread([&] {
          absl::MutexLock lock(mutex.get());
          set = true;
        });
      }
      {
        absl::MutexLock lock(mutex.get());
        const bool held = RealClock().WaitUntil(*mutex, absl::Condition(&set),
                                                RealClock().Uptime() + absl::Microseconds(i));
        EXPECT_EQ(held, set);
      }
      if (setter.joinable()) setter.join();
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back(wait_often);
  for (std::thread& thread : threads) thread.join();
}

TEST(RealClockTest, AnEarlierDeadlineOvertakesALaterOne) {
  absl::Mutex mutex;
  bool done = false;
  std::thread late([&] {
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(RealClock().WaitUntil(mutex, absl::Condition(&done),
                                      RealClock().Uptime() + absl::Hours(1)));
  });
  absl::MutexLock lock(&mutex);
  bool never = false;
  EXPECT_FALSE(RealClock().WaitUntil(mutex, absl::Condition(&never),
                                     RealClock().Uptime() + absl::Milliseconds(10)));
  done = true;
  mutex.Unlock();
  late.join();
  mutex.Lock();
}

TEST(RealClockTest, WaitsInAForkedChildToo) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "thread sanitizer starts no thread after a fork";
#endif
  absl::Mutex mutex;
  bool never = false;
  absl::MutexLock lock(&mutex);
  const auto wait = [&] {
    return RealClock().WaitUntil(mutex, absl::Condition(&never),
                                 RealClock().Uptime() + absl::Milliseconds(5));
  };
  EXPECT_FALSE(wait());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(wait() ? 1 : 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(RandomSeedTest, DiffersFromDrawToDraw) { EXPECT_NE(RandomSeed(), RandomSeed()); }

}  // namespace
}  // namespace ballast
