#include "core/routing/load_counters.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr std::uint64_t kNone = ~std::uint64_t{0};

PlanId Plan(std::uint64_t sequence) {
  PlanId id;
  id.version = {1, sequence};
  id.digest.fill(static_cast<std::uint8_t>(sequence));
  return id;
}

static_assert(noexcept(std::declval<LoadCounters&>().Add({}, 0, 0)));
static_assert(noexcept(std::declval<LoadCounters&>().AddTokens(0)));
static_assert(noexcept(std::declval<LoadCounters&>().EndStep(0)));
static_assert(noexcept(std::declval<LoadCounters&>().Activate({}, 0)));

TEST(LoadCountersTest, CountsPerLayerAndColumn) {
  LoadCounters counters(2, 3);
  counters.Add(LayerId(0), 2, 5);
  counters.Add(LayerId(1), 0, 7);
  counters.Add(LayerId(1), 0, 1);
  counters.EndStep(0);
  EXPECT_THAT(counters.Current().counts, ElementsAre(0, 0, 5, 8, 0, 0));
}

TEST(LoadCountersTest, TellsTheTokensOfThePlan) {
  LoadCounters counters(1, 1);
  counters.Activate(Plan(1), 0);
  counters.AddTokens(3);
  counters.EndStep(0);
  counters.AddTokens(2);
  counters.AddTokens(2);
  counters.EndStep(1);
  EXPECT_EQ(counters.Current().tokens, 7u);
  counters.Activate(Plan(2), 2);
  EXPECT_EQ(counters.Current().tokens, 0u);
  LoadCounters::Snapshot previous;
  ASSERT_TRUE(counters.TakePrevious(&previous));
  EXPECT_EQ(previous.tokens, 7u);
}

TEST(LoadCountersTest, ShowsWholeStepsOnly) {
  LoadCounters counters(2, 1);
  counters.Activate(Plan(1), 0);
  counters.Add(LayerId(0), 0, 8);
  counters.Add(LayerId(1), 0, 8);
  counters.AddTokens(4);
  counters.EndStep(0);
  counters.Add(LayerId(0), 0, 2);
  counters.AddTokens(1);
  const LoadCounters::Snapshot under_way = counters.Current();
  EXPECT_THAT(under_way.counts, ElementsAre(8, 8));
  EXPECT_EQ(under_way.tokens, 4u);
  counters.Add(LayerId(1), 0, 2);
  counters.EndStep(1);
  EXPECT_THAT(counters.Current().counts, ElementsAre(10, 10));
  EXPECT_EQ(counters.Current().tokens, 5u);
}

TEST(LoadCountersTest, AStepThatNeverEndedIsLostInTheSwitch) {
  LoadCounters counters(1, 1);
  counters.Activate(Plan(1), 0);
  counters.Add(LayerId(0), 0, 8);
  counters.EndStep(0);
  counters.Add(LayerId(0), 0, 5);
  counters.Activate(Plan(2), 1);
  LoadCounters::Snapshot previous;
  ASSERT_TRUE(counters.TakePrevious(&previous));
  EXPECT_THAT(previous.counts, ElementsAre(8));
  counters.EndStep(1);
  EXPECT_THAT(counters.Current().counts, ElementsAre(0));
}

TEST(LoadCountersTest, CountsWithoutAPlanBeforeTheFirstActivation) {
  LoadCounters counters(1, 1);
  const LoadCounters::Snapshot snapshot = counters.Current();
  EXPECT_EQ(snapshot.plan, PlanId{});
  EXPECT_EQ(snapshot.step_first, 0u);
  EXPECT_EQ(snapshot.step_last, kNone);
}

TEST(LoadCountersTest, ReportsTheStepsOfThePlan) {
  LoadCounters counters(1, 1);
  counters.Activate(Plan(4), 100);
  EXPECT_EQ(counters.Current().plan, Plan(4));
  EXPECT_EQ(counters.Current().step_first, 100u);
  EXPECT_EQ(counters.Current().step_last, 99u);
  counters.EndStep(100);
  counters.EndStep(101);
  EXPECT_EQ(counters.Current().step_first, 100u);
  EXPECT_EQ(counters.Current().step_last, 101u);
}

