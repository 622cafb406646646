// Goal: nothing that was acknowledged is lost, and no step is served with two plans, at
// whatever moment the daemon dies. Method: one fleet of 16 workers runs on while daemon
// after daemon on the same store kills itself at a labelled moment of a rollout; the fleet
// checks the digests of every step, this test checks the daemons' log as a history.

#include <signal.h>

#include <vector>

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

// A daemon that kills itself at this moment.
void Launch(TestDaemon& daemon, absl::string_view crash_at) {
  daemon.RunUnder({absl::StrCat("BALLAST_CRASH_AT=", crash_at)});
  daemon.Launch();
}

TEST(CrashCyclesTest, ADaemonMayDieAtAnyMomentOfARollout) {
  // So that each daemon has a rollout to die in.
  TestDaemon daemon("crash", DaemonConfig::Eager());
  auto fleet = daemon.StartFleet({.step_ms = 5});
  std::vector<absl::string_view> died_at;
  for (int round = 0; round < kRounds; ++round) {
    for (absl::string_view point : kCrashPoints) {
      Launch(daemon, point);
      ASSERT_EQ(daemon.Wait(), 128 + SIGKILL)
          << "round " << round << ", " << point << " was not reached";
      died_at.push_back(point);
      ASSERT_TRUE(fleet->running()) << point << "\n" << fleet->Out();
    }
  }
  const std::size_t offset = daemon.Log().size();
  daemon.RunUnder({});
  daemon.Launch();
  EXPECT_TRUE(daemon.AwaitInLog("outcome=done", 1, offset));
  EXPECT_EQ(fleet->End(SIGINT), 0) << fleet->Out();
  EXPECT_EQ(daemon.End(SIGTERM), 0);
  // The daemons that died at commit, active and retire had told of their decision.
  EXPECT_GE(CheckPlanHistory(daemon.Log(), "demo", died_at), 5 * kRounds);
}

TEST(CrashCyclesTest, AnUnknownCrashPointIsRefusedByName) {
  TestDaemon daemon("crash", DaemonConfig::Eager());
  Launch(daemon, "nowhere");
  EXPECT_EQ(daemon.Wait(), 74);
  EXPECT_THAT(daemon.Log(), ::testing::HasSubstr("decide.stored"));
}

}  // namespace
}  // namespace ballast
