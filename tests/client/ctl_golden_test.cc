// Goal: what each reading command prints, as table, JSON and YAML, and how it exits.
// Method: the daemon's query service over loops that are turned by hand and a clock that
// stands still; golden files in tests/data/ctl.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "client/ctl/yaml_writer.h"
#include "daemon/observe/version.h"
#include "tests/client/ctl_runner.h"
#include "tests/client/golden_file.h"
#include "tests/client/hand_turned_daemon.h"

namespace ballast::ctl {
namespace {

using testing::HasSubstr;

class CtlGoldenTest : public testing::Test {
 protected:
  CtlRun Run(std::vector<std::string> words) {
    if (words[0] != "version") words.insert(words.end(), {"--daemon", daemon_.address()});
    CtlRun run = RunCtl(words);
    run.out = absl::StrReplaceAll(run.out, {{Version(), "VERSION"}});
    return run;
  }

  void ExpectGoldens(const std::string& name, const std::vector<std::string>& words,
                     int exit_code) {
    ctl::ExpectGoldens(name, words, exit_code, [this](const auto& all) { return Run(all); });
  }

  // Plan 7.2 of decode0, which rank 2 has no memory for.
  void RefuseAPlan() {
    daemon_.SolveAgain();
    daemon_.Advance(absl::Seconds(5));
    daemon_.decode().Answer(2, SessionEvent::Kind::kNack,
                            {NackCode::kNoMemory, "needs 2.6 GB, has 1.9 GB"});
    daemon_.Advance(absl::Seconds(60));
  }

