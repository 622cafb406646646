// Goal: an operator steers a running group: pause, force, rollback, a restart while paused.
// Method: real processes, a fleet of 16 workers that replays the bundled trace; what must
// not happen is counted in solves and steps, not in seconds.

#include <signal.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "core/base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// Solves as often as it can, so that a pause has something to hold back.
constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:GRPC"}
http: {listen: ""}
store: {path: "FOLDER/ballast.db"}
session: {heartbeat_period: 200ms, report_period: 50ms}
load: {batch_steps: 10, half_life_steps: 100}
planning: {solve_every_steps: 20, min_interval: 100ms, min_gain: 0.001}
groups:
  - name: demo
    model: {layers: 24, experts: 32, top_k: 4, expert_bytes: 13219200}
    ranks: 16
    row_size: 4
    slots_per_rank: 3
)";

std::uint64_t Number(const json& value) { return std::stoull(value.get<std::string>()); }

class SteeringProcessTest : public ::testing::Test {
 protected:
  SteeringProcessTest() : folder_(MakeTempFolder("steering")), grpc_(FreePort()) {
    std::ofstream(folder_ + "/ballastd.yaml")
        << absl::StrReplaceAll(kConfig, {{"GRPC", absl::StrCat(grpc_)}, {"FOLDER", folder_}});
    StartDaemon();
    fleet_ = ChildProcess::Start(
        {BALLAST_BINARY_DIR "/ballast_fleet", "--daemon", absl::StrCat("127.0.0.1:", grpc_),
         "--group", "demo", "--trace", BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace",
         "--ranks", "16", "--row-size", "4", "--slots-per-rank", "3", "--step-ms", "10", "--steps",
         "1000000"},
        folder_ + "/fleet");
  }

  void StartDaemon() {
    const std::size_t offset = ReadFile(folder_ + "/ballastd.err").size();
    daemon_ = ChildProcess::Start(
        {BALLAST_BINARY_DIR "/ballastd", "--config", folder_ + "/ballastd.yaml"},
        folder_ + "/ballastd");
    ASSERT_TRUE(daemon_->WaitForErr("event=daemon.ready", 30, offset)) << daemon_->Err();
  }

  // Runs ballastctl; its exit code and, if it is 0 or 1, its document.
  std::pair<int, json> Ctl(std::vector<std::string> words) {
    words.insert(words.begin(), BALLAST_BINARY_DIR "/ballastctl");
    words.insert(words.end(), {"-o", "json"});
    auto ctl = ChildProcess::Start(words, absl::StrCat(folder_, "/ctl", ++ctl_calls_));
    const int code = ctl->Wait(200).value_or(-1);
    return {code, json::parse(ctl->Out(), nullptr, /*allow_exceptions=*/false)};
  }

  std::pair<int, json> Steer(std::vector<std::string> words) {
    words.insert(words.begin(), "plan");
    words.insert(words.end(), {"--yes", "--socket", folder_ + "/admin.sock"});
    return Ctl(std::move(words));
  }

  json Group() {
    return Ctl({"status", "--daemon", absl::StrCat("127.0.0.1:", grpc_)}).second["groups"][0];
  }

  // The group's status once `holds` says so.
  template <typename Condition>
  json GroupWhen(const char* what, Condition holds) {
    json group;
    for (int tries = 0; tries < 4000; ++tries) {
      group = Group();
      if (holds(group)) return group;
    }
    ADD_FAILURE() << "waited for: " << what << "\n" << group << "\n" << daemon_->Err();
    return group;
  }

  json GroupAfterSteps(std::uint64_t steps) {
    const std::uint64_t begin = Number(Group()["step"]);
    return GroupWhen("steps",
                     [&](const json& group) { return Number(group["step"]) >= begin + steps; });
  }

  const std::string folder_;
  const int grpc_;
  int ctl_calls_ = 0;
  std::unique_ptr<ChildProcess> daemon_;
  std::unique_ptr<ChildProcess> fleet_;
};

TEST_F(SteeringProcessTest, PauseForceRollbackAndARestartWhilePaused) {
  ASSERT_TRUE(daemon_->WaitForErr("event=plan.finished", 120)) << daemon_->Err();

  ASSERT_EQ(Steer({"pause", "--reason", "node 3"}).first, 0);
  // A plan that was on its way goes on.
  const json paused = GroupWhen("idle", [](const json& group) {
    return group["phase"] == "idle" && group["hold"] == "paused";
  });
  // Fifty solves would have been due.
  const json later = GroupAfterSteps(1000);
  EXPECT_EQ(later["solves"], paused["solves"]);
  EXPECT_EQ(later["decided"], paused["decided"]);

  const auto [forced_code, forced] =
      Steer({"force", "--operation-id", "force-1", "--reason", "try", "--wait"});
  ASSERT_EQ(forced_code, 0) << daemon_->Err();
  EXPECT_EQ(forced["state"], "done");
  EXPECT_EQ(forced["before"], paused["decided"]);
  const json running = Group();
  EXPECT_EQ(running["decided"], forced["after"]);
  EXPECT_EQ(running["active_everywhere"], true);
  EXPECT_EQ(Number(running["solves"]), Number(paused["solves"]) + 1);
  // The same call again is that operation, not another plan.
  EXPECT_EQ(Steer({"force", "--operation-id", "force-1", "--reason", "try"}).second["after"],
            forced["after"]);
  EXPECT_EQ(Steer({"force", "--operation-id", "force-1", "--reason", "else"}).first, 4);

  const auto [back_code, back] = Steer({"rollback", "--wait"});
  ASSERT_EQ(back_code, 0) << daemon_->Err();
  EXPECT_EQ(back["after"]["digest"], paused["decided"]["digest"]);
  EXPECT_GT(Number(back["after"]["version"]["sequence"]),
            Number(forced["after"]["version"]["sequence"]));
  EXPECT_EQ(Group()["decided"], back["after"]);
  EXPECT_EQ(Steer({"abort"}).first, 4);

  daemon_->Signal(SIGKILL);
  ASSERT_EQ(daemon_->Wait(10), 128 + SIGKILL);
  EXPECT_EQ(Steer({"pause"}).first, 3);
  StartDaemon();  // Over the socket that the killed one left behind.
  GroupWhen("paused, and all ranks report", [](const json& group) {
    return group["ranks_connected"] == 16 && group["hold"] == "paused" && group["step"] != "0";
  });
  const json restarted = GroupAfterSteps(200);
  EXPECT_EQ(restarted["paused_reason"], "node 3");
  EXPECT_EQ(restarted["solves"], "0");
  EXPECT_EQ(restarted["decided"], back["after"]);

  ASSERT_EQ(Steer({"resume"}).first, 0);
  GroupWhen("a solve", [](const json& group) { return group["solves"] != "0"; });
  EXPECT_TRUE(fleet_->running());

  std::vector<std::string> methods;
  for (absl::string_view line :
       absl::StrSplit(ReadFile(folder_ + "/audit.log"), '\n', absl::SkipEmpty())) {
    const json entry = json::parse(line);
    methods.push_back(
        absl::StrCat(entry["method"].get<std::string>(), " ", entry["result"].get<std::string>()));
  }
  EXPECT_THAT(methods,
              testing::ElementsAre("Pause OK", "Force OK", "Force OK", "Force ALREADY_EXISTS",
                                   "Rollback OK", "Abort FAILED_PRECONDITION", "Resume OK"));
}

}  // namespace
}  // namespace ballast
