// Goal: a fleet serves without a daemon, ends as it was told, and never hangs.
// Method: the real program as a child process, with an address where nobody listens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ballast {
namespace {

using ::testing::HasSubstr;

const char kProgram[] = BALLAST_BINARY_DIR "/ballast_fleet";
const char kTrace[] = BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace";

// A running ballast_fleet whose output can be read.
class FleetProcess {
 public:
  explicit FleetProcess(std::vector<std::string> arguments) {
    int out[2], err[2];
    EXPECT_EQ(pipe(out), 0);
    EXPECT_EQ(pipe(err), 0);
    arguments.insert(arguments.begin(), kProgram);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      dup2(err[1], STDERR_FILENO);
      for (const int end : {out[0], out[1], err[0], err[1]}) close(end);
      execv(kProgram, argv.data());
      _exit(127);
    }
    close(out[1]);
    close(err[1]);
    out_ = fdopen(out[0], "r");
    err_ = fdopen(err[0], "r");
  }

  ~FleetProcess() {
    fclose(out_);
    fclose(err_);
  }

  pid_t pid() const { return pid_; }

  // The next line of stdout, or "" at its end. Blocks.
  std::string ReadLine() { return ReadLineOf(out_); }

  struct End {
    int status = -1;
    std::string out;
    std::string err;
  };
  End Wait() {
    End end;
    for (std::string line = ReadLine(); !line.empty(); line = ReadLine()) end.out += line;
    for (std::string line = ReadLineOf(err_); !line.empty(); line = ReadLineOf(err_)) {
      end.err += line;
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
    return end;
  }

  // Worker processes of the fleet, by rank.
  std::vector<pid_t> Children() const {
    const std::string id = std::to_string(pid_);
    std::ifstream in("/proc/" + id + "/task/" + id + "/children");
    std::vector<pid_t> children;
    for (pid_t child = 0; in >> child;) children.push_back(child);
    return children;
  }

 private:
  static std::string ReadLineOf(FILE* file) {
    std::string line;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
      line.push_back(static_cast<char>(c));
      if (c == '\n') break;
    }
    return line;
  }

  pid_t pid_ = -1;
  FILE* out_ = nullptr;
  FILE* err_ = nullptr;
};

// Port 1 is the first of the reserved ones: nobody listens there.
std::vector<std::string> Arguments(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"--daemon", "127.0.0.1:1", "--trace", kTrace};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

nlohmann::json LastLine(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  const std::size_t begin = text.rfind('\n', end);
  return nlohmann::json::parse(text.substr(begin == std::string::npos ? 0 : begin + 1, end + 1),
                               nullptr, false);
}

class FleetProgramTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modes, FleetProgramTest, ::testing::Values("processes", "threads"));

TEST_P(FleetProgramTest, ServesEveryStepWithoutADaemonOnTheInitialPlan) {
  FleetProcess fleet(
      Arguments({"--mode", GetParam(), "--step-ms", "0", "--steps", "40", "-o", "json"}));
  const FleetProcess::End end = fleet.Wait();
  EXPECT_EQ(end.status, 1);  // A bounded run without a plan is no success.
  EXPECT_THAT(end.err, HasSubstr("no plan was activated by all workers"));
  const nlohmann::json summary = nlohmann::json::parse(end.out, nullptr, false);
  ASSERT_TRUE(summary.is_object()) << end.out;
  EXPECT_EQ(summary["steps"], 40);
  EXPECT_EQ(summary["plans_activated"], 0);
  EXPECT_EQ(summary["workers"], 0);
  EXPECT_EQ(summary["moved_slots"], 0);
  EXPECT_EQ(summary["planner"], "");
  // The shadow routes the same picks by the same rule and plan.
  EXPECT_GT(summary["imbalance_before"], 1.5);
  EXPECT_EQ(summary["imbalance_before"], summary["imbalance_after"]);
}

TEST_P(FleetProgramTest, AnInterruptEndsAnEndlessRunInGoodOrder) {
  FleetProcess fleet(
      Arguments({"--mode", GetParam(), "--step-ms", "1", "--once", "--steps", "100000000"}));
  EXPECT_THAT(fleet.ReadLine(), HasSubstr("STEP"));  // It serves.
  kill(fleet.pid(), SIGINT);
  const FleetProcess::End end = fleet.Wait();
  EXPECT_EQ(end.status, 0) << end.err;
  const nlohmann::json summary = LastLine(end.out);
  ASSERT_TRUE(summary.is_object()) << end.out;
  EXPECT_GT(summary["steps"], 0);
}

