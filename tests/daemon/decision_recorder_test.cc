// Goal: every solve leaves a decision in the store with what became of it, and a store
// that can not keep one stops nothing.
#include "daemon/control/decision_recorder.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/simulated_clock.h"
#include "core/store/in_memory_plan_store.h"
#include "core/store/plan_store_errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

using ::testing::IsEmpty;

class DecisionRecorderTest : public ::testing::Test {
 protected:
  static SolveRecord SolveOf(std::uint8_t digest) {
    SolveRecord solve;
    solve.digest.fill(digest);
    solve.solved = absl::FromUnixSeconds(1700000000);
    solve.decision.reason = "adopted";
    return solve;
  }

  static PlanId PlanOf(std::uint8_t digest, std::uint64_t sequence) {
    PlanId plan{{1, sequence}, {}};
    plan.digest.fill(digest);
    return plan;
  }

  std::vector<std::string> Outcomes() const {
    std::vector<std::string> outcomes;
    const std::vector<DecisionRecord> decisions = *store_.Decisions("demo", 100);
    for (const DecisionRecord& record : decisions) outcomes.push_back(record.outcome);
    return outcomes;
  }

  GroupConfig config_ = SmallGroup();
  SimulatedClock clock_;
  InMemoryPlanStore store_;
  const std::uint64_t term_ = *store_.BeginTerm();
  RecordingObserver observer_;
  DecisionRecorder recorder_{{config_, store_, observer_, clock_}, term_};
};

TEST_F(DecisionRecorderTest, WritesEveryFieldOfASolve) {
  SolveRecord solve = SolveOf(7);
  solve.step = 1000;
  solve.base = PlanOf(9, 4);
  solve.input_digest.fill(8);
  solve.planner = "eplb";
  solve.branch = "global";
  solve.decision = {.adopt = false,
                    .reason = "no_gain",
                    .straggler_load_now = 20,
                    .straggler_load_new = 19,
                    .gain = 0.05,
                    .benefit_seconds = 2,
                    .cost_seconds = 3};
  solve.imbalance_now = 1.3;
  solve.imbalance_new = 1.2;
  solve.imbalance_initial = 1.5;
  solve.balancedness_now = 0.7;
  solve.balancedness_new = 0.8;
  solve.required_gain = 0.06;
  solve.lower_bound = 18;
  solve.moved_slots = 5;
  solve.same_row_bytes = 100;
  solve.cross_row_bytes = 200;
  solve.busiest_rank_bytes = 50;
  solve.solve_time = absl::Milliseconds(12);
  recorder_.Add(solve, kDecisionDeclined);
  EXPECT_THAT(Outcomes(), IsEmpty());  // Not before Write().
  EXPECT_TRUE(recorder_.Write().ok());

  const DecisionRecord got = store_.Decisions("demo", 1)->at(0);
  DecisionRecord want;
  want.ep_group = "demo";
  want.number = 1;
  want.solved = solve.solved;
  want.step = 1000;
  want.base = solve.base;
  want.plan_digest = solve.digest;
  want.input_digest = solve.input_digest;
  want.planner = "eplb";
  want.branch = "global";
  want.straggler_load_now = 20;
  want.straggler_load_new = 19;
  want.imbalance_now = 1.3;
  want.imbalance_new = 1.2;
  want.imbalance_initial = 1.5;
  want.balancedness_now = 0.7;
  want.balancedness_new = 0.8;
  want.lower_bound = 18;
  want.gain = 0.05;
  want.required_gain = 0.06;
  want.benefit_seconds = 2;
  want.cost_seconds = 3;
  want.moved_slots = 5;
  want.same_row_bytes = 100;
  want.cross_row_bytes = 200;
  want.busiest_rank_bytes = 50;
  want.solve_milliseconds = 12;
  want.reason = "no_gain";
  want.outcome = kDecisionDeclined;
  EXPECT_EQ(got, want);
  EXPECT_DOUBLE_EQ(got.gap(), 19.0 / 18 - 1);
}

