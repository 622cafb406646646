// Goal: a cluster that is not ours is observed: its counters come from a file or a pipe, no
// worker ever has a session, and the daemon says what it would have gained. Method: real
// processes; the counters are skewed by a known law.

#include <signal.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/integration/process_line.h"

namespace ballast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr int kLayers = 4;
constexpr int kExperts = 16;

// Eight ranks of three slots in two rows. A migration is free here, so that the gain decides.
constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:GRPC"}
http: {listen: "127.0.0.1:HTTP"}
store: {path: "FOLDER/ballast.db"}
load: {batch_steps: 10, half_life_steps: 100}
planning: {solve_every_steps: 20, min_batches: 2, observe_only: true}
groups:
  - name: theirs
    model: {layers: 4, experts: 16, top_k: 2}
    ranks: 8
    row_size: 4
    slots_per_rank: 3
)";

// In each ten steps expert e gets 20 picks, and two hot ones of each layer 200.
std::string Rows(int samples) {
  std::string rows = "step,layer,expert,picks\n";
  for (int sample = 1; sample <= samples; ++sample) {
    for (int layer = 0; layer < kLayers; ++layer) {
      for (int expert = 0; expert < kExperts; ++expert) {
        const bool hot = (expert + kExperts - layer) % kExperts < 2;
        absl::StrAppend(&rows, 10 * sample, ",", layer, ",", expert, ",", hot ? 200 : 20, "\n");
      }
    }
  }
  return rows;
}

class ObservedClusterTest : public ::testing::Test {
 protected:
  ObservedClusterTest() : line_("observed", kConfig) {}

  void SetUp() override { ASSERT_TRUE(line_.StartDaemon()) << line_.Log(); }

  // Runs ballastctl; its exit code and what it printed.
  std::pair<int, std::string> Ctl(std::vector<std::string> words) {
    words.insert(words.begin(), BALLAST_BINARY_DIR "/ballastctl");
    const std::string stem = absl::StrCat(line_.folder(), "/observed", ++calls_);
    auto ctl = ChildProcess::Start(words, stem);
    const int code = ctl->Wait(ProcessLine::kPatienceSeconds).value_or(-1);
    EXPECT_EQ(ctl->Err(), "") << words[1];
    return {code, ctl->Out()};
  }

  std::pair<int, std::string> Ask(std::vector<std::string> words) {
    words.insert(words.end(), {"--daemon", absl::StrCat("127.0.0.1:", line_.grpc_port())});
    return Ctl(std::move(words));
  }

  json AskJson(std::vector<std::string> words) {
    words.insert(words.end(), {"-o", "json"});
    return json::parse(Ask(std::move(words)).second, nullptr, /*allow_exceptions=*/false);
  }

  // Writes the samples to a file and sends it.
  std::pair<int, std::string> SendSamples(int samples) {
    const std::string file = line_.folder() + "/counters.csv";
    std::ofstream(file) << Rows(samples);
    return Ask({"load", "send", "--group", "theirs", "--file", file, "--since-step", "0"});
  }

  // The load once everything up to `step` is averaged: what was sent waits in a queue.
  json LoadAt(const std::string& step) {
    json load;
    EXPECT_TRUE(AwaitCondition([&] {
      load = AskJson({"load", "theirs"});
      return load["step"] == step;
    })) << load["step"];
    return load;
  }

  json DecisionWhenThere() {
    json explanation;
    EXPECT_TRUE(AwaitCondition([&] {
      explanation = AskJson({"explain", "theirs"});
      return !explanation["decisions"].empty();
    }));
    return explanation["decisions"][0];
  }

  ProcessLine line_;
  int calls_ = 0;
};

