// Goal: SIGHUP changes what may change, names what may not, and a wrong configuration changes
// nothing. Method: a real daemon and a fleet of 16 workers, its file written anew; log, metrics
// and status are read as an operator would.

#include <signal.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Never due, until the file says otherwise.
constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:GRPC"}
http: {listen: "127.0.0.1:HTTP"}
store: {path: "FOLDER/ballast.db"}
session: {heartbeat_period: 200ms, report_period: 20ms}
load: {batch_steps: 5, half_life_steps: 5}
planning:
  solve_every_steps: 1000000000
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

class ReloadTest : public ::testing::Test {
 protected:
  ReloadTest() : folder_(MakeTempFolder("reload")), grpc_(FreePort()), http_(FreePort()) {
    text_ = absl::StrReplaceAll(
        kConfig,
        {{"GRPC", absl::StrCat(grpc_)}, {"HTTP", absl::StrCat(http_)}, {"FOLDER", folder_}});
    WriteFile(text_);
    daemon_ = ChildProcess::Start({BALLAST_BINARY_DIR "/ballastd", "--config", File()},
                                  folder_ + "/ballastd");
  }

  void SetUp() override {
    ASSERT_TRUE(daemon_->WaitForErr("event=daemon.ready", 30)) << daemon_->Err();
  }

  std::string File() const { return folder_ + "/ballastd.yaml"; }
  void WriteFile(const std::string& text) const { std::ofstream(File()) << text; }

  // Writes the file with one text replaced, and waits for what the daemon says of it.
  void Reload(const std::string& from, const std::string& to, const std::string& event) {
    WriteFile(absl::StrReplaceAll(text_, {{from, to}}));
    const std::size_t offset = daemon_->Err().size();
    daemon_->Signal(SIGHUP);
    ASSERT_TRUE(daemon_->WaitForErr("event=" + event, 30, offset)) << daemon_->Err();
  }

  std::string Metrics() const { return HttpGet(http_, "/metrics"); }

  const std::string folder_;
  const int grpc_;
  const int http_;
  std::string text_;
  std::unique_ptr<ChildProcess> daemon_;
};

TEST_F(ReloadTest, AWrongConfigurationIsRefusedByNameAndChangesNothing) {
  EXPECT_THAT(Metrics(), HasSubstr("\nballast_config_last_reload_successful 1\n"));
  Reload("min_gain: 0", "min_gain: 5\n  min_gian: 0", "config.reload_refused");
  EXPECT_THAT(daemon_->Err(), HasSubstr(absl::StrCat(
                                  File(), ":10: planning.min_gain 5 is not in [0, 0.999]; ", File(),
                                  ":11: planning.min_gian is no key; nearest is "
                                  "min_gain")));
  EXPECT_THAT(Metrics(), HasSubstr("\nballast_config_last_reload_successful 0\n"));
  EXPECT_THAT(HttpGet(http_, "/readyz?verbose"), HasSubstr("[-]config"));
  EXPECT_TRUE(daemon_->running());

  Reload("", "", "config.reloaded changed=nothing");
  EXPECT_THAT(Metrics(), HasSubstr("\nballast_config_last_reload_successful 1\n"));
  EXPECT_THAT(daemon_->Err(), Not(HasSubstr("config.restart_needed")));
}

TEST_F(ReloadTest, ANewIntervalIsPlannedByAtOnce) {
  auto fleet =
      ChildProcess::Start({BALLAST_BINARY_DIR "/ballast_fleet", "--daemon",
                           absl::StrCat("127.0.0.1:", grpc_), "--group", "demo", "--trace",
                           BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace", "--step-ms", "5"},
                          folder_ + "/fleet");
  ASSERT_TRUE(daemon_->WaitForErr("event=worker.connected group=demo rank=15", 60))
      << daemon_->Err() << fleet->Err();
  EXPECT_THAT(daemon_->Err(), Not(HasSubstr("plan.decided")));
  Reload("solve_every_steps: 1000000000", "solve_every_steps: 10", "config.reloaded");
  EXPECT_THAT(daemon_->Err(),
              HasSubstr("changed=\"groups[demo].planning.solve_every_steps 1000000000 -> 10\""));
  EXPECT_TRUE(daemon_->WaitForErr("event=plan.decided", 60)) << daemon_->Err();
  fleet->Signal(SIGINT);
  EXPECT_EQ(fleet->Wait(60), 0) << fleet->Err();
}

TEST_F(ReloadTest, AKeyThatNeedsARestartIsNamedAndTheOthersAreTakenOver) {
  Reload("slots_per_rank: 3", "slots_per_rank: 4\nlog: {level: error, format: json}",
         "config.restart_needed");
  EXPECT_THAT(daemon_->Err(), HasSubstr("keys=\"log.format logfmt -> json; "
                                        "groups[demo].slots_per_rank 3 -> 4\""));
  EXPECT_EQ(HttpGet(http_, "/metrics").empty(), false);
  // Only errors are written from now on, as the level was taken over.
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->Wait(30), 0);
  EXPECT_THAT(daemon_->Err(), Not(HasSubstr("event=daemon.ended")));
}

}  // namespace
}  // namespace ballast
