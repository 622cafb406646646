// Goal: the whole line with real processes: a daemon, its store, and a fleet of 16 workers
// that replay the bundled trace. Method: run the programs as an operator would, kill the
// daemon with SIGKILL while a fleet runs, start it again on the same store and address, and
// look at exit codes, the fleet's summary, status and metrics.

#include <signal.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class RestartTest : public ::testing::Test {
 protected:
  void StartFleet(int steps) {
    fleet_ = daemon_.StartFleet({.words = {"--steps", absl::StrCat(steps), "--once"}});
  }

  TestDaemon daemon_{"restart"};
  std::unique_ptr<ChildProcess> fleet_;
};

TEST_F(RestartTest, AFleetEndsBetterBalancedThanItBegan) {
  ASSERT_TRUE(daemon_.Start());
  StartFleet(400);
  ASSERT_EQ(fleet_->Wait(), 0) << fleet_->Out();
  const json summary = FleetSummary(*fleet_);
  EXPECT_EQ(summary["workers"], 16);
  EXPECT_GE(summary["plans_activated"], 1);
  EXPECT_LT(summary["imbalance_after"], summary["imbalance_before"]);
  EXPECT_EQ(summary["planner"], "eplb");
  EXPECT_GE(daemon_.Metric("ballast_plans_total{group=\"demo\",outcome=\"done\"}"), 1);
  EXPECT_EQ(daemon_.End(SIGTERM), 0);
}

TEST_F(RestartTest, ServingGoesOnWhileTheDaemonIsKilledAndItComesBackWithItsPlan) {
  ASSERT_TRUE(daemon_.Start());
  StartFleet(900);
  ASSERT_TRUE(daemon_.AwaitInLog("event=plan.active"));
  ASSERT_TRUE(daemon_.Kill());
  ASSERT_TRUE(daemon_.Start());
  ASSERT_EQ(fleet_->Wait(), 0) << fleet_->Out();
  EXPECT_EQ(daemon_.AskJson({"status"})["term"], "2");
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=group.recovered group=demo plan=\"1."));
  const json summary = FleetSummary(*fleet_);
  EXPECT_LT(summary["imbalance_after"], summary["imbalance_before"]);

  // What the first daemon decided is still explained by the second.
  bool first_plan_explained = false;
  const json explanation = daemon_.AskJson({"explain", "--last", "1000"});
  for (const json& decision : explanation["decisions"]) {
    if (decision["reason"] != "adopted" || decision["plan"]["version"]["term"] != "1") continue;
    first_plan_explained = true;
    EXPECT_GT(decision["gain"], 0);
    EXPECT_GT(decision["lower_bound"], 0);
    EXPECT_THAT(decision["outcome"].get<std::string>(), AnyOf("done", HasSubstr("restarted")));
  }
  EXPECT_TRUE(first_plan_explained);
}

TEST_F(RestartTest, ARestartPushesNothingToWorkersThatHoldThePlan) {
  ASSERT_TRUE(daemon_.Start());
  StartFleet(1200);
  ASSERT_TRUE(daemon_.AwaitInLog("event=plan.active"));
  ASSERT_TRUE(daemon_.Kill());
  // The second daemon only watches, so that every push would be one too many.
  std::ofstream(daemon_.ConfigFile(), std::ios::app) << "    planning: {observe_only: true}\n";
  const std::size_t restarted = daemon_.Log().size();
  ASSERT_TRUE(daemon_.Start());
  // Its first solve needs all 16 workers connected, synced and reporting.
  ASSERT_TRUE(daemon_.AwaitInLog("decision=\"observe_only", 1, restarted));
  EXPECT_EQ(daemon_.Metric("ballast_plan_pushes_total{group=\"demo\"}"), 0);
  EXPECT_EQ(daemon_.Metric("ballast_workers{group=\"demo\",state=\"synced\"}"), 16);
}

TEST_F(RestartTest, ASecondDaemonOnTheSameStoreIsRefused) {
  ASSERT_TRUE(daemon_.Start());
  auto second = daemon_.LaunchOther();
  EXPECT_EQ(second->Wait(), 73);
  EXPECT_THAT(second->Err(), HasSubstr(absl::StrCat("locked by process ", daemon_.pid())));
}

TEST_F(RestartTest, AConfigurationFaultEndsWithItsOwnExitCode) {
  std::ofstream(daemon_.ConfigFile()) << "gropus: []\n";
  daemon_.Launch({"--check-config"});
  EXPECT_EQ(daemon_.Wait(), 78);
  EXPECT_THAT(daemon_.Log(), HasSubstr("gropus is no key; nearest is groups"));
}

}  // namespace
}  // namespace ballast