TEST_F(ObservedClusterTest, CountersFromAFileTellWhatWouldBeGained) {
  const auto [code, sent] = SendSamples(40);
  EXPECT_EQ(code, 0);
  EXPECT_EQ(sent, "sent 40 samples, steps 1 to 400\n");

  const json decision = DecisionWhenThere();
  EXPECT_EQ(decision["reason"], "observe_only");
  EXPECT_GT(decision["gain"].get<double>(), 0.2) << decision;
  EXPECT_LT(decision["imbalance_new"].get<double>(), decision["imbalance_now"].get<double>());
  const auto [explained, text] = Ask({"explain", "theirs"});
  EXPECT_EQ(explained, 0);
  EXPECT_THAT(text, HasSubstr("Would have been adopted: the gain is"));
  EXPECT_THAT(text, HasSubstr("Why not: planning.observe_only is set."));

  // The mean per step is what was sent, and nobody waits for a session.
  const json load = LoadAt("400");
  EXPECT_EQ(load["coverage"], 1);
  EXPECT_NEAR(load["layers"][1]["expert_picks"][1].get<double>(), 20, 1e-6);
  EXPECT_NEAR(load["layers"][1]["expert_picks"][0].get<double>(), 2, 1e-6);
  const auto [status_code, status] = Ask({"status"});
  EXPECT_EQ(status_code, 0) << status;
  EXPECT_EQ(Ask({"check"}).first, 0) << Ask({"check"}).second;
  const json group = line_.Group("theirs");
  EXPECT_EQ(group["decided"]["version"]["sequence"], "0");
  EXPECT_EQ(group["plans_adopted"], "0");
}

TEST_F(ObservedClusterTest, WhatWasDecidedOutlivesTheDaemonAndSendingGoesOn) {
  ASSERT_EQ(SendSamples(10).first, 0);
  const json before = DecisionWhenThere();
  line_.KillDaemon();
  ASSERT_TRUE(line_.StartDaemon()) << line_.Log();
  bool found = false;
  const json explanation = AskJson({"explain", "theirs", "--last", "100"});
  for (const json& decision : explanation["decisions"]) {
    found = found || (decision["number"] == before["number"] &&
                      decision["input_digest"] == before["input_digest"]);
  }
  EXPECT_TRUE(found) << before;
  // The same file from another process: its counters begin anew.
  ASSERT_EQ(SendSamples(10).first, 0);
  EXPECT_TRUE(AwaitCondition([&] { return line_.Group("theirs")["solves"] != "0"; }));
}

TEST_F(ObservedClusterTest, AnExportedEstimateIsTheInputOfSolve) {
  ASSERT_EQ(SendSamples(20).first, 0);
  LoadAt("200");
  const auto [code, input] = Ask({"load", "export", "--group", "theirs", "--format", "solve"});
  ASSERT_EQ(code, 0);
  EXPECT_EQ(Ask({"load", "export", "--format", "solve"}).second, input);
  const std::string file = line_.folder() + "/solve.json";
  std::ofstream(file) << input;
  const json solved =
      json::parse(Ctl({"solve", "--input", file, "-o", "json"}).second, nullptr, false);
  // The planner of the daemon gives the same placement for the same estimate.
  double sum = 0;
  for (const json& ratio : solved["imbalance"]) sum += ratio.get<double>();
  const json decision = DecisionWhenThere();
  EXPECT_NEAR(sum / kLayers, decision["imbalance_new"].get<double>(), 1e-3);
}

// The way to observe a live cluster: a collector writes, ballastctl reads its pipe.
TEST_F(ObservedClusterTest, APipeIsReadSampleBySample) {
  const std::string rows = line_.folder() + "/rows.csv";
  std::ofstream(rows) << Rows(6);
  const std::string command = absl::StrCat(
      "exec ", BALLAST_BINARY_DIR, "/ballastctl load send --group theirs --file - ",
      "--since-step 0 --daemon 127.0.0.1:", line_.grpc_port(), " < ", line_.folder(), "/pipe");
  ASSERT_EQ(::system(absl::StrCat("mkfifo ", line_.folder(), "/pipe").c_str()), 0);
  auto ctl = ChildProcess::Start({"/bin/sh", "-c", command}, line_.folder() + "/pipe_reader");
  std::ofstream pipe(line_.folder() + "/pipe");
  pipe << ReadFile(rows) << std::flush;
  // Five samples are complete; the sixth may go on.
  EXPECT_TRUE(AwaitCondition([&] { return AskJson({"load"})["step"] == "50"; }));
  EXPECT_TRUE(ctl->running());
  pipe.close();
  EXPECT_EQ(ctl->Wait(ProcessLine::kPatienceSeconds), 0) << ctl->Err();
  EXPECT_EQ(ctl->Out(), "sent 6 samples, steps 1 to 60\n");
}

}  // namespace
}  // namespace ballast
