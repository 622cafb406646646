// Goal: a worker process may be killed at any moment of a switch; it comes back as a new
// incarnation, and the group goes on to its next plan. Method: a daemon and a fleet of 16
// worker processes that replay the bundled trace; SIGKILL at a named moment of the first
// plan, or from outside. The fleet itself ends with an error if two ranks ever serve one
// step by two plans, or a slot holds another expert than is routed to it.

#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class WorkerLossTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { ASSERT_TRUE(daemon_.Start()); }

  void StartFleet(int steps, const std::vector<std::string>& loss, int rejoin_ms = 200) {
    std::vector<std::string> words = {"--steps", absl::StrCat(steps), "--once", "--rejoin-ms",
                                      absl::StrCat(rejoin_ms)};
    words.insert(words.end(), loss.begin(), loss.end());
    fleet_ = daemon_.StartFleet({.step_ms = 5, .words = words});
  }

  TestDaemon daemon_{"worker_loss"};
  std::unique_ptr<ChildProcess> fleet_;
};

TEST_P(WorkerLossTest, TheGroupGoesOnToItsNextPlan) {
  StartFleet(1200, {"--kill-worker", GetParam()});
  ASSERT_EQ(fleet_->Wait(), 0) << fleet_->Out();
  EXPECT_THAT(fleet_->Err(), HasSubstr("was killed by signal 9"));
  const json summary = FleetSummary(*fleet_);
  EXPECT_EQ(summary["steps"], 1200);
  EXPECT_EQ(summary["returns"], 1);
  EXPECT_EQ(summary["workers"], 16);
  EXPECT_GE(summary["plans_activated"], 1);
  EXPECT_LT(summary["imbalance_after"], summary["imbalance_before"]);
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=plan.active"));
  EXPECT_THAT(daemon_.Log(), Not(HasSubstr("disagree")));
}
INSTANTIATE_TEST_SUITE_P(Moments, WorkerLossTest,
                         ::testing::Values("5@30", "5@loading", "5@prepared", "5@held", "5@active",
                                           "0@prepared", "0@held"));

TEST_F(WorkerLossTest, WorkersMayBeKilledOneAfterTheOther) {
  StartFleet(2400, {});
  ASSERT_TRUE(daemon_.AwaitInLog("event=plan.proposed"));
  for (int round = 0; round < 8; ++round) {
    const std::vector<pid_t> workers = WorkerPids(*fleet_);
    ASSERT_FALSE(workers.empty());
    const std::size_t seen = fleet_->Err().size();
    kill(workers[static_cast<std::size_t>(5 * round) % workers.size()], SIGKILL);
    ASSERT_TRUE(fleet_->AwaitErr("begins anew", seen));
  }
  ASSERT_EQ(fleet_->Wait(), 0) << fleet_->Out();
  const json summary = FleetSummary(*fleet_);
  EXPECT_EQ(summary["steps"], 2400);
  EXPECT_EQ(summary["returns"], 8);
  EXPECT_LT(summary["imbalance_after"], summary["imbalance_before"]);
}

// A planned leave: the rank is named as left, not as lost, and comes back under a new
// generation of the membership; the group then goes on to its next plan.
TEST_F(WorkerLossTest, ARankLeavesOnPurposeAndComesBack) {
  StartFleet(1200, {"--leave-worker", "5@100"}, 1500);
  ASSERT_TRUE(daemon_.AwaitInLog("event=worker.left group=demo rank=5"));
  const json group = daemon_.Group("demo");
  EXPECT_EQ(group["workers"][5]["state"], "left");
  EXPECT_EQ(group["waiting_for"], "rank 5 left");
  const std::size_t seen = daemon_.Log().size();
  ASSERT_TRUE(daemon_.AwaitInLog("event=worker.joined group=demo rank=5"));
  ASSERT_TRUE(daemon_.AwaitInLog("event=plan.active", 1, seen));
  ASSERT_EQ(fleet_->Wait(), 0) << fleet_->Out();
  EXPECT_THAT(fleet_->Err(), HasSubstr("rank 5: left"));
  EXPECT_THAT(daemon_.Log(), Not(HasSubstr("MEMBERSHIP_MISMATCH")));
  EXPECT_EQ(FleetSummary(*fleet_)["returns"], 1);
  EXPECT_GE(FleetSummary(*fleet_)["plans_activated"], 1);
}

}  // namespace
}  // namespace ballast
