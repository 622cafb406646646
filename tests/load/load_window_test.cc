#include "core/load/load_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/load/report_builder.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Two ranks of two slots, one layer of three experts: slot 3 repeats expert 0.
class LoadWindowTest : public ::testing::Test {
 protected:
  LoadWindowTest() : LoadWindowTest(LoadWindowOptions()) {}
  explicit LoadWindowTest(LoadWindowOptions options) { Reset(options); }

  void Reset(const LoadWindowOptions& options) {
    window_.emplace(shape_, topology_, options);
    window_->AddPlan(initial_, InitialPlan(shape_, topology_));
  }

  ReportOutcome Add(const LoadReport& report, absl::Duration now = absl::ZeroDuration()) {
    const absl::StatusOr<ReportOutcome> outcome = window_->Add(report, now);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.value_or(ReportOutcome::kLate);
  }

  // Both ranks report one batch of 10 steps, as report `batch` of their lives.
  void AddBatch(int batch, std::vector<std::uint64_t> rank0, std::vector<std::uint64_t> rank1,
                absl::Duration now = absl::ZeroDuration()) {
    const std::uint64_t last = 10 * static_cast<std::uint64_t>(batch);
    ReportBuilder report = ReportBuilder(initial_).Sequence(batch);
    Add(ReportBuilder(report).Rank(0).Steps(1, last).Counts(std::move(rank0)).Build(), now);
    Add(ReportBuilder(report).Rank(1).Steps(1, last).Counts(std::move(rank1)).Build(), now);
  }

  std::vector<double> Mean() const {
    const absl::Span<const double> mean = window_->estimate().mean.values();
    return {mean.begin(), mean.end()};
  }

  const ModelShape shape_{.num_layers = 1, .num_experts = 3};
  const Topology topology_ = Topology::Uniform(2, 1, 2).value();
  const PlanId initial_ = PlanIdOf(shape_, InitialPlan(shape_, topology_));
  std::optional<LoadWindow> window_;
};

TEST_F(LoadWindowTest, EstimateIsZeroBeforeTheFirstBatchIsClosed) {
  Add(ReportBuilder(initial_).Counts({5, 6}).Steps(1, 100).Build());
  EXPECT_THAT(Mean(), ElementsAre(0, 0, 0));
  EXPECT_EQ(window_->estimate().batches, 0);
  EXPECT_THAT(window_->estimate().scenarios, IsEmpty());
  EXPECT_THAT(window_->MeasuredBalance(), IsEmpty());
  EXPECT_THAT(window_->MeasuredRankPicks(), ElementsAre(0, 0));
}

TEST_F(LoadWindowTest, AttributesSlotCountsThroughThePlanAndDividesBySteps) {
  AddBatch(1, {10, 20}, {30, 40});
  EXPECT_THAT(Mean(), ElementsAre(5, 2, 3));
  EXPECT_EQ(window_->estimate().batches, 1);
  EXPECT_EQ(window_->total_picks(), 100);
}

TEST_F(LoadWindowTest, CountsOnlyWhatIsNewInACumulativeReport) {
  AddBatch(1, {10, 20}, {30, 40});
  AddBatch(2, {10, 20}, {30, 140});
  EXPECT_EQ(window_->total_picks(), 200);
  EXPECT_THAT(window_->estimate().scenarios.back().values(), ElementsAre(10, 0, 0));
}

TEST_F(LoadWindowTest, ClosesTheBatchWhenTheSlowestRankHasPassedItsSteps) {
  Add(ReportBuilder(initial_).Rank(0).Steps(1, 30).Counts({10, 0}).Build());
  Add(ReportBuilder(initial_).Rank(1).Steps(1, 9).Counts({0, 0}).Build());
  EXPECT_EQ(window_->MinLastStep(), 9);
  EXPECT_EQ(window_->estimate().batches, 0);
  Add(ReportBuilder(initial_).Rank(1).Sequence(2).Steps(1, 10).Counts({0, 0}).Build());
  EXPECT_EQ(window_->estimate().batches, 1);
  EXPECT_THAT(Mean(), ElementsAre(1, 0, 0));
}

