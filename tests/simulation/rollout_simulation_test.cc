// Goal: no order of events, no fault and no crash makes two ranks serve one step with
// different plans, undoes a decision or leaves the group stuck. Method: the real state
// machines in a simulated world (rollout_simulation.h), many seeds, checkers after
// every event; and the same with known mistakes planted, which must be found.

#include "tests/simulation/rollout_simulation.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace ballast {
namespace {

constexpr int kSeeds = 4000;

std::uint64_t FirstSeed() {
  const char* text = std::getenv("BALLAST_TEST_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

// Runs it again with a trace, and says how to do so by hand.
std::string Explain(SimulationOptions options) {
  options.trace = true;
  const SimulationReport report = RunRolloutSimulation(options);
  std::string text = "repeat with BALLAST_TEST_SEED=" + std::to_string(options.seed) + "\n";
  for (const std::string& line : report.trace) text += line + "\n";
  return text;
}

TEST(RolloutSimulationTest, HoldsItsPromisesUnderEveryFault) {
  SimulationReport sum;
  for (int i = 0; i < kSeeds; ++i) {
    SimulationOptions options;
    options.seed = FirstSeed() + i;
    const SimulationReport report = RunRolloutSimulation(options);
    ASSERT_EQ(report.violation, "") << "seed " << options.seed << ", " << Explain(options);
    sum.switches += report.switches;
    sum.done += report.done;
    sum.aborted += report.aborted;
    sum.refused += report.refused;
    sum.daemon_lives += report.daemon_lives;
    sum.worker_crashes += report.worker_crashes;
    sum.leaves += report.leaves;
    sum.second_plans += report.second_plans;
    sum.disagreements += report.disagreements;
    sum.events += report.events;
  }
  // What the seeds went through must not be nothing.
  EXPECT_GT(sum.switches, 10 * kSeeds);
  EXPECT_GT(sum.done, 2 * kSeeds);
  EXPECT_GT(sum.aborted, kSeeds / 4);
  EXPECT_GT(sum.refused, kSeeds / 20);
  EXPECT_GT(sum.daemon_lives, 3 * kSeeds / 2);
  EXPECT_GT(sum.worker_crashes, kSeeds);
  EXPECT_GT(sum.leaves, kSeeds / 20);
  EXPECT_GT(sum.second_plans, kSeeds / 4);
  EXPECT_GT(sum.disagreements, kSeeds / 10);
  RecordProperty("events", sum.events);
}

TEST(RolloutSimulationTest, WithoutFaultsEveryPlanIsDone) {
  for (int i = 0; i < 50; ++i) {
    SimulationOptions options;
    options.seed = FirstSeed() + i;
    options.random_faults = false;
    const SimulationReport report = RunRolloutSimulation(options);
    ASSERT_EQ(report.violation, "") << Explain(options);
    EXPECT_EQ(report.aborted, 0);
    EXPECT_EQ(report.refused, 0);
    EXPECT_GE(report.done, 2);
    EXPECT_EQ(report.switches, report.done * report.ranks);
    EXPECT_EQ(report.daemon_lives, 1);
  }
}

// Before and after each store call and before each message of the first plans.
TEST(RolloutSimulationTest, TheDaemonMayDieAtEveryPointOfItsLife) {
  for (int i = 0; i < 5; ++i) {
    SimulationOptions options;
    options.seed = FirstSeed() + i;
    options.random_faults = false;
    bool untouched = false;
    int point = 0;
    while (!untouched) {
      options.crash_at_point = ++point;
      const SimulationReport report = RunRolloutSimulation(options);
      ASSERT_EQ(report.violation, "") << "point " << point << ", " << Explain(options);
      untouched = report.daemon_lives == 1;
    }
    EXPECT_GT(point, 25) << "seed " << options.seed;
  }
}

TEST(RolloutSimulationTest, GivesTheSameReportForTheSameSeed) {
  SimulationOptions options;
  options.seed = FirstSeed() + 7;
  options.trace = true;
  const SimulationReport first = RunRolloutSimulation(options);
  const SimulationReport second = RunRolloutSimulation(options);
  EXPECT_EQ(first.trace, second.trace);
  EXPECT_EQ(first.events, second.events);
}

struct PlantedCase {
  const char* name;
  PlantedBug bug;
  const char* finding;  // Part of what a checker must say.
};

class PlantedBugTest : public testing::TestWithParam<PlantedCase> {};

TEST_P(PlantedBugTest, IsFoundByACheckerWithinAFewSeeds) {
  for (int i = 0; i < 200; ++i) {
    SimulationOptions options;
    options.seed = FirstSeed() + i;
    options.bug = GetParam().bug;
    const SimulationReport report = RunRolloutSimulation(options);
    if (report.violation.find(GetParam().finding) != std::string::npos) return;
  }
  FAIL() << "no checker said \"" << GetParam().finding << "\"";
}

INSTANTIATE_TEST_SUITE_P(
    RolloutSimulation, PlantedBugTest,
    testing::Values(PlantedCase{"SwitchOnCommit", PlantedBug::kSwitchOnCommit, "runs with"},
                    PlantedCase{"CommitBeforeDecision", PlantedBug::kCommitBeforeDecision,
                                "before its decision is stored"},
                    PlantedCase{"LoseDecisions", PlantedBug::kLoseDecisions, "runs the undecided"},
                    PlantedCase{"JoinOnOldPlan", PlantedBug::kJoinOnOldPlan, "runs with"},
                    PlantedCase{"GiveUpAlone", PlantedBug::kGiveUpAlone, "dropped the decided"},
                    PlantedCase{"IgnoreGoodbye", PlantedBug::kIgnoreGoodbye, "which has left"},
                    PlantedCase{"VoteByVersion", PlantedBug::kVoteByVersion, "runs with"},
                    PlantedCase{"AbortUnknownDecision", PlantedBug::kAbortUnknownDecision,
                                "wants to abort the decided"}),
    [](const testing::TestParamInfo<PlantedCase>& planted) {
      return std::string(planted.param.name);
    });

}  // namespace
}  // namespace ballast
