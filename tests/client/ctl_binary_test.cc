// Goal: the program itself: exit codes, stdin, and what goes to which stream.
// Method: the built binary with files for its streams.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/base/temp_folder.h"

namespace ballast {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string kRequest = R"({"weight": [[8, 1, 1, 2]], "num_replicas": 6, "num_gpus": 2,
                                 "num_nodes": 1, "num_groups": 1})";

struct ProgramRun {
  int exit_code = 0;
  std::string out;
  std::string err;
};

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

// `arguments` is shell text without anything to quote.
ProgramRun RunProgram(const std::string& arguments, const std::string& input) {
  const TempFolder folder("ctl_binary");
  const std::string base = folder.File("run");
  std::ofstream(base + ".in", std::ios::binary) << input;
  const std::string command = std::string(BALLAST_BINARY_DIR "/ballastctl ") + arguments + " <" +
                              base + ".in >" + base + ".out 2>" + base + ".err";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Slurp(base + ".out"), Slurp(base + ".err")};
}

TEST(CtlBinaryTest, SolvesFromStdin) {
  const ProgramRun run = RunProgram("solve --planner eplb --input - -o json", kRequest);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(json::parse(run.out)["phy2log"][0].size(), 6u);
}

TEST(CtlBinaryTest, MeasuresTheSolve) {
  const ProgramRun run = RunProgram("solve --input - -o json", kRequest);
  EXPECT_GT(json::parse(run.out)["solve_ms"], 0.0);
}

TEST(CtlBinaryTest, ReadsFiles) {
  const TempFolder folder("ctl_binary");
  const std::string path = folder.File("request.json");
  std::ofstream(path) << kRequest;
  EXPECT_EQ(RunProgram("solve --input " + path, "").exit_code, 0);
}

TEST(CtlBinaryTest, ExitsWithTwoForUnreadableInput) {
  const ProgramRun run = RunProgram("solve --input - -o json", "{\"weight\": ");
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_TRUE(json::parse(run.out).contains("error"));
  EXPECT_THAT(run.err, HasSubstr("input is no JSON"));
}

TEST(CtlBinaryTest, ExitsWithTwoForABadCommandLine) {
  EXPECT_EQ(RunProgram("solve --frobnicate", "").exit_code, 2);
}

TEST(CtlBinaryTest, ExitsWithFourForARefusal) {
  const ProgramRun run =
      RunProgram("solve --input -",
                 R"({"weight": [[1, -2]], "num_replicas": 2, "num_gpus": 2, "num_nodes": 1,
          "num_groups": 1})");
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("layer 0, expert 1: weight -2 is negative"));
}

TEST(CtlBinaryTest, ExitsWithThreeWithoutADaemon) {
  // Port 1 of loopback is reserved and has no listener.
  const ProgramRun run = RunProgram("status --daemon 127.0.0.1:1 -o json", "");
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace ballast
