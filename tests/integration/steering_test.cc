// Goal: an operator steers a running group: pause, force, rollback, a restart while paused.
// Method: real processes, a fleet of 16 workers that replays the bundled trace; what must
// not happen is counted in solves and steps, not in seconds.

#include <signal.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using nlohmann::json;

class SteeringProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(daemon_.Start());
    fleet_ = daemon_.StartFleet();
  }

  CtlRun Steer(std::vector<std::string> words) {
    words.insert(words.end(), {"-o", "json"});
    return daemon_.Steer(std::move(words));
  }

  json Group() { return daemon_.Group("demo"); }

  // Solves as often as it can, so that a pause has something to hold back.
  TestDaemon daemon_{"steering",
                     {.planning = "{solve_every_steps: 20, min_interval: 100ms, min_gain: 0.001}"}};
  std::unique_ptr<ChildProcess> fleet_;
};

TEST_F(SteeringProcessTest, PauseForceRollbackAndARestartWhilePaused) {
  ASSERT_TRUE(daemon_.AwaitInLog("event=plan.finished"));

  ASSERT_EQ(Steer({"pause", "--reason", "node 3"}).code, 0);
  // A plan that was on its way goes on.
  const json paused = daemon_.GroupWhen("demo", "idle", [](const json& group) {
    return group["phase"] == "idle" && group["hold"] == "paused";
  });
  // Fifty solves would have been due.
  const json later = daemon_.GroupAfterSteps("demo", 1000);
  EXPECT_EQ(later["solves"], paused["solves"]);
  EXPECT_EQ(later["decided"], paused["decided"]);

  const CtlRun force = Steer({"force", "--operation-id", "force-1", "--reason", "try", "--wait"});
  ASSERT_EQ(force.code, 0) << force.err;
  const json& forced = force.document;
  EXPECT_EQ(forced["state"], "done");
  EXPECT_EQ(forced["before"], paused["decided"]);
  const json running = Group();
  EXPECT_EQ(running["decided"], forced["after"]);
  EXPECT_EQ(running["active_everywhere"], true);
  EXPECT_EQ(Number(running["solves"]), Number(paused["solves"]) + 1);
  // The same call again is that operation, not another plan.
  EXPECT_EQ(Steer({"force", "--operation-id", "force-1", "--reason", "try"}).document["after"],
            forced["after"]);
  EXPECT_EQ(Steer({"force", "--operation-id", "force-1", "--reason", "else"}).code, 4);

  const CtlRun rollback = Steer({"rollback", "--wait"});
  ASSERT_EQ(rollback.code, 0) << rollback.err;
  const json& back = rollback.document;
  EXPECT_EQ(back["after"]["digest"], paused["decided"]["digest"]);
  EXPECT_GT(Number(back["after"]["version"]["sequence"]),
            Number(forced["after"]["version"]["sequence"]));
  EXPECT_EQ(Group()["decided"], back["after"]);
  EXPECT_EQ(Steer({"abort"}).code, 4);

  ASSERT_TRUE(daemon_.Kill());
  EXPECT_EQ(Steer({"pause"}).code, 3);
  ASSERT_TRUE(daemon_.Start());  // Over the socket that the killed one left behind.
  daemon_.GroupWhen("demo", "paused, and all ranks report", [](const json& group) {
    return group["ranks_connected"] == 16 && group["hold"] == "paused" && group["step"] != "0";
  });
  const json restarted = daemon_.GroupAfterSteps("demo", 200);
  EXPECT_EQ(restarted["paused_reason"], "node 3");
  EXPECT_EQ(restarted["solves"], "0");
  EXPECT_EQ(restarted["decided"], back["after"]);

  ASSERT_EQ(Steer({"resume"}).code, 0);
  daemon_.GroupWhen("demo", "a solve", [](const json& group) { return group["solves"] != "0"; });
  EXPECT_TRUE(fleet_->running());

  std::vector<std::string> methods;
  for (absl::string_view line :
       absl::StrSplit(ReadFile(daemon_.File("audit.log")), '\n', absl::SkipEmpty())) {
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