TEST_F(LoadWindowTest, DividesALongBatchByAllItsSteps) {
  Add(ReportBuilder(initial_).Rank(0).Steps(1, 100).Counts({100, 0}).Build());
  Add(ReportBuilder(initial_).Rank(1).Steps(1, 50).Counts({0, 0}).Build());
  EXPECT_EQ(window_->estimate().batches, 1);
  EXPECT_THAT(Mean(), ElementsAre(2, 0, 0));
}

TEST_F(LoadWindowTest, TakesExpertCountsDirectlyAndMeasuresNoBalanceFromThem) {
  const ReportBuilder report = ReportBuilder(initial_).Experts().Steps(1, 10);
  EXPECT_EQ(Add(ReportBuilder(report).Rank(0).Counts({10, 20, 30}).Build()),
            ReportOutcome::kAccepted);
  Add(ReportBuilder(report).Rank(1).Counts({0, 0, 10}).Build());
  EXPECT_THAT(Mean(), ElementsAre(1, 2, 4));
  EXPECT_THAT(window_->MeasuredBalance(), IsEmpty());
}

TEST_F(LoadWindowTest, TakesExpertCountsUnderAPlanItDoesNotKnow) {
  EXPECT_EQ(Add(ReportBuilder(OtherPlan(7)).Experts().Counts({1, 2, 3}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 6);
}

TEST_F(LoadWindowTest, FirstSightOfCountersThatBeganEarlierIsABaseline) {
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(5).Counts({100, 100}).Build()),
            ReportOutcome::kBaseline);
  EXPECT_EQ(window_->total_picks(), 0);
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(6).Counts({101, 103}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 4);
}

TEST_F(LoadWindowTest, CountersOfANewlyActivatedPlanBeganAtZero) {
  const PlanId next = OtherPlan(1);
  window_->AddPlan(next, ReversedPlan(shape_, topology_));
  Add(ReportBuilder(initial_).Sequence(5).Counts({100, 100}).Build());
  EXPECT_EQ(Add(ReportBuilder(next).Sequence(6).Counts({3, 4}).Build()), ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 7);
}

TEST_F(LoadWindowTest, AttributesEachReportToThePlanItWasCountedUnder) {
  const PlanId next = OtherPlan(1);
  window_->AddPlan(next, ReversedPlan(shape_, topology_));  // Slots hold 0, 2, 1, 0.
  Add(ReportBuilder(initial_).Rank(1).Steps(1, 10).Counts({0, 0}).Build());
  Add(ReportBuilder(initial_).Rank(0).Steps(1, 5).Counts({0, 10}).Build());
  Add(ReportBuilder(next).Rank(0).Sequence(2).Steps(6, 10).Counts({0, 30}).Build());
  EXPECT_THAT(Mean(), ElementsAre(0, 1, 3));
}

TEST_F(LoadWindowTest, CountsALastReportOfTheOldPlanThatANewPlanOvertook) {
  const PlanId next = OtherPlan(1);
  window_->AddPlan(next, ReversedPlan(shape_, topology_));
  Add(ReportBuilder(initial_).Sequence(1).Counts({10, 10}).Build());
  Add(ReportBuilder(next).Sequence(3).Counts({1, 1}).Build());
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(2).Counts({15, 10}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 27);
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(2).Counts({15, 10}).Build()),
            ReportOutcome::kDuplicate);
}