TEST(LoadCountersTest, ActivationBeginsAtZeroAndKeepsTheOldCounts) {
  LoadCounters counters(1, 2);
  counters.Activate(Plan(1), 0);
  counters.Add(LayerId(0), 1, 9);
  counters.EndStep(0);
  counters.Activate(Plan(2), 1);
  counters.Add(LayerId(0), 0, 4);
  counters.EndStep(1);
  EXPECT_THAT(counters.Current().counts, ElementsAre(4, 0));

  LoadCounters::Snapshot previous;
  ASSERT_TRUE(counters.TakePrevious(&previous));
  EXPECT_EQ(previous.plan, Plan(1));
  EXPECT_EQ(previous.step_first, 0u);
  EXPECT_EQ(previous.step_last, 0u);
  EXPECT_THAT(previous.counts, ElementsAre(0, 9));
}

TEST(LoadCountersTest, PreviousPlanIsTakenOnce) {
  LoadCounters counters(1, 1);
  LoadCounters::Snapshot previous;
  EXPECT_FALSE(counters.TakePrevious(&previous));
  counters.Activate(Plan(1), 0);
  counters.Activate(Plan(2), 3);
  EXPECT_TRUE(counters.TakePrevious(&previous));
  EXPECT_FALSE(counters.TakePrevious(&previous));
  counters.Activate(Plan(3), 5);
  ASSERT_TRUE(counters.TakePrevious(&previous));
  EXPECT_EQ(previous.plan, Plan(2));
}

TEST(LoadCountersTest, WhatPrecedesTheFirstActivationIsAPlanIfAStepEnded) {
  LoadCounters::Snapshot previous;
  LoadCounters fresh(1, 1);
  fresh.Activate(Plan(1), 0);
  EXPECT_FALSE(fresh.TakePrevious(&previous));

  LoadCounters used(1, 1);
  used.Add(LayerId(0), 0, 6);
  used.EndStep(0);
  used.Activate(Plan(1), 1);
  ASSERT_TRUE(used.TakePrevious(&previous));
  EXPECT_EQ(previous.plan, PlanId{});
  EXPECT_THAT(previous.counts, ElementsAre(6));
}

TEST(LoadCountersTest, ASecondActivationLosesTheBankThatNobodyTook) {
  LoadCounters counters(1, 1);
  for (std::uint64_t plan = 1; plan <= 3; ++plan) counters.Activate(Plan(plan), plan);
  LoadCounters::Snapshot previous;
  ASSERT_TRUE(counters.TakePrevious(&previous));
  EXPECT_EQ(previous.plan, Plan(2));
}

// The engine adds one pick to every count, and two tokens, in every step; plan p begins at step
// p * kMaxSteps. Three of four plans are replaced at once, so that banks turn while
// they are read.
class Engine {
 public:
  static constexpr int kLayers = 4;
  static constexpr int kSlots = 3;
  static constexpr std::uint64_t kPlans = 200000;
  static constexpr std::uint64_t kMaxSteps = 5;

  static std::uint64_t StepsOf(std::uint64_t plan) { return plan % 4 == 0 ? kMaxSteps : 0; }

  // Begins when `readers` threads have called Join().
  void Run(int readers) {
    while (joined_.load() < readers) std::this_thread::yield();
    for (std::uint64_t plan = 1; plan <= kPlans; ++plan) {
      counters_.Activate(Plan(plan), plan * kMaxSteps);
      for (std::uint64_t k = 0; k < StepsOf(plan); ++k) Step(plan * kMaxSteps + k);
    }
    done_.store(true);
  }

  void Join() { ++joined_; }
  bool done() const { return done_.load(); }
  LoadCounters& counters() { return counters_; }

