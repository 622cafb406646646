// Goal: completion knows every command, option and name of a value, as --help does.
// Method: the help's own list of commands, and bash, which runs the script.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/ctl/completion_command.h"
#include "tests/client/ctl_help.h"
#include "tests/client/ctl_runner.h"
#include "tests/client/golden_file.h"

namespace ballast::ctl {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

class CtlCompletionTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "/ctl_completion_test_" + std::to_string(getpid()) + ".bash";
    std::ofstream(path_) << RunCtl({"completion", "bash"}).out;
  }
  void TearDown() override { unlink(path_.c_str()); }

  // What bash prints after it has read the script, without the line end.
  std::string Bash(const std::string& commands) {
    const std::string line = "bash --norc -c 'source " + path_ + "; " + commands + "' 2>&1";
    FILE* pipe = popen(line.c_str(), "r");
    std::string out;
    char buffer[4096];
    while (std::size_t count = fread(buffer, 1, sizeof(buffer), pipe)) out.append(buffer, count);
    EXPECT_EQ(pclose(pipe), 0) << out;
    return std::string(absl::StripSuffix(out, "\n"));
  }

  // What bash offers for the last of these words.
  std::vector<std::string> Offers(const std::string& words) {
    const std::string out =
        Bash("COMP_WORDS=(ballastctl " + words +
             "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ballastctl; echo \"${COMPREPLY[*]}\"");
    return absl::StrSplit(out, ' ', absl::SkipEmpty());
  }

  std::string path_;
};

TEST_F(CtlCompletionTest, BashTakesTheScript) {
  EXPECT_EQ(Bash("complete -p ballastctl"), "complete -o default -F _ballastctl ballastctl");
}

TEST_F(CtlCompletionTest, PrintsTheScriptOfEachShell) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    ExpectGolden("completion_" + shell, RunCtl({"completion", shell}).out);
  }
}

TEST_F(CtlCompletionTest, EveryCommandOfTheHelpIsOffered) {
  const std::vector<std::string> commands = CommandsOfHelp({});
  EXPECT_THAT(commands, IsSupersetOf({"status", "workers", "plan", "completion"}));
  EXPECT_THAT(Offers("\"\""), testing::ContainerEq(commands));
  const std::vector<std::string> below = CommandsOfHelp({"plan"});
  EXPECT_THAT(below, IsSupersetOf({"get", "list", "history", "diff", "watch", "pause"}));
  EXPECT_THAT(Offers("plan \"\""), testing::ContainerEq(below));
  for (const char* shell : {"zsh", "fish"}) {
    const std::string script = RunCtl({"completion", shell}).out;
    for (const std::string& command : commands) EXPECT_THAT(script, HasSubstr("/" + command));
    for (const std::string& command : below) EXPECT_THAT(script, HasSubstr("/plan/" + command));
  }
}

TEST_F(CtlCompletionTest, BashOffersWhatBeginsAsTyped) {
  EXPECT_THAT(Offers("work"), ElementsAre("workers"));
  EXPECT_THAT(Offers("plan hi"), ElementsAre("history"));
  EXPECT_THAT(Offers("workers --st"), ElementsAre("--state"));
}

TEST_F(CtlCompletionTest, BashOffersTheValuesOfAnOption) {
  EXPECT_THAT(Offers("status -o \"\""), ElementsAre("table", "json", "yaml"));
  EXPECT_THAT(Offers("plan list --output j"), ElementsAre("json"));
  EXPECT_THAT(Offers("workers --state la"), ElementsAre("lagging"));
  EXPECT_THAT(Offers("completion \"\""), ElementsAre("bash", "zsh", "fish"));
}

TEST_F(CtlCompletionTest, BashOffersNothingForAFreeValueAndOptionsAfterIt) {
  EXPECT_THAT(Offers("workers --group \"\""), ElementsAre());
  EXPECT_THAT(Offers("workers --group plan --"), Contains("--state"));
  EXPECT_THAT(Offers("workers --group plan --"), Not(Contains("--yes")));
}

TEST_F(CtlCompletionTest, AShellThatIsNotThereIsAUsageError) {
  EXPECT_EQ(RunCtl({"completion", "tcsh"}).exit_code, 2);
  EXPECT_EQ(RunCtl({"completion"}).exit_code, 2);
}

// Help texts have quotes and colons; the shells must read them as text.
TEST(CtlCompletionTextTest, QuotesHelpTexts) {
  CompletionNode node;
  node.words.push_back({"go", "it's: so"});
  node.options.push_back({{"-f", "--file"}, {}, true, "where's it"});
  EXPECT_THAT(ZshCompletion({node}), HasSubstr("'go:it'\\''s\\: so'"));
  EXPECT_THAT(FishCompletion({node}), HasSubstr(" -s f -l file -r -F -d 'where'\\''s it'"));
}

}  // namespace
}  // namespace ballast::ctl
