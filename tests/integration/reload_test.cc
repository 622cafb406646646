// Goal: SIGHUP changes what may change, names what may not, and a wrong configuration changes
// nothing. Method: a real daemon and a fleet of 16 workers, its file written anew; log, metrics
// and status are read as an operator would.

#include <signal.h>

#include <fstream>
#include <string>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReloadTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(daemon_.Start()); }

  // Writes the file with one text replaced, and waits for what the daemon says of it.
  void Reload(const std::string& from, const std::string& to, const std::string& event) {
    std::ofstream(daemon_.ConfigFile()) << absl::StrReplaceAll(text_, {{from, to}});
    const std::size_t offset = daemon_.Log().size();
    daemon_.Signal(SIGHUP);
    ASSERT_TRUE(daemon_.AwaitInLog("event=" + event, 1, offset));
  }

  // A solve is never due, until the file says otherwise.
  TestDaemon daemon_{"reload", DaemonConfig::Eager(1000000000)};
  const std::string text_ = ReadFile(daemon_.ConfigFile());
};

TEST_F(ReloadTest, AWrongConfigurationIsRefusedByNameAndChangesNothing) {
  EXPECT_THAT(daemon_.Metrics(), HasSubstr("\nballast_config_last_reload_successful 1\n"));
  Reload("min_gain: 0", "min_gain: 5\n  min_gian: 0", "config.reload_refused");
  const std::string file = daemon_.ConfigFile();
  EXPECT_THAT(daemon_.Log(),
              HasSubstr(file + ":9: planning.min_gain 5 is not in [0, 0.999]; " + file +
                        ":10: planning.min_gian is no key; nearest is min_gain"));
  EXPECT_THAT(daemon_.Metrics(), HasSubstr("\nballast_config_last_reload_successful 0\n"));
  EXPECT_THAT(daemon_.Http("/readyz?verbose"), HasSubstr("[-]config"));
  EXPECT_TRUE(daemon_.running());

  Reload("", "", "config.reloaded changed=nothing");
  EXPECT_THAT(daemon_.Metrics(), HasSubstr("\nballast_config_last_reload_successful 1\n"));
  EXPECT_THAT(daemon_.Log(), Not(HasSubstr("config.restart_needed")));
}

TEST_F(ReloadTest, ANewIntervalIsPlannedByAtOnce) {
  auto fleet = daemon_.StartFleet({.step_ms = 5});
  ASSERT_TRUE(daemon_.AwaitInLog("event=worker.connected group=demo rank=15"));
  EXPECT_THAT(daemon_.Log(), Not(HasSubstr("plan.decided")));
  Reload("solve_every_steps: 1000000000", "solve_every_steps: 10", "config.reloaded");
  EXPECT_THAT(daemon_.Log(),
              HasSubstr("changed=\"groups[demo].planning.solve_every_steps 1000000000 -> 10\""));
  EXPECT_TRUE(daemon_.AwaitInLog("event=plan.decided"));
  EXPECT_EQ(fleet->End(SIGINT), 0);
}

TEST_F(ReloadTest, AKeyThatNeedsARestartIsNamedAndTheOthersAreTakenOver) {
  Reload("slots_per_rank: 3", "slots_per_rank: 4\nlog: {level: error, format: json}",
         "config.restart_needed");
  EXPECT_THAT(daemon_.Log(), HasSubstr("keys=\"log.format logfmt -> json; "
                                       "groups[demo].slots_per_rank 3 -> 4\""));
  EXPECT_NE(daemon_.Metrics(), "");
  // Only errors are written from now on, as the level was taken over.
  EXPECT_EQ(daemon_.End(SIGTERM), 0);
  EXPECT_THAT(daemon_.Log(), Not(HasSubstr("event=daemon.ended")));
}

}  // namespace
}  // namespace ballast
