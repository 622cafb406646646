// Goal: the whole line with real processes: a daemon, its store, and a fleet of 16 workers
// that replay the bundled trace. Method: run the programs as an operator would, kill the
// daemon with SIGKILL while a fleet runs, start it again on the same store and address, and
// look at exit codes, the fleet's summary, status and metrics.

#include <signal.h>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:GRPC"}
http: {listen: "127.0.0.1:HTTP"}
store: {path: "FOLDER/ballast.db"}
session: {heartbeat_period: 200ms, report_period: 50ms}
load: {batch_steps: 10, half_life_steps: 100}
planning:
  solve_every_steps: 60
  min_interval: 100ms
  moe_seconds_per_step: 0.02
groups:
  - name: demo
    model: {layers: 24, experts: 32, top_k: 4, expert_bytes: 13219200}
    ranks: 16
    row_size: 4
    slots_per_rank: 3
)";

class RestartTest : public ::testing::Test {
 protected:
  RestartTest() : folder_(MakeTempFolder("restart")), grpc_(FreePort()), http_(FreePort()) {
    std::ofstream(folder_ + "/ballastd.yaml") << absl::StrReplaceAll(
        kConfig,
        {{"GRPC", absl::StrCat(grpc_)}, {"HTTP", absl::StrCat(http_)}, {"FOLDER", folder_}});
  }

  std::string Address() const { return absl::StrCat("127.0.0.1:", grpc_); }

  void StartDaemon() {
    offset_ = ReadFile(folder_ + "/ballastd.err").size();
    daemon_ = ChildProcess::Start(
        {BALLAST_BINARY_DIR "/ballastd", "--config", folder_ + "/ballastd.yaml"},
        folder_ + "/ballastd");
    ASSERT_TRUE(daemon_->WaitForErr("event=daemon.ready", 30, offset_)) << daemon_->Err();
  }

  void StartFleet(int steps) {
    fleet_ = ChildProcess::Start(
        {BALLAST_BINARY_DIR "/ballast_fleet", "--daemon", Address(), "--group", "demo", "--trace",
         BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace", "--ranks", "16", "--row-size", "4",
         "--slots-per-rank", "3", "--step-ms", "10", "--steps", absl::StrCat(steps), "--once"},
        folder_ + "/fleet");
  }

  // The fleet's last line, once it has ended.
  json FleetSummary() const {
    const std::string out = fleet_->Out();
    const std::size_t end = out.find_last_not_of('\n');
    const std::size_t begin = out.rfind('\n', end) + 1;
    return json::parse(out.substr(begin, end - begin + 1));
  }

  json Ctl(const std::vector<std::string>& words) {
    std::vector<std::string> line = {BALLAST_BINARY_DIR "/ballastctl"};
    line.insert(line.end(), words.begin(), words.end());
    line.insert(line.end(), {"--daemon", Address(), "-o", "json"});
    auto ctl = ChildProcess::Start(line, absl::StrCat(folder_, "/ctl", ++ctl_calls_));
    ctl->Wait(30);
    return json::parse(ctl->Out());
  }

  json Status() { return Ctl({"status"}); }

  // Value of the first line of /metrics that begins with `series`.
  double Metric(const std::string& series) {
    const std::string text = HttpGet(http_, "/metrics");
    const std::size_t at = text.find("\n" + series + " ");
    EXPECT_NE(at, std::string::npos) << series << "\n" << text;
    return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
  }

  const std::string folder_;
  const int grpc_;
  const int http_;
  int ctl_calls_ = 0;
  std::size_t offset_ = 0;  // In the daemon's log, where its newest start begins.
  std::unique_ptr<ChildProcess> daemon_;
  std::unique_ptr<ChildProcess> fleet_;
};

TEST_F(RestartTest, AFleetEndsBetterBalancedThanItBegan) {
  StartDaemon();
  StartFleet(400);
  ASSERT_EQ(fleet_->Wait(90), 0) << fleet_->Out() << fleet_->Err() << daemon_->Err();
  const json summary = FleetSummary();
  EXPECT_EQ(summary["workers"], 16);
  EXPECT_GE(summary["plans_activated"], 1);
  EXPECT_LT(summary["imbalance_after"], summary["imbalance_before"]);
  EXPECT_EQ(summary["planner"], "eplb");
  EXPECT_GE(Metric("ballast_plans_total{group=\"demo\",outcome=\"done\"}"), 1);
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->Wait(45), 0) << daemon_->Err();
}

TEST_F(RestartTest, ServingGoesOnWhileTheDaemonIsKilledAndItComesBackWithItsPlan) {
  StartDaemon();
  StartFleet(900);
  ASSERT_TRUE(daemon_->WaitForErr("event=plan.active", 60)) << daemon_->Err();
  daemon_->Signal(SIGKILL);
  ASSERT_EQ(daemon_->Wait(10), 128 + SIGKILL);
  StartDaemon();
  ASSERT_EQ(fleet_->Wait(90), 0) << fleet_->Out() << fleet_->Err() << daemon_->Err();
  const json status = Status();
  EXPECT_EQ(status["term"], "2");
  EXPECT_THAT(daemon_->Err(), HasSubstr("event=group.recovered group=demo plan=\"1."));
  EXPECT_LT(FleetSummary()["imbalance_after"], FleetSummary()["imbalance_before"]);

  // What the first daemon decided is still explained by the second.
  bool first_plan_explained = false;
  const json explanation = Ctl({"explain", "--last", "1000"});
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
  StartDaemon();
  StartFleet(1200);
  ASSERT_TRUE(daemon_->WaitForErr("event=plan.active", 60)) << daemon_->Err();
  daemon_->Signal(SIGKILL);
  ASSERT_EQ(daemon_->Wait(10), 128 + SIGKILL);
  // The second daemon only watches, so that every push would be one too many.
  std::ofstream(folder_ + "/ballastd.yaml", std::ios::app)
      << "    planning: {observe_only: true}\n";
  StartDaemon();
  // Its first solve needs all 16 workers connected, synced and reporting.
  ASSERT_TRUE(daemon_->WaitForErr("decision=\"observe_only", 60, offset_)) << daemon_->Err();
  EXPECT_EQ(Metric("ballast_plan_pushes_total{group=\"demo\"}"), 0);
  EXPECT_EQ(Metric("ballast_workers{group=\"demo\",state=\"synced\"}"), 16);
}

TEST_F(RestartTest, ASecondDaemonOnTheSameStoreIsRefused) {
  StartDaemon();
  auto second =
      ChildProcess::Start({BALLAST_BINARY_DIR "/ballastd", "--config", folder_ + "/ballastd.yaml"},
                          folder_ + "/second");
  EXPECT_EQ(second->Wait(30), 73) << second->Err();
  EXPECT_THAT(second->Err(), HasSubstr(absl::StrCat("locked by process ", daemon_->pid())));
}

TEST_F(RestartTest, AConfigurationFaultEndsWithItsOwnExitCode) {
  std::ofstream(folder_ + "/bad.yaml") << "gropus: []\n";
  auto daemon = ChildProcess::Start(
      {BALLAST_BINARY_DIR "/ballastd", "--config", folder_ + "/bad.yaml", "--check-config"},
      folder_ + "/bad");
  EXPECT_EQ(daemon->Wait(30), 78);
  EXPECT_THAT(daemon->Err(), HasSubstr("gropus is no key; nearest is groups"));
}

}  // namespace
}  // namespace ballast