  HandTurnedDaemon daemon_;
};

TEST_F(CtlGoldenTest, StatusNamesTheMissingRankAndExitsWithOne) {
  ExpectGoldens("status", {"status"}, 1);
}

TEST_F(CtlGoldenTest, StatusOfAGroupThatIsWellExitsWithZero) {
  ExpectGoldens("status_well", {"status", "--group", "decode0"}, 0);
}

TEST_F(CtlGoldenTest, StatusOfAPlanOnItsWayNamesWhoBlocksIt) {
  daemon_.SolveAgain();
  daemon_.decode().Answer(0, SessionEvent::Kind::kPrepared);
  daemon_.decode().Answer(1, SessionEvent::Kind::kPrepared);
  daemon_.decode().Answer(3, SessionEvent::Kind::kPrepared);
  daemon_.Advance(absl::Seconds(5));
  ExpectGoldens("status_preparing", {"status", "--group", "decode0"}, 0);
  ExpectGoldens("workers_preparing", {"workers", "--group", "decode0"}, 0);
}

TEST_F(CtlGoldenTest, WorkersOfAllGroups) { ExpectGoldens("workers", {"workers"}, 0); }

TEST_F(CtlGoldenTest, WorkersOfOneGroupInOneState) {
  ExpectGoldens("workers_gone", {"workers", "--group", "prefill0", "--state", "gone"}, 0);
}

TEST_F(CtlGoldenTest, ARefusedRankIsShownWithTheReason) {
  daemon_.prefill().Refuse(1, "rank 1: worker has experts 8, the configuration says 4");
  daemon_.Advance(absl::Seconds(4));
  ExpectGoldens("status_refused", {"status", "--group", "prefill0"}, 1);
  ExpectGoldens("workers_refused", {"workers", "--group", "prefill0"}, 0);
  daemon_.prefill().Connect(1);
  EXPECT_EQ(Run({"workers", "--group", "prefill0"}).out.find("refused"), std::string::npos);
}

// Two processes say that they are one rank.
TEST_F(CtlGoldenTest, ARefusedSecondProcessHoldsNothingUp) {
  daemon_.decode().Refuse(2,
                          "two processes are rank 2: incarnation 41136 and incarnation 41138, "
                          "which is newer and stays");
  daemon_.Advance(absl::Seconds(4));
  const CtlRun run = Run({"status", "--group", "decode0"});
  EXPECT_EQ(run.exit_code, 1);
  ExpectGolden("status_twin.table", run.out);
}

TEST_F(CtlGoldenTest, Groups) { ExpectGoldens("groups", {"groups"}, 0); }

TEST_F(CtlGoldenTest, PlansWithOneThatAWorkerRefused) {
  RefuseAPlan();
  ExpectGoldens("plan_list", {"plan", "list", "--group", "decode0"}, 0);
  ExpectGoldens("plan_history", {"plan", "history", "--group", "decode0"}, 0);
}

TEST_F(CtlGoldenTest, PlanListHoldsNoMoreThanWasAskedFor) {
  RefuseAPlan();
  const CtlRun run = Run({"plan", "list", "--group", "decode0", "--last", "1", "-o", "json"});
  ASSERT_EQ(run.json()["plans"].size(), 1u);
  EXPECT_EQ(run.json()["plans"][0]["phase"], "aborted");
}

TEST_F(CtlGoldenTest, PlanListFollowsAPlanThroughItsPhases) {
  const auto phase_of_newest = [&] {
    const CtlRun run = Run({"plan", "list", "--group", "decode0", "-o", "json"});
    return run.json()["plans"][0]["phase"].get<std::string>();
  };
  daemon_.SolveAgain();
  EXPECT_EQ(phase_of_newest(), "preparing");
  daemon_.decode().AnswerAll(SessionEvent::Kind::kPrepared);
  EXPECT_EQ(phase_of_newest(), "committing");
  daemon_.decode().AnswerAll(SessionEvent::Kind::kHeld);
  daemon_.decode().AnswerAll(SessionEvent::Kind::kActive);
  EXPECT_EQ(phase_of_newest(), "retiring");
  daemon_.decode().AnswerAll(SessionEvent::Kind::kRetired);
  EXPECT_EQ(phase_of_newest(), "done");
}

TEST_F(CtlGoldenTest, PlanGet) {
  ExpectGoldens("plan_get", {"plan", "get", "--group", "decode0"}, 0);
}

TEST_F(CtlGoldenTest, PlanDiffExitsWithOneIfPlansDiffer) {
  ExpectGoldens("plan_diff", {"plan", "diff", "initial", "7.1", "--group", "decode0"}, 1);
}

TEST_F(CtlGoldenTest, PlanDiffOfOneLayerListsTheMoves) {
  ExpectGoldens("plan_diff_layer",
                {"plan", "diff", "initial", "--group", "decode0", "--layer", "0"}, 1);
}

TEST_F(CtlGoldenTest, PlanDiffExitsWithZeroIfPlansAreTheSame) {
  ExpectGoldens("plan_diff_same", {"plan", "diff", "7.1", "7.1", "--group", "decode0"}, 0);
}

TEST_F(CtlGoldenTest, PlanDiffRefusesWhatIsNotThere) {
  const std::vector<std::string> diff = {"plan", "diff", "--group", "decode0"};
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(), diff.begin(), diff.end());
    return Run(more);
  };
  EXPECT_EQ(run({"7.1", "7.9"}).exit_code, 4);
  EXPECT_THAT(run({"7.1", "7.9"}).err, HasSubstr("7.9"));
  EXPECT_EQ(run({"7.1", "--layer", "1"}).exit_code, 4);
  EXPECT_THAT(run({"7.1", "--layer", "1"}).err, HasSubstr("layer 1 out of [0, 1)"));
  EXPECT_EQ(run({"newest"}).exit_code, 2);
  EXPECT_THAT(run({"newest"}).err, HasSubstr("plan 'newest' is neither TERM.SEQUENCE nor initial"));
}

TEST_F(CtlGoldenTest, Explain) { ExpectGoldens("explain", {"explain", "decode0"}, 0); }

TEST_F(CtlGoldenTest, ExplainNamesSilentRanksAmongTheMissing) {
  daemon_.clock().Advance(absl::Seconds(30));
  for (int turn = 0; turn < 2; ++turn) daemon_.decode().Turn();
  EXPECT_THAT(Run({"explain", "decode0"}).out, HasSubstr("4 of 4 ranks are missing: 0-3."));
}

