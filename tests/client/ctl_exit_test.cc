// Goal: the exit codes that scripts depend on, of the built program against a daemon.
// Method: the program as a child process, the daemon's query service in this one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "nlohmann/json.hpp"
#include "tests/client/hand_turned_daemon.h"

namespace ballast::ctl {
namespace {

using testing::HasSubstr;

struct ProgramRun {
  int exit_code = 0;
  std::string out;
};

class CtlExitTest : public testing::Test {
 protected:
  // `words` is shell text. Standard error is thrown away.
  ProgramRun Run(const std::string& words) {
    const std::string line = std::string(BALLAST_BINARY_DIR "/ballastctl ") + words + " --daemon " +
                             daemon_.address() + " 2>/dev/null </dev/null";
    ProgramRun run;
    FILE* pipe = popen(line.c_str(), "r");
    char buffer[4096];
    while (const std::size_t count = fread(buffer, 1, sizeof(buffer), pipe)) {
      run.out.append(buffer, count);
    }
    const int status = pclose(pipe);
    run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run;
  }

  HandTurnedDaemon daemon_;
};

TEST_F(CtlExitTest, ZeroForWhatIsWell) {
  for (const char* words :
       {"status --group decode0", "workers", "groups", "plan get --group decode0",
        "plan list --group decode0", "plan history --group decode0", "explain decode0",
        "plan diff 7.1 7.1 --group decode0"}) {
    const ProgramRun run = Run(words);
    EXPECT_EQ(run.exit_code, 0) << words;
    EXPECT_NE(run.out, "") << words;
  }
}

TEST_F(CtlExitTest, OneForWhatDiffersOrIsNotWell) {
  EXPECT_EQ(Run("status").exit_code, 1);
  EXPECT_EQ(Run("plan diff initial --group decode0").exit_code, 1);
}

TEST_F(CtlExitTest, TwoForTheCommandLine) {
  for (const char* words : {"status --frobnicate", "workers --state asleep", "plan diff newest",
                            "plan list --last 0", "frobnicate"}) {
    EXPECT_EQ(Run(words).exit_code, 2) << words;
  }
}

TEST_F(CtlExitTest, ThreeIfNobodyAnswers) {
  daemon_.Stop();
  for (const char* words :
       {"status", "workers", "groups", "plan list", "plan diff 7.1", "plan watch"}) {
    const ProgramRun run = Run(std::string(words) + " -o json");
    EXPECT_EQ(run.exit_code, 3) << words;
    EXPECT_EQ(nlohmann::json::parse(run.out)["error"]["code"], "UNAVAILABLE") << words;
  }
}

TEST_F(CtlExitTest, FourForWhatTheDaemonRefuses) {
  for (const char* words :
       {"status --group x", "workers --group x", "plan list",
        "plan get --group decode0 --version 7.9", "plan diff 7.1 7.9 --group decode0"}) {
    const ProgramRun run = Run(std::string(words) + " -o json");
    EXPECT_EQ(run.exit_code, 4) << words;
    EXPECT_NE(nlohmann::json::parse(run.out)["error"]["message"], "") << words;
  }
}

}  // namespace
}  // namespace ballast::ctl