TEST_F(LoadWindowTest, AnOvertakenReportDoesNotMoveTheSteps) {
  const PlanId next = OtherPlan(1);
  window_->AddPlan(next, ReversedPlan(shape_, topology_));
  for (int rank = 0; rank < 2; ++rank) {
    Add(ReportBuilder(initial_).Rank(rank).Steps(1, 3).Counts({0, 0}).Build());
    Add(ReportBuilder(next).Rank(rank).Sequence(3).Steps(6, 7).Counts({0, 0}).Build());
    Add(ReportBuilder(initial_).Rank(rank).Sequence(2).Steps(1, 5).Counts({0, 0}).Build());
  }
  EXPECT_EQ(window_->MinLastStep(), 7);
  Add(ReportBuilder(next).Rank(0).Sequence(4).Steps(6, 9).Counts({0, 0}).Build());
  Add(ReportBuilder(next).Rank(1).Sequence(4).Steps(6, 9).Counts({0, 0}).Build());
  EXPECT_EQ(window_->MinLastStep(), 9);
}

TEST_F(LoadWindowTest, APlanBetweenTwoThatWereSeenBeganAtZeroToo) {
  const PlanId middle = OtherPlan(1);
  const PlanId last = OtherPlan(2);
  window_->AddPlan(middle, ReversedPlan(shape_, topology_));
  window_->AddPlan(last, ReversedPlan(shape_, topology_));
  Add(ReportBuilder(last).Sequence(9).Counts({100, 100}).Build());    // Baseline.
  Add(ReportBuilder(initial_).Sequence(5).Counts({50, 50}).Build());  // Overtaken baseline.
  EXPECT_EQ(Add(ReportBuilder(middle).Sequence(8).Counts({1, 2}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 3);
}

TEST_F(LoadWindowTest, CountsADuplicateOnce) {
  const LoadReport report = ReportBuilder(initial_).Counts({1, 2}).Build();
  EXPECT_EQ(Add(report), ReportOutcome::kAccepted);
  EXPECT_EQ(Add(report), ReportOutcome::kDuplicate);
  EXPECT_EQ(window_->total_picks(), 3);
}

TEST_F(LoadWindowTest, AnOvertakenReportOfOnePlanIsLateBecauseTheNewerHoldsIt) {
  Add(ReportBuilder(initial_).Sequence(1).Counts({1, 1}).Build());
  Add(ReportBuilder(initial_).Sequence(3).Counts({9, 9}).Build());
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(2).Counts({5, 5}).Build()), ReportOutcome::kLate);
  EXPECT_EQ(window_->total_picks(), 18);
}

TEST_F(LoadWindowTest, AReportBelowTheWindowOfSequencesIsLate) {
  Add(ReportBuilder(initial_).Sequence(1).Counts({0, 0}).Build());
  Add(ReportBuilder(initial_).Sequence(65).Counts({0, 0}).Build());
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(1).Counts({0, 0}).Build()), ReportOutcome::kLate);
}

TEST_F(LoadWindowTest, DropsSlotReportsOfAPlanItDoesNotKnow) {
  EXPECT_EQ(Add(ReportBuilder(OtherPlan(9)).Counts({1, 2}).Steps(1, 10).Build()),
            ReportOutcome::kUnknownPlan);
  EXPECT_EQ(window_->total_picks(), 0);
}

TEST_F(LoadWindowTest, DroppedCountsStayDroppedWhenThePlanBecomesKnown) {
  const PlanId next = OtherPlan(9);
  Add(ReportBuilder(next).Sequence(1).Counts({100, 200}).Build());
  window_->AddPlan(next, ReversedPlan(shape_, topology_));
  EXPECT_EQ(Add(ReportBuilder(next).Sequence(2).Counts({101, 200}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 1);
}

TEST_F(LoadWindowTest, KeepsThePlansAddedLast) {
  for (std::uint64_t i = 1; i < LoadWindow::kPlansKept; ++i) {
    window_->AddPlan(OtherPlan(i), ReversedPlan(shape_, topology_));
  }
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(1).Counts({1, 1}).Build()),
            ReportOutcome::kAccepted);
  window_->AddPlan(OtherPlan(100), ReversedPlan(shape_, topology_));
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(2).Counts({2, 2}).Build()),
            ReportOutcome::kUnknownPlan);
}