// Sleeps not at all; what happens meanwhile is scripted.
class ScriptedClock final : public Clock {
 public:
  absl::Time WallNow() const override { return absl::UnixEpoch(); }
  absl::Duration Uptime() const override { return absl::ZeroDuration(); }
  bool WaitUntil(absl::Mutex&, const absl::Condition&, absl::Duration) override {
    on_sleep(++sleeps);
    return false;
  }

  int sleeps = 0;
  std::function<void(int)> on_sleep;
};

// A plan on its way, and then a daemon that is gone.
CtlRun WatchAPlan(const std::string& form) {
  HandTurnedDaemon daemon;
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  ScriptedClock clock;
  clock.on_sleep = [&](int sleeps) {
    if (sleeps == 2) daemon.SolveAgain();
    if (sleeps == 3) daemon.decode().AnswerAll(SessionEvent::Kind::kPrepared);
    if (sleeps == 5) daemon.Stop();
    if (sleeps == 7) out.setstate(std::ios::badbit);
  };
  const char* const argv[] = {"ballastctl",
                              "plan",
                              "watch",
                              "--group",
                              "decode0",
                              "--daemon",
                              daemon.address().c_str(),
                              "-o",
                              form.c_str()};
  const int exit_code = RunBallastctl(9, argv, {in, {out, err}, clock});
  return {exit_code, out.str(), err.str()};
}

TEST_F(CtlGoldenTest, PlanWatchPrintsALineForEachChange) {
  for (const std::string form : {"table", "json", "yaml"}) {
    const CtlRun run = WatchAPlan(form);
    EXPECT_EQ(run.exit_code, 0);
    ExpectGolden("plan_watch." + form, run.out);
    EXPECT_THAT(run.err, HasSubstr("cannot reach the daemon"));
    EXPECT_EQ(run.err.find("cannot reach"), run.err.rfind("cannot reach")) << "told once";
  }
}

TEST_F(CtlGoldenTest, PlanWatchOfNoDaemonEnds) {
  daemon_.Stop();
  EXPECT_EQ(Run({"plan", "watch", "--group", "decode0"}).exit_code, 3);
}

TEST_F(CtlGoldenTest, VersionOfTheProgram) { ExpectGoldens("version", {"version"}, 0); }

TEST_F(CtlGoldenTest, YamlIsTheJson) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"status"},
        {"workers"},
        {"groups"},
        {"plan", "list", "--group", "decode0"},
        {"plan", "diff", "initial", "--group", "decode0"}}) {
    std::vector<std::string> json = words;
    json.insert(json.end(), {"-o", "json"});
    std::vector<std::string> yaml = words;
    yaml.insert(yaml.end(), {"-o", "yaml"});
    EXPECT_EQ(Run(yaml).out, ToYaml(Run(json).json())) << words[0];
  }
}

TEST_F(CtlGoldenTest, AGroupThatIsNotThereIsRefusedWithThoseThatAre) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"status", "--group", "x"}, {"workers", "--group", "x"}}) {
    const CtlRun run = Run(words);
    EXPECT_EQ(run.exit_code, 4) << words[0];
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, HasSubstr("no EP group 'x' is configured; there are: decode0, prefill0"));
  }
}

TEST_F(CtlGoldenTest, AStateThatIsNotThereIsAUsageErrorThatListsThem) {
  const CtlRun run = Run({"workers", "--state", "asleep"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("synced"));
  EXPECT_THAT(run.err, HasSubstr("lagging"));
}

TEST_F(CtlGoldenTest, NobodyAnswersIsExitThree) {
  daemon_.Stop();
  for (const std::vector<std::string>& words : {std::vector<std::string>{"status"},
                                                {"workers"},
                                                {"groups"},
                                                {"plan", "get"},
                                                {"plan", "list"},
                                                {"plan", "history"},
                                                {"plan", "diff", "7.1"},
                                                {"explain"}}) {
    EXPECT_EQ(Run(words).exit_code, 3) << words[0];
  }
}

}  // namespace
}  // namespace ballast::ctl