  // Every count, and the tokens, are of the steps that ended.
  static void Check(const LoadCounters::Snapshot& snapshot) {
    const std::uint64_t sequence = snapshot.plan.version.sequence;
    ASSERT_EQ(snapshot.plan, sequence == 0 ? PlanId{} : Plan(sequence));
    ASSERT_EQ(snapshot.step_first, sequence * kMaxSteps);
    const std::uint64_t ended = snapshot.step_last + 1 - snapshot.step_first;
    ASSERT_LE(ended, StepsOf(sequence));
    ASSERT_EQ(snapshot.tokens, 2 * ended);
    for (std::uint64_t count : snapshot.counts) ASSERT_EQ(count, ended);
  }

 private:
  void Step(std::uint64_t step) {
    for (int layer = 0; layer < kLayers; ++layer) {
      for (int slot = 0; slot < kSlots; ++slot) counters_.Add(LayerId(layer), slot, 1);
    }
    counters_.AddTokens(2);
    counters_.EndStep(step);
  }

  LoadCounters counters_{kLayers, kSlots};
  std::atomic<int> joined_{0};
  std::atomic<bool> done_{false};
};

TEST(LoadCountersTest, ReadersSeeWholeBanksThatNeverGoBack) {
  Engine engine;
  const auto read = [&engine] {
    engine.Join();
    LoadCounters::Snapshot last = engine.counters().Current();
    while (!engine.done()) {
      const LoadCounters::Snapshot next = engine.counters().Current();
      Engine::Check(next);
      ASSERT_GE(next.plan, last.plan);
      if (next.plan == last.plan) {
        ASSERT_GE(next.step_last + 1, last.step_last + 1);
        for (std::size_t i = 0; i < next.counts.size(); ++i) {
          ASSERT_GE(next.counts[i], last.counts[i]);
        }
      }
      last = next;
    }
  };
  std::thread first(read);
  std::thread second(read);
  engine.Run(/*readers=*/2);
  first.join();
  second.join();
  const LoadCounters::Snapshot end = engine.counters().Current();
  EXPECT_EQ(end.plan, Plan(Engine::kPlans));
  EXPECT_THAT(end.counts, Each(Engine::StepsOf(Engine::kPlans)));
}

TEST(LoadCountersTest, PreviousBanksAreWholeWhileTheEngineRuns) {
  Engine engine;
  std::uint64_t last_taken = 0;
  std::thread taker([&engine, &last_taken] {
    engine.Join();
    LoadCounters::Snapshot snapshot;
    bool last_round = false;
    while (!last_round) {
      last_round = engine.done();
      if (!engine.counters().TakePrevious(&snapshot)) continue;
      Engine::Check(snapshot);
      ASSERT_GT(snapshot.plan.version.sequence, last_taken);
      last_taken = snapshot.plan.version.sequence;
      ASSERT_THAT(snapshot.counts, Each(Engine::StepsOf(last_taken)));
    }
  });
  engine.Run(/*readers=*/1);
  taker.join();
  EXPECT_EQ(last_taken, Engine::kPlans - 1);
}

TEST(LoadCountersTest, OneOfTwoReadersTakesThePreviousBank) {
  constexpr int kRounds = 20000;
  LoadCounters counters(2, 2);
  counters.Activate(Plan(0), 0);
  std::atomic<int> round{0};
  std::atomic<int> tries{0};
  std::atomic<int> taken{0};
  const auto take = [&counters, &taken, &tries] {
    LoadCounters::Snapshot snapshot;
    taken += counters.TakePrevious(&snapshot) ? 1 : 0;
    ++tries;
  };
  const auto wait_for = [](const std::atomic<int>& value, int target) {
    // Yields late: both threads shall take at the same time.
    for (int spins = 0; value.load() < target; ++spins) {
      if (spins > 1000) std::this_thread::yield();
    }
  };
  std::thread second([&round, &take, &wait_for] {
    for (int i = 1; i <= kRounds; ++i) {
      wait_for(round, i);
      take();
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    counters.Activate(Plan(i), i);
    round = i;
    take();
    wait_for(tries, 2 * i);
    EXPECT_EQ(taken.load(), i);
  }
  second.join();
}

}  // namespace
}  // namespace ballast
