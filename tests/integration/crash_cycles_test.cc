// Goal: nothing that was acknowledged is lost, and no step is served with two plans, at
// whatever moment the daemon dies. Method: one fleet of 16 workers runs on while daemon
// after daemon on the same store kills itself at a labelled moment of a rollout; the fleet
// checks the digests of every step, this test checks the daemons' log as a history.

#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/control/crash_points.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/plan_history.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 2;  // Each start takes seconds here.
#else
constexpr int kRounds = 10;
#endif

// Moments that need more than a rollout to be reached; each has a test of its own.
bool IsOfARollout(absl::string_view point) {
  return !absl::StartsWith(point, "abort.") && !absl::StartsWith(point, "membership.");
}

// One fleet, and daemons that die one after the other on one store.
class CrashCyclesTest : public ::testing::Test {
 protected:
  void Begin(const DaemonConfig& config, const std::vector<std::string>& fleet_words = {}) {
    daemon_ = std::make_unique<TestDaemon>("crash", config);
    fleet_ = daemon_->StartFleet({.step_ms = 5, .words = fleet_words});
  }

  // A daemon that kills itself at this moment.
  void Launch(absl::string_view crash_at) {
    daemon_->RunUnder({absl::StrCat("BALLAST_CRASH_AT=", crash_at)});
    daemon_->Launch();
  }

  void AwaitCrash(absl::string_view point) {
    ASSERT_EQ(daemon_->Wait(), 128 + SIGKILL) << point << " was not reached";
    died_at_.push_back(point);
    ASSERT_TRUE(fleet_->running()) << point << "\n" << fleet_->Out();
  }

  // A daemon that does not die.
  void LaunchTheLast() {
    daemon_->RunUnder({});
    daemon_->Launch();
  }

  // Ends all and judges the history; returns how many plans were decided.
  int End() {
    EXPECT_EQ(fleet_->End(SIGINT), 0) << fleet_->Out();
    EXPECT_EQ(daemon_->End(SIGTERM), 0);
    return CheckPlanHistory(daemon_->Log(), "demo", died_at_);
  }

  std::unique_ptr<TestDaemon> daemon_;
  std::unique_ptr<ChildProcess> fleet_;
  std::vector<absl::string_view> died_at_;
};

TEST_F(CrashCyclesTest, ADaemonMayDieAtAnyMomentOfARollout) {
  Begin(DaemonConfig::Eager());  // So that each daemon has a rollout to die in.
  for (int round = 0; round < kRounds; ++round) {
    for (const absl::string_view point : kCrashPoints) {
      if (!IsOfARollout(point)) continue;
      Launch(point);
      ASSERT_NO_FATAL_FAILURE(AwaitCrash(point)) << "round " << round;
    }
  }
  const std::size_t offset = daemon_->Log().size();
  LaunchTheLast();
  EXPECT_TRUE(daemon_->AwaitInLog("outcome=done", 1, offset));
  // The daemons that died at commit, active and retire had told of their decision.
  EXPECT_GE(End(), 5 * kRounds);
}

// A plan that is given up, because a worker stands still while it should load.
TEST_F(CrashCyclesTest, ADaemonMayDieAtAnyMomentOfAnAbort) {
  // Nobody is silent before the plan is given up, and only an operator makes plans.
  Begin({.session = "{heartbeat_period: 20s, report_period: 20ms}",
         .load = "{batch_steps: 5, half_life_steps: 5}",
         .planning = "{solve_every_steps: 1000000000, min_interval: 0s}",
         .more = "rollout: {prepare_timeout: 500ms}\n"});
  const std::vector<std::string> force = {
      "plan", "force", "--reason", "test", "--yes", "--socket", daemon_->File("admin.sock")};
  for (const absl::string_view point : kCrashPoints) {
    if (!absl::StartsWith(point, "abort.")) continue;
    Launch(point);
    ASSERT_TRUE(AwaitCondition([&] {
      std::vector<std::string> probe = force;
      probe.push_back("--dry-run");
      return daemon_->Ctl(std::move(probe)).code == 0;
    })) << point;
    const pid_t worker = WorkerPids(*fleet_).at(7);
    kill(worker, SIGSTOP);
    const int forced = daemon_->Ctl(force).code;
    const std::optional<int> end = daemon_->Wait();
    kill(worker, SIGCONT);
    EXPECT_EQ(forced, 0);
    ASSERT_EQ(end, 128 + SIGKILL) << point << " was not reached";
    died_at_.push_back(point);
  }
  LaunchTheLast();
  EXPECT_TRUE(AwaitCondition([&] { return daemon_->Ctl(force).code == 0; }));
  EXPECT_TRUE(daemon_->AwaitInLog("outcome=done"));
  EXPECT_EQ(End(), 1);
}

// A rank leaves and comes back; both times the daemon dies with the change just stored.
TEST_F(CrashCyclesTest, ADaemonMayDieWhenARankLeavesAndWhenItComesBack) {
  Begin(DaemonConfig::Eager(), {"--leave-worker", "5@100", "--rejoin-ms", "1500"});
  for (int death = 0; death < 2; ++death) {
    Launch("membership.stored");
    ASSERT_NO_FATAL_FAILURE(AwaitCrash("membership.stored"));
  }
  const std::size_t offset = daemon_->Log().size();
  LaunchTheLast();
  EXPECT_TRUE(daemon_->AwaitInLog("event=plan.active", 1, offset));
  EXPECT_GE(End(), 1);
}

TEST(CrashPointsTest, AnUnknownCrashPointIsRefusedByName) {
  TestDaemon daemon("crash");
  daemon.RunUnder({"BALLAST_CRASH_AT=nowhere"});
  daemon.Launch();
  EXPECT_EQ(daemon.Wait(), 74);
  EXPECT_THAT(daemon.Log(), ::testing::HasSubstr("decide.stored"));
}

}  // namespace
}  // namespace ballast
