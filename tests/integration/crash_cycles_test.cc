// Goal: nothing that was acknowledged is lost, and no step is served with two plans, at
// whatever moment the daemon dies. Method: one fleet of 16 workers runs on while daemon
// after daemon on the same store kills itself at a labelled moment of a rollout; the fleet
// checks the digests of every step, this test checks the daemons' log as a history.

#include <signal.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/control/crash_points.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/child_process.h"
#include "tests/integration/plan_history.h"

namespace ballast {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 2;  // Each start takes seconds here.
#else
constexpr int kRounds = 10;
#endif

// Solves often and adopts whatever is better, so that each daemon has a rollout to die in.
constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:GRPC"}
http: {listen: ""}
store: {path: "FOLDER/ballast.db"}
session: {heartbeat_period: 200ms, report_period: 20ms}
load: {batch_steps: 5, half_life_steps: 5}
planning:
  solve_every_steps: 10
  min_interval: 0s
  min_gain: 0
  min_batches: 1
  moe_seconds_per_step: 100
groups:
  - name: demo
    model: {layers: 24, experts: 32, top_k: 4, expert_bytes: 13219200}
    ranks: 16
    row_size: 4
    slots_per_rank: 3
)";

class CrashCyclesTest : public ::testing::Test {
 protected:
  CrashCyclesTest() : folder_(MakeTempFolder("crash")), grpc_(FreePort()) {
    std::ofstream(folder_ + "/ballastd.yaml")
        << absl::StrReplaceAll(kConfig, {{"GRPC", absl::StrCat(grpc_)}, {"FOLDER", folder_}});
  }

  std::string Address() const { return absl::StrCat("127.0.0.1:", grpc_); }

  std::unique_ptr<ChildProcess> StartDaemon(absl::string_view crash_at) {
    std::vector<std::string> argv = {"/usr/bin/env"};
    if (!crash_at.empty()) argv.push_back(absl::StrCat("BALLAST_CRASH_AT=", crash_at));
    argv.insert(argv.end(),
                {BALLAST_BINARY_DIR "/ballastd", "--config", folder_ + "/ballastd.yaml"});
    return ChildProcess::Start(argv, folder_ + "/ballastd");
  }

  const std::string folder_;
  const int grpc_;
};

TEST_F(CrashCyclesTest, ADaemonMayDieAtAnyMomentOfARollout) {
  auto fleet =
      ChildProcess::Start({BALLAST_BINARY_DIR "/ballast_fleet", "--daemon", Address(), "--group",
                           "demo", "--trace", BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace",
                           "--step-ms", "5", "--reconnect-ms", "200"},
                          folder_ + "/fleet");
  for (int round = 0; round < kRounds; ++round) {
    for (absl::string_view point : kCrashPoints) {
      auto daemon = StartDaemon(point);
      ASSERT_EQ(daemon->Wait(60), 128 + SIGKILL)
          << "round " << round << ", " << point << " was not reached\n"
          << daemon->Err().substr(daemon->Err().size() -
                                  std::min<std::size_t>(daemon->Err().size(), 4000));
      ASSERT_TRUE(fleet->running()) << point << "\n" << fleet->Out() << fleet->Err();
    }
  }
  const std::size_t offset = ReadFile(folder_ + "/ballastd.err").size();
  auto daemon = StartDaemon("");
  EXPECT_TRUE(daemon->WaitForErr("outcome=done", 60, offset));
  fleet->Signal(SIGINT);
  EXPECT_EQ(fleet->Wait(60), 0) << fleet->Out() << fleet->Err();
  daemon->Signal(SIGTERM);
  EXPECT_EQ(daemon->Wait(60), 0);
  EXPECT_GE(CheckPlanHistory(daemon->Err(), "demo"), kRounds);
}

TEST_F(CrashCyclesTest, AnUnknownCrashPointIsRefusedByName) {
  auto daemon = StartDaemon("nowhere");
  EXPECT_EQ(daemon->Wait(30), 74);
  EXPECT_THAT(daemon->Err(), ::testing::HasSubstr("decide.stored"));
}

}  // namespace
}  // namespace ballast
