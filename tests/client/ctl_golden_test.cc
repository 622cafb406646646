// Goal: what each reading command prints, as table, JSON and YAML, and how it exits.
// Method: the daemon's query service over loops that are turned by hand and a clock that
// stands still; golden files in tests/data/ctl.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    words.insert(words.end(), {"--daemon", daemon_.address()});
    CtlRun run = RunCtl(words);
    run.out = absl::StrReplaceAll(run.out, {{Version(), "VERSION"}});
    return run;
  }

  // The command in all forms, each with the same exit code and nothing on stderr.
  void ExpectGoldens(const std::string& name, const std::vector<std::string>& words,
                     int exit_code) {
    for (const std::string form : {"table", "json", "yaml"}) {
      std::vector<std::string> all = words;
      all.insert(all.end(), {"-o", form});
      const CtlRun run = Run(all);
      EXPECT_EQ(run.exit_code, exit_code) << name << "." << form << run.err;
      EXPECT_EQ(run.err, "") << name << "." << form;
      ExpectGolden(name + "." + form, run.out);
    }
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

TEST_F(CtlGoldenTest, Groups) { ExpectGoldens("groups", {"groups"}, 0); }

TEST_F(CtlGoldenTest, YamlIsTheJson) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"status"}, {"workers"}, {"groups"}}) {
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
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"status"}, {"workers"}, {"groups"}}) {
    EXPECT_EQ(Run(words).exit_code, 3) << words[0];
  }
}

}  // namespace
}  // namespace ballast::ctl
