// Goal: a wait of the real clock ends in time although the wall clock is set back an hour
// while it waits. Method: functions of this program, in front of those of the C library,
// tell a wall time an hour ahead of the kernel's. To code that turns a wait into a wall
// time and lets the kernel wait for it, that is the same.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <future>

#include "core/base/clock.h"
#include "tests/base/patience.h"

namespace {
constexpr std::time_t kStep = 3600;  // Seconds.
}

// Under the names of the functions that they stand in front of.
extern "C" int TellTimeAhead(clockid_t clock, timespec* time) noexcept asm("clock_gettime");
extern "C" int TellTimeOfDayAhead(timeval* time, void* zone) noexcept asm("gettimeofday");

extern "C" int TellTimeAhead(clockid_t clock, timespec* time) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (clock == CLOCK_REALTIME) time->tv_sec += kStep;
  return result;
}

extern "C" int TellTimeOfDayAhead(timeval* time, void* zone) noexcept {
  const auto result = static_cast<int>(syscall(SYS_gettimeofday, time, zone));
  if (time != nullptr) time->tv_sec += kStep;
  return result;
}

namespace ballast {
namespace {

TEST(ClockStepTest, TheTestSeesAWallClockAheadOfTheKernels) {
  timespec kernel = {};
  ASSERT_EQ(syscall(SYS_clock_gettime, CLOCK_REALTIME, &kernel), 0);
  EXPECT_GT(RealClock().WallNow(), absl::TimeFromTimespec(kernel) + absl::Minutes(59));
}

TEST(ClockStepTest, AWaitEndsInTimeThoughTheWallClockWasSetBack) {
  absl::Mutex mutex;
  bool released = false;
  std::future<bool> held = std::async(std::launch::async, [&] {
    absl::MutexLock lock(&mutex);
    return RealClock().WaitUntil(mutex, absl::Condition(&released),
                                 RealClock().Uptime() + absl::Milliseconds(50));
  });
  const std::future_status ended =
      held.wait_for(absl::ToChronoNanoseconds(Patience(absl::Seconds(10))));
  {
    absl::MutexLock lock(&mutex);
    released = true;
  }
  EXPECT_EQ(ended, std::future_status::ready);
  EXPECT_FALSE(held.get());
}

}  // namespace
}  // namespace ballast
