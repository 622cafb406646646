#include "core/policy/rebalance_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ballast {
namespace {

using ::testing::ElementsAre;

constexpr absl::Duration kStart = absl::ZeroDuration();

// Everything in order and 1000 steps done: a solve is due by default.
PolicyInput Ready() {
  return {.all_ranks_connected = true,
          .rollout_idle = true,
          .coverage = 1,
          .batches = 2,
          .min_last_step = 1000};
}

// One layer whose busiest rank has this load.
std::vector<LayerBalance> Layer(double max_rank_load) {
  return {{.max_rank_load = max_rank_load, .mean_rank_load = 1}};
}

// 1000 steps of 20 ms: a gain of 1/4 is worth 5 s. One byte costs 1 s.
PolicyOptions Options() {
  return {.min_gain = 0.25, .moe_seconds_per_step = 0.02, .migration_bytes_per_second = 1};
}

TEST(RebalancePolicyTest, SolvesWhenAllIsReadyAndTheStepsAreDone) {
  EXPECT_EQ(RebalancePolicy({}).ShouldSolve(Ready(), kStart), SolveHold::kNone);
}

TEST(RebalancePolicyTest, TellsTheFirstReasonThatHolds) {
  const RebalancePolicy policy({});
  PolicyInput input{.paused = true};
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kPaused);
  input.paused = false;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kRanksMissing);
  input.all_ranks_connected = true;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kCoverageLow);
  input.coverage = 1;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kWindowYoung);
  input.batches = 2;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kRolloutBusy);
  input.rollout_idle = true;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kNotDue);
}

TEST(RebalancePolicyTest, CoverageAtTheMinimumIsEnough) {
  const RebalancePolicy policy({.min_coverage = 0.75});
  PolicyInput input = Ready();
  input.coverage = 0.75;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kNone);
  input.coverage = 0.7499;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kCoverageLow);
}

TEST(RebalancePolicyTest, BatchesAtTheMinimumAreEnough) {
  const RebalancePolicy policy({.min_batches = 5});
  PolicyInput input = Ready();
  input.batches = 4;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kWindowYoung);
  input.batches = 5;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kNone);
}

TEST(RebalancePolicyTest, CountsStepsFromTheLastSolve) {
  RebalancePolicy policy({.solve_every_steps = 100});
  PolicyInput input = Ready();
  policy.OnSolve(950, kStart);
  input.min_last_step = 1049;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kNotDue);
  input.min_last_step = 1050;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kNone);
}

TEST(RebalancePolicyTest, StepsThatAreUnknownAgainAreNotDue) {
  RebalancePolicy policy({.solve_every_steps = 100});
  policy.OnSolve(950, kStart);
  PolicyInput input = Ready();
  input.min_last_step = 0;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kNotDue);
}

TEST(RebalancePolicyTest, CountsSecondsFromTheStartAndFromTheLastSolve) {
  RebalancePolicy policy({.solve_every_steps = 0, .solve_every = absl::Seconds(60)},
                         absl::Seconds(1000));
  EXPECT_EQ(policy.ShouldSolve(Ready(), absl::Seconds(1059)), SolveHold::kNotDue);
  EXPECT_EQ(policy.ShouldSolve(Ready(), absl::Seconds(1060)), SolveHold::kNone);
  policy.OnSolve(1000, absl::Seconds(1070));
  EXPECT_EQ(policy.ShouldSolve(Ready(), absl::Seconds(1129)), SolveHold::kNotDue);
  EXPECT_EQ(policy.ShouldSolve(Ready(), absl::Seconds(1130)), SolveHold::kNone);
}

TEST(RebalancePolicyTest, WhicheverOfStepsAndSecondsComesFirstIsDue) {
  RebalancePolicy policy({.solve_every_steps = 100, .solve_every = absl::Seconds(60)});
  policy.OnSolve(1000, kStart);
  PolicyInput input = Ready();
  EXPECT_EQ(policy.ShouldSolve(input, absl::Seconds(60)), SolveHold::kNone);
  input.min_last_step = 1100;
  EXPECT_EQ(policy.ShouldSolve(input, absl::Seconds(1)), SolveHold::kNone);
}

TEST(RebalancePolicyTest, WithoutStepsAndSecondsNothingIsEverDue) {
  const RebalancePolicy policy({.solve_every_steps = 0});
  EXPECT_EQ(policy.ShouldSolve(Ready(), absl::Hours(10000)), SolveHold::kNotDue);
}

TEST(RebalancePolicyTest, AdoptsWithTheNumbersTheDecisionRestsOn) {
  const AdoptDecision decision =
      RebalancePolicy(Options()).Decide(Layer(8), Layer(4), 2, 1, kStart);
  EXPECT_TRUE(decision.adopt);
  EXPECT_EQ(decision.reason, "adopted");
  EXPECT_EQ(decision.straggler_load_now, 8);
  EXPECT_EQ(decision.straggler_load_new, 4);
  EXPECT_EQ(decision.gain, 0.5);
  EXPECT_DOUBLE_EQ(decision.benefit_seconds, 10);
  EXPECT_EQ(decision.cost_seconds, 2);
}

