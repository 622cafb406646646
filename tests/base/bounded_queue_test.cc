#include "core/base/bounded_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/simulated_clock.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(BoundedQueueTest, HandsOutEverythingOldestFirst) {
  SimulatedClock clock;
  BoundedQueue<int> queue(3);
  EXPECT_TRUE(queue.TryPush(1));
  EXPECT_TRUE(queue.TryPush(2));
  EXPECT_THAT(queue.PopAll(clock, absl::InfiniteDuration()), ElementsAre(1, 2));
  EXPECT_THAT(queue.PopAll(clock, absl::ZeroDuration()), IsEmpty());
  EXPECT_EQ(queue.dropped(), 0);
}

TEST(BoundedQueueTest, DropsAndCountsTheNewEventWhenItIsFull) {
  SimulatedClock clock;
  BoundedQueue<int> queue(2);
  for (int i = 1; i <= 5; ++i) EXPECT_EQ(queue.TryPush(i), i <= 2);
  EXPECT_EQ(queue.dropped(), 3);
  EXPECT_THAT(queue.PopAll(clock, absl::ZeroDuration()), ElementsAre(1, 2));
  EXPECT_TRUE(queue.TryPush(6));
}

TEST(BoundedQueueTest, OnceClosedItDropsPushesAndIsDrained) {
  SimulatedClock clock;
  BoundedQueue<int> queue(2);
  queue.TryPush(1);
  EXPECT_FALSE(queue.closed());
  queue.Close();
  EXPECT_TRUE(queue.closed());
  EXPECT_FALSE(queue.TryPush(2));
  EXPECT_EQ(queue.dropped(), 1);
  EXPECT_THAT(queue.PopAll(clock, absl::InfiniteDuration()), ElementsAre(1));
  EXPECT_THAT(queue.PopAll(clock, absl::InfiniteDuration()), IsEmpty());
}

TEST(BoundedQueueTest, ClosingWakesTheReader) {
  SimulatedClock clock;
  BoundedQueue<int> queue(2);
  std::vector<int> got = {99};
  std::thread reader([&] { got = queue.PopAll(clock, absl::InfiniteDuration()); });
  queue.Close();
  reader.join();
  EXPECT_THAT(got, IsEmpty());
}

// Does something while its caller waits, and notes whether that ended the wait.
class ActingClock final : public Clock {
 public:
  explicit ActingClock(std::vector<std::function<void()>> actions) : actions_(std::move(actions)) {}

  absl::Time WallNow() const override { return absl::UnixEpoch(); }
  absl::Duration Uptime() const override { return absl::ZeroDuration(); }
  bool WaitUntil(absl::Mutex& mutex, const absl::Condition& condition, absl::Duration) override {
    for (const std::function<void()>& act : actions_) {
      mutex.Unlock();
      act();
      mutex.Lock();
      ended.push_back(condition.Eval());
    }
    return condition.Eval();
  }

  std::vector<bool> ended;  // After each action.

 private:
  const std::vector<std::function<void()>> actions_;
};

TEST(BoundedQueueTest, AwaitingTheCloseIsNotEndedByAPush) {
  BoundedQueue<int> queue(2);
  ActingClock clock({[&] { queue.TryPush(1); }, [&] { queue.Close(); }});
  queue.AwaitClose(clock, absl::InfiniteDuration());
  EXPECT_THAT(clock.ended, ElementsAre(false, true));
}

TEST(BoundedQueueTest, APushWakesTheReader) {
  SimulatedClock clock;
  BoundedQueue<int> queue(2);
  std::vector<int> got;
  std::thread reader([&] { got = queue.PopAll(clock, absl::InfiniteDuration()); });
  queue.TryPush(5);
  reader.join();
  EXPECT_THAT(got, ElementsAre(5));
}

TEST(BoundedQueueTest, TheReaderGivesUpAtItsDeadline) {
  SimulatedClock clock;
  BoundedQueue<int> queue(2);
  std::vector<int> got = {99};
  std::thread reader([&] { got = queue.PopAll(clock, absl::Seconds(3)); });
  clock.Advance(absl::Seconds(3));
  reader.join();
  EXPECT_THAT(got, IsEmpty());
}

TEST(BoundedQueueTest, CarriesWhatCanOnlyBeMoved) {
  SimulatedClock clock;
  BoundedQueue<std::unique_ptr<int>> queue(1);
  queue.TryPush(std::make_unique<int>(7));
  EXPECT_EQ(*queue.PopAll(clock, absl::ZeroDuration()).at(0), 7);
}

TEST(BoundedQueueTest, EveryPushOfManyThreadsIsHandedOutOrCounted) {
  BoundedQueue<int> queue(50);
  std::vector<std::thread> writers;
  for (int thread = 0; thread < 4; ++thread) {
    writers.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) queue.TryPush(i);
    });
  }
  SimulatedClock clock;
  std::size_t got = 0;
  for (int i = 0; i < 100; ++i) got += queue.PopAll(clock, absl::ZeroDuration()).size();
  for (std::thread& writer : writers) writer.join();
  got += queue.PopAll(clock, absl::ZeroDuration()).size();
  EXPECT_EQ(got + queue.dropped(), 4000);
}

}  // namespace
}  // namespace ballast