TEST_F(DecisionRecorderTest, AProposalGivesThePlanAndItsEndTheOutcome) {
  recorder_.Add(SolveOf(7), kDecisionOffered);
  recorder_.Proposed(PlanOf(7, 1));
  EXPECT_TRUE(recorder_.Write().ok());
  EXPECT_THAT(Outcomes(), testing::ElementsAre(kDecisionOffered));
  EXPECT_EQ(store_.Decisions("demo", 1)->at(0).plan, (PlanVersion{1, 1}));
  recorder_.Finished(PlanOf(7, 1), "done");
  EXPECT_TRUE(recorder_.Write().ok());
  EXPECT_THAT(Outcomes(), testing::ElementsAre("done"));
}

TEST_F(DecisionRecorderTest, APlanThatEndsBeforeTheWriteIsWrittenOnce) {
  recorder_.Add(SolveOf(7), kDecisionOffered);
  PlanId never_stored = PlanOf(7, 0);
  never_stored.version.term = 0;
  recorder_.Finished(never_stored, "aborted: disk full");
  EXPECT_TRUE(recorder_.Write().ok());
  EXPECT_THAT(Outcomes(), testing::ElementsAre("aborted: disk full"));
  EXPECT_EQ(store_.Decisions("demo", 1)->at(0).plan, PlanVersion{});
}

// The same plan may come up twice: the end of the first is not that of the second.
TEST_F(DecisionRecorderTest, AnOlderPlanOfEqualContentDoesNotEndTheNewer) {
  recorder_.Add(SolveOf(7), kDecisionOffered);
  recorder_.Proposed(PlanOf(7, 1));
  EXPECT_TRUE(recorder_.Write().ok());
  recorder_.Add(SolveOf(7), kDecisionOffered);
  recorder_.Proposed(PlanOf(7, 2));
  recorder_.Finished(PlanOf(7, 1), "aborted: nack");
  EXPECT_TRUE(recorder_.Write().ok());
  EXPECT_THAT(Outcomes(), testing::ElementsAre(kDecisionOffered, "aborted: nack"));
}

TEST_F(DecisionRecorderTest, TheEndOfAPlanThatNoDecisionLedToIsNoFault) {
  recorder_.Finished(PlanOf(7, 5), "done");
  recorder_.Finished({}, "done");  // The initial plan.
  EXPECT_TRUE(recorder_.Write().ok());
  EXPECT_THAT(observer_.events, IsEmpty());
}

TEST_F(DecisionRecorderTest, KeepsAsManyAsConfigured) {
  config_.decisions_kept = 3;
  for (std::uint8_t i = 0; i < 5; ++i) recorder_.Add(SolveOf(i), kDecisionDeclined);
  EXPECT_TRUE(recorder_.Write().ok());
  EXPECT_EQ(store_.Decisions("demo", 100)->size(), 3);
  EXPECT_EQ(store_.Decisions("demo", 1)->at(0).number, 5);
}

TEST_F(DecisionRecorderTest, AStoreThatRefusesIsToldAndTheDecisionGivenUp) {
  ASSERT_EQ(*store_.BeginTerm(), 2);  // Another daemon took over.
  recorder_.Add(SolveOf(7), kDecisionDeclined);
  recorder_.Finished(PlanOf(8, 1), "done");
  EXPECT_TRUE(IsOtherTerm(recorder_.Write()));
  EXPECT_EQ(observer_.events, (std::vector<std::string>(2, "store failed: record_decision")));
  EXPECT_TRUE(recorder_.Write().ok());
  EXPECT_EQ(observer_.events.size(), 2);  // Not tried again.
}

TEST_F(DecisionRecorderTest, AnInfiniteBenefitIsKeptAsTheLargestNumber) {
  SolveRecord solve = SolveOf(7);
  solve.decision.benefit_seconds = std::numeric_limits<double>::infinity();
  recorder_.Add(solve, kDecisionDeclined);
  EXPECT_TRUE(recorder_.Write().ok());
  EXPECT_EQ(store_.Decisions("demo", 1)->at(0).benefit_seconds, std::numeric_limits<double>::max());
}

TEST_F(DecisionRecorderTest, SaysWhenAnotherDaemonLeadsTheStore) {
  ASSERT_EQ(*store_.BeginTerm(), 2);
  recorder_.Add(SolveOf(7), kDecisionDeclined);
  EXPECT_TRUE(IsOtherTerm(recorder_.Write()));
  recorder_.Add(SolveOf(8), kDecisionDeclined);
  recorder_.Forget();
  EXPECT_TRUE(recorder_.Write().ok());  // Nothing is left to be refused.
}

}  // namespace
}  // namespace ballast
