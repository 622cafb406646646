#include <cstdint>
#include <optional>
#include <vector>

#include "client/worker/report_queue.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

PlanId Id(std::uint64_t sequence) { return {{1, sequence}, {}}; }

class ReportQueueTest : public testing::Test {
 protected:
  ReportQueueTest() : counters_(1, 2), queue_(counters_, Identity()) {
    counters_.Activate(Id(1), 10);
    LoadCounters::Snapshot none;
    counters_.TakePrevious(&none);
    queue_.NoteActivation();
  }

  static LoadReport Identity() {
    LoadReport report;
    report.rank = RankId(3);
    report.incarnation = 99;
    report.counter_bits = 32;
    return report;
  }

  // Counts `picks` in a step of the plan in force.
  void Step(std::uint64_t step, std::uint64_t picks) {
    counters_.Add(LayerId(0), 1, picks);
    counters_.AddTokens(picks / 2);
    counters_.EndStep(step);
  }
  std::optional<LoadReport> NextDue() {
    queue_.SetDue();
    return queue_.Next();
  }

  LoadCounters counters_;
  ReportQueue queue_;
};

TEST_F(ReportQueueTest, HasNothingUntilAReportIsDue) {
  Step(10, 5);
  EXPECT_FALSE(queue_.Next().has_value());
}

TEST_F(ReportQueueTest, HasNothingUntilAStepEnded) {
  EXPECT_FALSE(NextDue().has_value());
  EXPECT_EQ(queue_.sent(), 0u);
}

TEST_F(ReportQueueTest, ReportsThePlanInForceWithRisingSequence) {
  Step(10, 6);
  const auto first = NextDue();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->sequence, 1u);
  EXPECT_EQ(first->plan, Id(1));
  EXPECT_EQ(first->rank, RankId(3));
  EXPECT_EQ(first->incarnation, 99u);
  EXPECT_EQ(first->counter_bits, 32);
  EXPECT_EQ(first->step_first, 10u);
  EXPECT_EQ(first->step_last, 10u);
  EXPECT_EQ(first->tokens, 3u);
  EXPECT_EQ(first->counts, (std::vector<std::uint64_t>{0, 6}));
  EXPECT_FALSE(queue_.Next().has_value());
  Step(11, 2);
  const auto second = NextDue();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->sequence, 2u);
  EXPECT_EQ(second->tokens, 4u);
  EXPECT_EQ(second->counts, (std::vector<std::uint64_t>{0, 8}));
}

TEST_F(ReportQueueTest, PutsTheLastReportOfTheOldPlanBeforeTheFirstOfTheNew) {
  Step(10, 5);
  counters_.Activate(Id(2), 11);
  Step(11, 1);
  const auto last = NextDue();  // Without any notice of the activation.
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->plan, Id(1));
  EXPECT_EQ(last->step_last, 10u);
  EXPECT_EQ(last->tokens, 2u);
  EXPECT_EQ(last->counts, (std::vector<std::uint64_t>{0, 5}));
  const auto first = queue_.Next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->plan, Id(2));
  EXPECT_EQ(first->sequence, last->sequence + 1);
}

TEST_F(ReportQueueTest, SendsTheLastReportAtOnceAfterNotice) {
  Step(10, 5);
  counters_.Activate(Id(2), 11);
  queue_.NoteActivation();
  const auto last = queue_.Next();
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->plan, Id(1));
  EXPECT_FALSE(queue_.Next().has_value());
}

TEST_F(ReportQueueTest, RepeatsTheLastReportAfterAReconnectUntilItIsAcknowledged) {
  Step(10, 5);
  counters_.Activate(Id(2), 11);
  queue_.NoteActivation();
  EXPECT_EQ(queue_.Next()->sequence, 1u);
  queue_.OnReconnect();
  const auto again = queue_.Next();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->plan, Id(1));
  EXPECT_EQ(again->sequence, 2u);
  queue_.OnAccepted(1);  // Of the first stream: says nothing about the second.
  queue_.OnReconnect();
  EXPECT_EQ(queue_.Next()->plan, Id(1));
  queue_.OnAccepted(3);
  queue_.OnReconnect();
  EXPECT_FALSE(queue_.Next().has_value());
}

TEST_F(ReportQueueTest, RepeatsTheLastReportWithTheNextOneDueIfTheDaemonDroppedIt) {
  Step(10, 5);
  counters_.Activate(Id(2), 11);
  queue_.NoteActivation();
  Step(11, 1);
  EXPECT_EQ(NextDue()->sequence, 1u);  // Dropped.
  EXPECT_EQ(queue_.Next()->sequence, 2u);
  queue_.OnDropped();
  queue_.OnAccepted(2);  // Says nothing about the first.
  EXPECT_FALSE(queue_.Next().has_value()) << "at once would meet the same full queue";
  const auto again = NextDue();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->plan, Id(1));
  EXPECT_EQ(again->sequence, 3u);
  EXPECT_EQ(again->counts, (std::vector<std::uint64_t>{0, 5}));
  EXPECT_EQ(queue_.Next()->plan, Id(2));
  queue_.OnAccepted(4);
  EXPECT_EQ(NextDue()->plan, Id(2));
  queue_.OnDropped();
  EXPECT_EQ(NextDue()->plan, Id(2)) << "there is nothing to repeat";
}

TEST_F(ReportQueueTest, KeepsTheLastReportWhileTheNewPlanIsSwitchedAway) {
  Step(10, 5);
  counters_.Activate(Id(2), 11);
  queue_.NoteActivation();
  Step(11, 3);
  counters_.Activate(Id(3), 12);
  queue_.NoteActivation();
  // Two switches without a stream: the newer of the old plans counts.
  const auto last = queue_.Next();
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->plan, Id(2));
  EXPECT_EQ(last->counts, (std::vector<std::uint64_t>{0, 3}));
}

TEST(ReportQueueStartTest, ReportsAPlanThatBeginsWithStepZero) {
  LoadCounters counters(1, 1);
  counters.Activate(Id(1), 0);
  ReportQueue queue(counters, {});
  queue.SetDue();
  EXPECT_FALSE(queue.Next().has_value());
  counters.EndStep(0);
  queue.SetDue();
  ASSERT_TRUE(queue.Next().has_value());
}

}  // namespace
}  // namespace ballast
