// Goal: a cluster that is not ours is observed: its counters come from a file or a pipe, no
// worker ever has a session, and the daemon says what it would have gained. Method: real
// processes; the counters are skewed by a known law.

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr int kLayers = 4;
constexpr int kExperts = 16;

// Eight ranks of three slots in two rows. A migration is free here, so that the gain decides.
DaemonConfig Observing() {
  return {.load = "{batch_steps: 10, half_life_steps: 100}",
          .planning = "{solve_every_steps: 20, min_batches: 2, observe_only: true}",
          .groups = {{.name = "theirs",
                      .model = "{layers: 4, experts: 16, top_k: 2}",
                      .ranks = 8,
                      .row_size = 4,
                      .slots_per_rank = 3}}};
}

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
  void SetUp() override { ASSERT_TRUE(daemon_.Start()); }

  // A question of an operator, who has nothing to complain of.
  CtlRun Ask(std::vector<std::string> words) {
    CtlRun run = daemon_.Ask(std::move(words));
    EXPECT_EQ(run.err, "");
    return run;
  }

  json AskJson(std::vector<std::string> words) {
    words.insert(words.end(), {"-o", "json"});
    return Ask(std::move(words)).document;
  }

  // Writes the samples to a file and sends it.
  CtlRun SendSamples(int samples) {
    const std::string file = daemon_.File("counters.csv");
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

  TestDaemon daemon_{"observed", Observing()};
};

TEST_F(ObservedClusterTest, CountersFromAFileTellWhatWouldBeGained) {
  const CtlRun sent = SendSamples(40);
  EXPECT_EQ(sent.code, 0);
  EXPECT_EQ(sent.out, "sent 40 samples, steps 1 to 400\n");

  const json decision = DecisionWhenThere();
  EXPECT_EQ(decision["reason"], "observe_only");
  EXPECT_GT(decision["gain"].get<double>(), 0.2) << decision;
  EXPECT_LT(decision["imbalance_new"].get<double>(), decision["imbalance_now"].get<double>());
  const CtlRun explained = Ask({"explain", "theirs"});
  EXPECT_EQ(explained.code, 0);
  EXPECT_THAT(explained.out, HasSubstr("Would have been adopted: the gain is"));
  EXPECT_THAT(explained.out, HasSubstr("Why not: planning.observe_only is set."));

  // The mean per step is what was sent, and nobody waits for a session.
  const json load = LoadAt("400");
  EXPECT_EQ(load["coverage"], 1);
  EXPECT_NEAR(load["layers"][1]["expert_picks"][1].get<double>(), 20, 1e-6);
  EXPECT_NEAR(load["layers"][1]["expert_picks"][0].get<double>(), 2, 1e-6);
  for (const char* question : {"status", "check"}) {
    const CtlRun answer = Ask({question});
    EXPECT_EQ(answer.code, 0) << answer.out;
  }
  const json group = daemon_.Group("theirs");
  EXPECT_EQ(group["decided"]["version"]["sequence"], "0");
  EXPECT_EQ(group["plans_adopted"], "0");
}

TEST_F(ObservedClusterTest, WhatWasDecidedOutlivesTheDaemonAndSendingGoesOn) {
  ASSERT_EQ(SendSamples(10).code, 0);
  const json before = DecisionWhenThere();
  ASSERT_TRUE(daemon_.Kill());
  ASSERT_TRUE(daemon_.Start());
  bool found = false;
  const json explanation = AskJson({"explain", "theirs", "--last", "100"});
  for (const json& decision : explanation["decisions"]) {
    found = found || (decision["number"] == before["number"] &&
                      decision["input_digest"] == before["input_digest"]);
  }
  EXPECT_TRUE(found) << before;
  // The same file from another process: its counters begin anew.
  ASSERT_EQ(SendSamples(10).code, 0);
  EXPECT_TRUE(AwaitCondition([&] { return daemon_.Group("theirs")["solves"] != "0"; }));
}

TEST_F(ObservedClusterTest, AnExportedEstimateIsTheInputOfSolve) {
  ASSERT_EQ(SendSamples(20).code, 0);
  LoadAt("200");
  const CtlRun exported = Ask({"load", "export", "--group", "theirs", "--format", "solve"});
  ASSERT_EQ(exported.code, 0);
  EXPECT_EQ(Ask({"load", "export", "--format", "solve"}).out, exported.out);
  const std::string file = daemon_.File("solve.json");
  std::ofstream(file) << exported.out;
  const CtlRun solved = daemon_.Ctl({"solve", "--input", file, "-o", "json"});
  EXPECT_EQ(solved.err, "");
  // The planner of the daemon gives the same placement for the same estimate.
  double sum = 0;
  for (const json& ratio : solved.document["imbalance"]) sum += ratio.get<double>();
  const json decision = DecisionWhenThere();
  EXPECT_NEAR(sum / kLayers, decision["imbalance_new"].get<double>(), 1e-3);
}

// The way to observe a live cluster: a collector writes, ballastctl reads its pipe.
TEST_F(ObservedClusterTest, APipeIsReadSampleBySample) {
  const std::string command =
      absl::StrCat("exec ", BALLAST_BINARY_DIR, "/ballastctl load send --group theirs --file - ",
                   "--since-step 0 --daemon ", daemon_.Address(), " < ", daemon_.File("pipe"));
  ASSERT_EQ(mkfifo(daemon_.File("pipe").c_str(), 0600), 0);
  auto ctl = ChildProcess::Start({"/bin/sh", "-c", command}, daemon_.File("pipe_reader"));
  std::ofstream pipe(daemon_.File("pipe"));
  pipe << Rows(6) << std::flush;
  // Five samples are complete; the sixth may go on.
  EXPECT_TRUE(AwaitCondition([&] { return AskJson({"load"})["step"] == "50"; }));
  EXPECT_TRUE(ctl->running());
  pipe.close();
  EXPECT_EQ(ctl->Wait(), 0);
  EXPECT_EQ(ctl->Out(), "sent 6 samples, steps 1 to 60\n");
}

}  // namespace
}  // namespace ballast