TEST(RebalancePolicyTest, GainWeighsLayersByTheirMaxima) {
  const std::vector<LayerBalance> now = {{.max_rank_load = 6}, {.max_rank_load = 2}};
  const std::vector<LayerBalance> after = {{.max_rank_load = 3}, {.max_rank_load = 3}};
  EXPECT_EQ(RebalancePolicy(Options()).Decide(now, after, 0, 1, kStart).gain, 0.25);
}

TEST(RebalancePolicyTest, GainAtTheMinimumIsEnough) {
  const RebalancePolicy policy(Options());
  EXPECT_EQ(policy.Decide(Layer(8), Layer(6), 0, 1, kStart).reason, "adopted");
  EXPECT_EQ(policy.Decide(Layer(8), Layer(6.001), 0, 1, kStart).reason, "no_gain");
}

TEST(RebalancePolicyTest, AWorsePlanHasANegativeGainAndNoBenefit) {
  const AdoptDecision decision =
      RebalancePolicy(Options()).Decide(Layer(4), Layer(6), 0, 1, kStart);
  EXPECT_EQ(decision.gain, -0.5);
  EXPECT_EQ(decision.benefit_seconds, 0);
  EXPECT_EQ(decision.reason, "no_gain");
}

TEST(RebalancePolicyTest, NoGainIsNotAdoptedEvenIfNoGainIsAskedFor) {
  PolicyOptions options = Options();
  options.min_gain = 0;
  options.solve_every_steps = 0;
  const AdoptDecision decision = RebalancePolicy(options).Decide(Layer(4), Layer(4), 0, 1, kStart);
  EXPECT_FALSE(decision.adopt);
  EXPECT_EQ(decision.benefit_seconds, 0);
}

TEST(RebalancePolicyTest, WithoutLoadThereIsNoGain) {
  const AdoptDecision decision =
      RebalancePolicy(Options()).Decide(Layer(0), Layer(0), 0, 1, kStart);
  EXPECT_EQ(decision.gain, 0);
  EXPECT_EQ(decision.reason, "no_gain");
}

TEST(RebalancePolicyTest, TheBenefitMustExceedTheCost) {
  const RebalancePolicy policy(Options());  // Half the load saves 10 s.
  EXPECT_EQ(policy.Decide(Layer(8), Layer(4), 9, 1, kStart).reason, "adopted");
  EXPECT_EQ(policy.Decide(Layer(8), Layer(4), 10, 1, kStart).reason, "cost_exceeds_gain");
}

TEST(RebalancePolicyTest, TheNextSolveByTimeBoundsTheBenefit) {
  PolicyOptions options = Options();
  options.solve_every = absl::Seconds(6);
  EXPECT_DOUBLE_EQ(
      RebalancePolicy(options).Decide(Layer(8), Layer(4), 0, 1, kStart).benefit_seconds, 3);
}

TEST(RebalancePolicyTest, NothingIsAdoptedWithinTheMinimumInterval) {
  PolicyOptions options = Options();
  options.min_interval = absl::Seconds(30);
  RebalancePolicy policy(options);
  EXPECT_EQ(policy.Decide(Layer(8), Layer(4), 0, 1, kStart).reason, "adopted");
  policy.OnAdopted(absl::Seconds(100));
  EXPECT_EQ(policy.Decide(Layer(8), Layer(4), 0, 1, absl::Seconds(129)).reason, "min_interval");
  EXPECT_EQ(policy.Decide(Layer(8), Layer(4), 0, 1, absl::Seconds(130)).reason, "adopted");
}

TEST(RebalancePolicyTest, APlanThatMovesNothingIsNotAdopted) {
  EXPECT_EQ(RebalancePolicy(Options()).Decide(Layer(8), Layer(4), 0, 0, kStart).reason, "no_moves");
}

TEST(RebalancePolicyTest, ObserveOnlyTellsWhatItWouldHaveAdopted) {
  PolicyOptions options = Options();
  options.observe_only = true;
  const RebalancePolicy policy(options);
  const AdoptDecision decision = policy.Decide(Layer(8), Layer(4), 0, 1, kStart);
  EXPECT_FALSE(decision.adopt);
  EXPECT_EQ(decision.reason, "observe_only");
  EXPECT_EQ(policy.Decide(Layer(8), Layer(8), 0, 1, kStart).reason, "no_gain");
}

TEST(RebalancePolicyTest, NamesOfHoldsAreMetricLabels) {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(SolveHold::kNotDue); ++i) {
    names.push_back(SolveHoldName(static_cast<SolveHold>(i)));
  }
  EXPECT_THAT(names, ElementsAre("none", "paused", "ranks_missing", "coverage_low", "window_young",
                                 "rollout_busy", "not_due"));
}

TEST(RebalancePolicyTest, GoesByNewOptionsAtOnceAndKeepsWhatItCounted) {
  RebalancePolicy policy(Options());
  policy.OnSolve(1000, kStart);
  PolicyInput input = Ready();
  input.min_last_step = 1100;
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kNotDue);
  PolicyOptions options = Options();
  options.solve_every_steps = 100;
  options.min_gain = 0.5;
  policy.SetOptions(options);
  EXPECT_EQ(policy.ShouldSolve(input, kStart), SolveHold::kNone);
  EXPECT_EQ(policy.Decide(Layer(4), Layer(3), 0, 1, kStart).reason, "no_gain");
}

}  // namespace
}  // namespace ballast