TEST(FleetProcessTest, AKilledWorkerEndsTheFleetAndIsNamed) {
  FleetProcess fleet(Arguments({"--step-ms", "1"}));
  EXPECT_THAT(fleet.ReadLine(), HasSubstr("STEP"));
  const std::vector<pid_t> children = fleet.Children();
  ASSERT_EQ(children.size(), 16u);
  kill(children[5], SIGKILL);
  const FleetProcess::End end = fleet.Wait();
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.err, HasSubstr("rank 5: process " + std::to_string(children[5]) +
                                 " was killed by signal 9"));
}

// Every step is recorded once, and no pick is lost on the way, whichever rank dies.
TEST(FleetProcessTest, AWorkerThatComesBackGoesOnWhereItDied) {
  for (const char* lost : {"0@7", "5@7", "5@1", "0@20", "5@20"}) {
    FleetProcess fleet(Arguments(
        {"--step-ms", "2", "--steps", "20", "--once", "--kill-worker", lost, "--rejoin-ms", "20"}));
    const FleetProcess::End end = fleet.Wait();
    EXPECT_EQ(end.status, 1);  // A bounded run without a plan is no success.
    EXPECT_THAT(end.err, HasSubstr("no plan was activated"));
    EXPECT_THAT(end.err, HasSubstr("killed by signal 9"));
    const nlohmann::json summary = LastLine(end.out);
    ASSERT_TRUE(summary.is_object()) << lost << end.out;
    EXPECT_EQ(summary["steps"], 20) << lost;
    EXPECT_EQ(summary["returns"], 1) << lost;
    EXPECT_EQ(summary["imbalance_before"], summary["imbalance_after"]) << lost;
  }
}

TEST(FleetProcessTest, WorkersMayBeKilledAtAnyMomentAndComeBack) {
  FleetProcess fleet(
      Arguments({"--step-ms", "1", "--once", "--steps", "100000000", "--rejoin-ms", "0"}));
  EXPECT_THAT(fleet.ReadLine(), HasSubstr("STEP"));
  for (int round = 0; round < 12; ++round) {
    const std::vector<pid_t> children = fleet.Children();
    ASSERT_FALSE(children.empty());
    kill(children[static_cast<std::size_t>(round) % children.size()], SIGKILL);
    EXPECT_NE(fleet.ReadLine(), "");  // It serves on.
  }
  kill(fleet.pid(), SIGINT);
  const FleetProcess::End end = fleet.Wait();
  EXPECT_EQ(end.status, 0) << end.err;
  const nlohmann::json summary = LastLine(end.out);
  ASSERT_TRUE(summary.is_object()) << end.out;
  EXPECT_EQ(summary["returns"], 12);
}

TEST(FleetProcessTest, RanksAreTheSameWhateverCarriesThem) {
  const auto imbalance = [](const char* mode) {
    FleetProcess fleet({"--daemon",   "127.0.0.1:1", "--trace",          "synthetic",
                        "--layers",   "2",           "--ranks",          "8",
                        "--row-size", "4",           "--slots-per-rank", "36",
                        "--step-ms",  "0",           "--steps",          "10",
                        "-o",         "json",        "--mode",           mode});
    return nlohmann::json::parse(fleet.Wait().out, nullptr, false)["imbalance_after"];
  };
  EXPECT_EQ(imbalance("processes"), imbalance("threads"));
  EXPECT_GT(imbalance("threads"), 1.0);
}

TEST(FleetProcessTest, NamesABadSetUpWithStatusTwo) {
  FleetProcess missing({"--trace", "/no/such.trace"});
  FleetProcess::End end = missing.Wait();
  EXPECT_EQ(end.status, 2);
  EXPECT_THAT(end.err, HasSubstr("/no/such.trace"));
  FleetProcess unknown({"--trace", kTrace, "--frobnicate"});
  EXPECT_EQ(unknown.Wait().status, 2);
}

}  // namespace
}  // namespace ballast