TEST_F(LoadWindowTest, AddingAPlanAgainMakesItTheLastAdded) {
  for (std::uint64_t i = 1; i < LoadWindow::kPlansKept; ++i) {
    window_->AddPlan(OtherPlan(i), ReversedPlan(shape_, topology_));
  }
  window_->AddPlan(initial_, InitialPlan(shape_, topology_));
  window_->AddPlan(OtherPlan(100), ReversedPlan(shape_, topology_));
  EXPECT_EQ(Add(ReportBuilder(initial_).Counts({1, 1}).Build()), ReportOutcome::kAccepted);
}

TEST_F(LoadWindowTest, ADecreaseOfA64BitCounterIsAResetAndANewBaseline) {
  Add(ReportBuilder(initial_).Sequence(1).Counts({100, 100}).Build());
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(2).Counts({500, 99}).Build()),
            ReportOutcome::kReset);
  EXPECT_EQ(window_->total_picks(), 200);
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(3).Counts({501, 99}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 201);
}

TEST_F(LoadWindowTest, A32BitCounterWrapsAround) {
  const std::uint64_t near_top = 0xffffffff;
  const ReportBuilder report = ReportBuilder(initial_).Bits(32);
  Add(ReportBuilder(report).Sequence(2).Counts({near_top, 5}).Build());
  EXPECT_EQ(Add(ReportBuilder(report).Sequence(3).Counts({9, 5}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 10);
}

TEST_F(LoadWindowTest, AModularGainOfHalfTheRangeOfA32BitCounterIsAReset) {
  const ReportBuilder report = ReportBuilder(initial_).Bits(32);
  Add(ReportBuilder(report).Sequence(2).Counts({0, 0}).Build());
  EXPECT_EQ(Add(ReportBuilder(report).Sequence(3).Counts({0x7fffffff, 0}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(Add(ReportBuilder(report).Sequence(4).Counts({0xffffffff, 0}).Build()),
            ReportOutcome::kReset);
  EXPECT_EQ(window_->total_picks(), 0x7fffffff);
}

TEST_F(LoadWindowTest, AChangeOfFormOrWidthWithinOnePlanIsAReset) {
  Add(ReportBuilder(initial_).Sequence(1).Counts({1, 1}).Build());
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(2).Bits(32).Counts({2, 2}).Build()),
            ReportOutcome::kReset);
  EXPECT_EQ(Add(ReportBuilder(initial_).Sequence(3).Experts().Counts({3, 3, 3}).Build()),
            ReportOutcome::kReset);
  EXPECT_EQ(window_->total_picks(), 2);
}

TEST_F(LoadWindowTest, ANewIncarnationBeginsAfresh) {
  Add(ReportBuilder(initial_).Incarnation(1).Sequence(7).Counts({100, 100}).Build());
  EXPECT_EQ(Add(ReportBuilder(initial_).Incarnation(2).Sequence(1).Counts({1, 2}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 3);
}

TEST_F(LoadWindowTest, AReportOfAReplacedIncarnationIsRefused) {
  Add(ReportBuilder(initial_).Incarnation(1).Sequence(1).Counts({1, 1}).Build());
  Add(ReportBuilder(initial_).Incarnation(2).Sequence(1).Counts({1, 1}).Build());
  Add(ReportBuilder(initial_).Incarnation(3).Sequence(1).Counts({1, 1}).Build());
  for (std::uint64_t old : {1, 2}) {
    EXPECT_EQ(Add(ReportBuilder(initial_).Incarnation(old).Sequence(2).Counts({9, 9}).Build()),
              ReportOutcome::kOldIncarnation);
  }
  EXPECT_EQ(window_->total_picks(), 6);
}

TEST_F(LoadWindowTest, AReplacedProcessIsTakenBackWhenNobodySpeaksForTheRankAnyMore) {
  const auto report = [&](std::uint64_t incarnation, std::uint64_t sequence, std::uint64_t picks) {
    return ReportBuilder(initial_)
        .Incarnation(incarnation)
        .Sequence(sequence)
        .Counts({picks, picks})
        .Build();
  };
  const absl::Duration later = absl::Seconds(31);
  Add(report(1, 5, 1));
  Add(report(1, 6, 2));
  Add(report(2, 1, 1));
  ASSERT_EQ(window_->total_picks(), 4);
  EXPECT_EQ(Add(report(1, 7, 9), absl::Seconds(30)), ReportOutcome::kOldIncarnation);
  EXPECT_THAT(window_->refusal(), HasSubstr("rank 0: process 1 was replaced"));
  EXPECT_EQ(Add(report(1, 6, 9), later), ReportOutcome::kOldIncarnation) << "replayed";
  EXPECT_EQ(Add(report(1, 8, 9), later), ReportOutcome::kBaseline);
  EXPECT_EQ(window_->refusal(), "");
  EXPECT_EQ(window_->total_picks(), 4);
  EXPECT_EQ(window_->Coverage(later), 0.5);
  EXPECT_EQ(Add(report(1, 9, 10), later), ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 6);
  EXPECT_EQ(Add(report(2, 2, 10), later), ReportOutcome::kOldIncarnation) << "now it is the other";
}

TEST_F(LoadWindowTest, SumsStayAtTheLargestCountInsteadOfOverflowing) {
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max() - 1;
  AddBatch(1, {huge, huge}, {huge, huge});
  EXPECT_EQ(window_->total_picks(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(CheckLoad(window_->estimate().mean).ok());
  EXPECT_NEAR(Mean()[0], 2 * 0x1p64 / 10, 1e6);
}

TEST_F(LoadWindowTest, RefusesWhatIsMalformedAndStaysUnchanged) {
  struct Case {
    LoadReport report;
    std::string message;
  };
  const ReportBuilder good = ReportBuilder(initial_).Rank(1).Counts({1, 1});
  const Case cases[] = {
      {ReportBuilder(good).Rank(2).Build(), "rank 2 out of [0, 2)"},
      {ReportBuilder(good).Rank(-1).Build(), "rank -1 out of [0, 2)"},
      {ReportBuilder(good).Counts({1, 2, 3}).Build(), "rank 1: 3 counts, not 1 layers x 2 local"},
      {ReportBuilder(good).Experts().Build(), "rank 1: 2 counts, not 1 layers x 3 experts"},
      {ReportBuilder(good).Bits(16).Build(), "rank 1: counter_bits 16 is not 32 or 64"},
      {ReportBuilder(good).Sequence(0).Build(), "rank 1: sequence 0"},
      {ReportBuilder(good).Steps(5, 3).Build(), "rank 1: step_last 3 is before step_first 5 - 1"},
      {ReportBuilder(good).Bits(32).Counts({1, std::uint64_t{1} << 32}).Build(),
       "rank 1, layer 0, column 1: count 4294967296 does not fit 32 bits"},
  };
  for (const Case& bad : cases) {
    const absl::StatusOr<ReportOutcome> outcome = window_->Add(bad.report, absl::ZeroDuration());
    EXPECT_EQ(outcome.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(outcome.status().message()), HasSubstr(bad.message));
    EXPECT_EQ(window_->Coverage(absl::ZeroDuration()), 0);
  }
  // Nothing of the refused reports was remembered: this one is still the first.
  EXPECT_EQ(Add(good.Build()), ReportOutcome::kAccepted);
  EXPECT_EQ(window_->total_picks(), 2);
}

TEST_F(LoadWindowTest, AReportThatCountsNoStepIsLegal) {
  EXPECT_EQ(Add(ReportBuilder(initial_).Steps(5, 4).Counts({0, 0}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(Add(ReportBuilder(initial_).Rank(1).Steps(0, ~std::uint64_t{0}).Counts({0, 0}).Build()),
            ReportOutcome::kAccepted);
  EXPECT_EQ(window_->MinLastStep(), 0);
}

TEST_F(LoadWindowTest, CoverageIsTheShareOfRanksWithAReportThatIsNotStale) {
  const absl::Duration stale = LoadWindowOptions().stale_after;
  Add(ReportBuilder(initial_).Rank(1).Counts({0, 0}).Build(), absl::Seconds(1));
  EXPECT_EQ(window_->Coverage(absl::Seconds(1)), 0.5);
  EXPECT_THAT(window_->UncoveredRanks(absl::Seconds(1)), ElementsAre(RankId(0)));
  EXPECT_EQ(window_->Coverage(absl::Seconds(1) + stale), 0.5);
  EXPECT_EQ(window_->Coverage(absl::Seconds(1) + stale + absl::Nanoseconds(1)), 0);
}

TEST_F(LoadWindowTest, OnlyAcceptedAndBaselineReportsCover) {
  Add(ReportBuilder(initial_).Rank(0).Sequence(9).Counts({9, 9}).Build());  // Baseline.
  Add(ReportBuilder(OtherPlan(9)).Rank(1).Counts({0, 0}).Build());          // Unknown plan.
  EXPECT_EQ(window_->Coverage(absl::ZeroDuration()), 0.5);
  const absl::Duration later = absl::Minutes(1);
  Add(ReportBuilder(initial_).Rank(0).Sequence(9).Counts({9, 9}).Build(), later);   // Duplicate.
  Add(ReportBuilder(initial_).Rank(0).Sequence(8).Counts({9, 9}).Build(), later);   // Late.
  Add(ReportBuilder(initial_).Rank(0).Sequence(10).Counts({1, 1}).Build(), later);  // Reset.
  EXPECT_EQ(window_->Coverage(later), 0);
}

TEST_F(LoadWindowTest, ARankThatNeverReportedIsUncoveredEvenIfNothingGetsStale) {
  Reset({.stale_after = absl::InfiniteDuration()});
  EXPECT_EQ(window_->Coverage(absl::ZeroDuration()), 0);
  Add(ReportBuilder(initial_).Rank(0).Counts({0, 0}).Build());
  EXPECT_EQ(window_->Coverage(absl::Hours(1000)), 0.5);
}

TEST_F(LoadWindowTest, MeasuresTheBalanceOfTheLastBatchAsServed) {
  AddBatch(1, {500, 0}, {0, 0});
  AddBatch(2, {510, 20}, {30, 40});
  const std::vector<LayerBalance> balance = window_->MeasuredBalance();
  ASSERT_EQ(balance.size(), 1);
  EXPECT_EQ(balance[0].max_rank_load, 7);
  EXPECT_EQ(balance[0].mean_rank_load, 5);
  EXPECT_THAT(window_->MeasuredRankPicks(), ElementsAre(3, 7));
}

TEST_F(LoadWindowTest, AnIdleBatchKeepsEstimateScenariosAndMeasurement) {
  AddBatch(1, {10, 20}, {30, 40});
  AddBatch(2, {10, 20}, {30, 40});
  EXPECT_THAT(Mean(), ElementsAre(5, 2, 3));
  EXPECT_EQ(window_->estimate().batches, 1);
  EXPECT_EQ(window_->estimate().scenarios.size(), 1);
  EXPECT_THAT(window_->MeasuredRankPicks(), ElementsAre(3, 7));
  AddBatch(3, {20, 20}, {30, 40});  // Its steps are its own: the idle ones are not in it.
  EXPECT_THAT(window_->estimate().scenarios.back().values(), ElementsAre(1, 0, 0));
}

TEST_F(LoadWindowTest, KeepsTheLastScenariosOldestFirst) {
  Reset({.num_scenarios = 2});
  AddBatch(1, {10, 0}, {0, 0});
  AddBatch(2, {30, 0}, {0, 0});
  AddBatch(3, {60, 0}, {0, 0});
  const std::vector<LoadMatrix>& scenarios = window_->estimate().scenarios;
  ASSERT_EQ(scenarios.size(), 2);
  EXPECT_EQ(scenarios[0].values()[0], 2);
  EXPECT_EQ(scenarios[1].values()[0], 3);
  EXPECT_EQ(window_->estimate().batches, 3);
}

TEST_F(LoadWindowTest, HalvesTheWeightOfABatchEveryHalfLifeOfSteps) {
  Reset({.half_life_steps = 10});
  AddBatch(1, {100, 0}, {0, 0});
  EXPECT_DOUBLE_EQ(Mean()[0], 10);
  AddBatch(2, {100, 100}, {0, 0});  // Weights 1/4 and 1/2, corrected by their sum.
  EXPECT_DOUBLE_EQ(Mean()[0], 10.0 / 3);
  EXPECT_DOUBLE_EQ(Mean()[1], 20.0 / 3);
}

TEST_F(LoadWindowTest, WeighsALongBatchByItsSteps) {
  Reset({.half_life_steps = 10});
  AddBatch(1, {100, 0}, {0, 0});
  AddBatch(3, {100, 200}, {0, 0});  // 20 steps: 1 - 2^-2 = 3/4 against 1/8.
  EXPECT_DOUBLE_EQ(Mean()[0], 10.0 / 7);
}

TEST_F(LoadWindowTest, HalvesTheWeightOfABatchEveryHalfLifeOfTime) {
  Reset({.averaging = Averaging::kHalfLifeTime, .half_life = absl::Seconds(4)});
  AddBatch(1, {0, 0}, {0, 0}, absl::Seconds(0));
  AddBatch(2, {100, 0}, {0, 0}, absl::Seconds(4));
  AddBatch(3, {100, 100}, {0, 0}, absl::Seconds(12));  // 1 - 2^-2 = 3/4 against 1/8.
  EXPECT_DOUBLE_EQ(Mean()[0], 10.0 / 7);
}

TEST_F(LoadWindowTest, BatchesClosedAtOneMomentStillWeighSomething) {
  Reset({.averaging = Averaging::kHalfLifeTime, .half_life = absl::Milliseconds(1)});
  AddBatch(1, {100, 0}, {0, 0});
  EXPECT_DOUBLE_EQ(Mean()[0], 10);
  AddBatch(2, {100, 100}, {0, 0});
  EXPECT_DOUBLE_EQ(Mean()[0], 10.0 / 3);
}

TEST_F(LoadWindowTest, PlainAveragingIsTheMeanOfTheLastBatches) {
  Reset({.averaging = Averaging::kPlain, .window_batches = 2});
  AddBatch(1, {900, 0}, {0, 0});
  EXPECT_DOUBLE_EQ(Mean()[0], 90);
  AddBatch(2, {910, 0}, {0, 0});
  AddBatch(3, {940, 0}, {0, 0});
  EXPECT_DOUBLE_EQ(Mean()[0], 2);
}

TEST_F(LoadWindowTest, BatchesOfADaemonThatCameLateBeginWhereItFirstLooked) {
  const ReportBuilder report = ReportBuilder(initial_).Sequence(70);
  Add(ReportBuilder(report).Rank(0).Steps(1, 5000).Counts({777, 0}).Build());
  Add(ReportBuilder(report).Rank(1).Steps(1, 5000).Counts({0, 0}).Build());
  EXPECT_EQ(window_->MinLastStep(), 5000);
  EXPECT_EQ(window_->estimate().batches, 0);
  Add(ReportBuilder(report).Rank(0).Sequence(71).Steps(1, 5010).Counts({787, 0}).Build());
  Add(ReportBuilder(report).Rank(1).Sequence(71).Steps(1, 5010).Counts({0, 0}).Build());
  EXPECT_THAT(Mean(), ElementsAre(1, 0, 0));
}

// As after a restart of the daemon: ranks come back within a batch of each other, and what they
// did before they came is not known. Each rank really receives 10 picks a step.
TEST_F(LoadWindowTest, TheFirstBatchHoldsTheSameStepsOfEveryRank) {
  const auto report = [&](int rank, std::uint64_t step) {
    Add(ReportBuilder(initial_)
            .Rank(rank)
            .Sequence(step)
            .Steps(1, step)
            .Counts({10 * step, 0})
            .Build());
  };
  for (std::uint64_t step = 100; step < 106; ++step) report(0, step);
  for (std::uint64_t step = 106; step <= 110; ++step) {
    report(0, step);
    report(1, step);
  }
  EXPECT_EQ(window_->estimate().batches, 0) << "rank 1 is known of 4 steps";
  for (std::uint64_t step = 111; step <= 116; ++step) {
    report(0, step);
    report(1, step);
  }
  EXPECT_EQ(window_->estimate().batches, 1);
  EXPECT_THAT(Mean(), ElementsAre(10, 0, 10));  // Slots 0 and 2.
}

TEST_F(LoadWindowTest, PicksFromBeforeTheLastRankCameAreNotInABatch) {
  Add(ReportBuilder(initial_).Rank(0).Steps(1, 1000).Counts({4000, 0}).Build());
  Add(ReportBuilder(initial_).Rank(1).Sequence(9).Steps(1, 1000).Counts({0, 0}).Build());
  EXPECT_EQ(window_->total_picks(), 4000);
  EXPECT_EQ(window_->estimate().batches, 0);
  Add(ReportBuilder(initial_).Rank(0).Sequence(2).Steps(1, 1010).Counts({4020, 0}).Build());
  Add(ReportBuilder(initial_).Rank(1).Sequence(10).Steps(1, 1010).Counts({0, 0}).Build());
  EXPECT_THAT(Mean(), ElementsAre(2, 0, 0));
}

TEST_F(LoadWindowTest, ARestartedRankThatCountsStepsFromZeroGoesOnWhereItWas) {
  AddBatch(1, {10, 0}, {0, 0});
  const ReportBuilder reborn = ReportBuilder(initial_).Rank(1).Incarnation(2);
  Add(ReportBuilder(reborn).Sequence(1).Steps(1, 2).Counts({0, 0}).Build());
  EXPECT_EQ(window_->MinLastStep(), 10);
  Add(ReportBuilder(initial_).Rank(0).Sequence(2).Steps(1, 20).Counts({20, 0}).Build());
  Add(ReportBuilder(reborn).Sequence(2).Steps(1, 12).Counts({0, 0}).Build());
  EXPECT_EQ(window_->MinLastStep(), 20);
  EXPECT_EQ(window_->estimate().batches, 2);
}

TEST_F(LoadWindowTest, NamesOfOutcomesAreMetricLabels) {
  std::vector<std::string> names;
  for (int i = 0; i < kNumReportOutcomes; ++i) {
    names.push_back(ReportOutcomeName(static_cast<ReportOutcome>(i)));
  }
  EXPECT_THAT(names, ElementsAre("accepted", "baseline", "duplicate", "late", "unknown_plan",
                                 "reset", "old_incarnation", "implausible"));
}

TEST_F(LoadWindowTest, GoesByNewOptionsForTheOpenBatchAlready) {
  AddBatch(1, {10, 0}, {0, 0});
  window_->SetOptions({.half_life_steps = 5, .batch_steps = 5, .stale_after = absl::Seconds(1)});
  ReportBuilder report = ReportBuilder(initial_).Sequence(2).Steps(1, 15);
  Add(ReportBuilder(report).Rank(0).Counts({20, 0}).Build());
  Add(ReportBuilder(report).Rank(1).Counts({0, 0}).Build());
  EXPECT_EQ(window_->estimate().batches, 2) << "5 steps are a batch now";
  // Weights corrected for the start: the first batch's 10 steps at a half-life of 1000.
  EXPECT_GT(Mean()[0], 1.9) << "a half-life of 5 steps leaves little of the batch before";
  EXPECT_EQ(window_->Coverage(absl::Seconds(2)), 0);
}

}  // namespace
}  // namespace ballast
