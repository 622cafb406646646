// Goal: `ballastctl load`, `load export` and `load send`. Method: fake services on a free port
// of loopback, golden files in tests/data/ctl for whole texts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "client/ctl/load_export.h"
#include "client/ctl/load_sender.h"
#include "client/ctl/load_text.h"
#include "client/ctl/yaml_writer.h"
#include "tests/client/ctl_runner.h"
#include "tests/client/fake_query.h"
#include "tests/client/golden_file.h"

namespace ballast::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// Two layers of four experts on three ranks in two rows, the last rank half as fast.
v1::GroupLoad SmallLoad() {
  v1::GroupLoad load;
  load.set_ep_group("decode0");
  load.mutable_shape()->set_num_layers(2);
  load.mutable_shape()->set_num_experts(4);
  load.set_planner("eplb");
  load.mutable_plan()->mutable_version()->set_term(7);
  load.mutable_plan()->mutable_version()->set_sequence(42);
  load.mutable_plan()->set_digest(std::string("\xa9\x1f\x03\xc2") + std::string(28, '\0'));
  load.set_batches(120);
  load.set_step(1200);
  load.set_batch_age_seconds(2.5);
  load.set_coverage(1);
  load.set_imbalance_estimated(1.1);
  load.set_imbalance_measured(1.3);
  for (std::uint32_t index = 0; index < 2; ++index) {
    v1::LayerLoad* layer = load.add_layers();
    layer->set_layer(index);
    layer->set_imbalance_estimated(1.05 + 0.1 * index);
    layer->set_imbalance_measured(1.2 + 0.2 * index);
    for (const double picks : {7.0, 2.5, 0.1, 2.4}) {
      layer->add_expert_picks(picks * (index + 1));
      layer->add_batch_expert_picks(picks + 1);
      layer->add_expert_replicas(picks > 5 ? 3 : 1);
    }
  }
  for (std::uint32_t index = 0; index < 3; ++index) {
    v1::RankLoad* rank = load.add_ranks();
    rank->set_rank(index);
    rank->set_row(index / 2);
    rank->set_slots(2);
    rank->set_speed(index == 2 ? 0.5 : 1);
    rank->set_picks_estimated(10 + 2 * index);
    rank->set_ratio_estimated(0.7 + 0.2 * index);
    rank->set_picks_measured(20 - index);
    rank->set_ratio_measured(1.1 - 0.1 * index);
    rank->set_last_report_age_seconds(index == 1 ? -1 : 0.4);
  }
  return load;
}

std::string TextOf(const v1::GroupLoad& load, LoadBy by, int top) {
  std::ostringstream out;
  PrintLoad(load, by, top, out);
  return out.str();
}

TEST(LoadTextTest, ShowsTheTopOfEachTable) {
  ExpectGolden("load_overview", TextOf(SmallLoad(), LoadBy::kOverview, 2));
}

TEST(LoadTextTest, ShowsEachTableWhole) {
  std::string text;
  for (const LoadBy by : {LoadBy::kRank, LoadBy::kRow, LoadBy::kLayer, LoadBy::kExpert}) {
    text += TextOf(SmallLoad(), by, 0) + "\n";
  }
  ExpectGolden("load_by", text);
}

TEST(LoadTextTest, SaysWhatIsMissingBeforeTheFirstBatch) {
  v1::GroupLoad load = SmallLoad();
  load.mutable_plan()->mutable_version()->set_sequence(0);
  load.set_batches(0);
  load.set_coverage(0.984375);
  load.clear_layers();
  for (v1::RankLoad& rank : *load.mutable_ranks()) {
    rank.set_ratio_estimated(0);
    rank.set_ratio_measured(0);
    rank.set_picks_estimated(0);
  }
  ExpectGolden("load_before_the_first_batch", TextOf(load, LoadBy::kOverview, 5));
}

TEST(LoadTextTest, AnObservedGroupIsToldAsSuch) {
  v1::GroupLoad load = SmallLoad();
  load.set_observe_only(true);
  EXPECT_THAT(TextOf(load, LoadBy::kRank, 0), HasSubstr("decode0 is observed under plan 7.42"));
}

class CtlLoadTest : public testing::Test {
 protected:
  CtlLoadTest() { daemon_.query.load = SmallLoad(); }

  CtlRun Run(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.begin(), "load");
    words.insert(words.end(), {"--daemon", daemon_.address});
    return RunCtl(words, input);
  }

  // Sends rows to a group that only observes.
  CtlRun Send(const std::string& rows, std::vector<std::string> words = {}) {
    daemon_.query.load.set_observe_only(true);
    words.insert(words.begin(), {"send", "--file", "-"});
    return Run(words, rows);
  }

  // The counts of one rank's report.
  static std::vector<std::uint64_t> Counts(const v1::Counters& report) {
    GroupReport decoded;
    EXPECT_TRUE(DecodeCounters(report, &decoded).ok());
    return decoded.report.counts;
  }

  // Summed over the ranks, of the report of that index.
  std::vector<std::uint64_t> Sums(std::size_t index) {
    std::vector<std::uint64_t> sums(8, 0);
    for (const auto& [rank, reports] : daemon_.load.reports()) {
      const std::vector<std::uint64_t> counts = Counts(reports.at(index));
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += counts.at(i);
    }
    return sums;
  }

  FakeDaemon daemon_;
};

TEST_F(CtlLoadTest, AsksForGroupAndLayer) {
  EXPECT_EQ(Run({"decode0", "--layer", "1"}).exit_code, 0);
  EXPECT_EQ(daemon_.query.load_request.ep_group(), "decode0");
  EXPECT_EQ(daemon_.query.load_request.layer(), 1u);
  const CtlRun run = Run({"--by", "rank"});
  EXPECT_FALSE(daemon_.query.load_request.has_layer());
  EXPECT_EQ(run.out, TextOf(SmallLoad(), LoadBy::kRank, 20));
}

TEST_F(CtlLoadTest, PrintsTheLoadInAllForms) {
  ExpectGoldens("load", {"decode0", "--top", "2"}, 0,
                [&](const auto& words) { return Run(words); });
}

TEST_F(CtlLoadTest, PrintsWhatWasSentInAllForms) {
  const std::string rows = "step,layer,expert,picks_per_step\n5,0,0,1\n9,1,3,2.5\n";
  ExpectGoldens("load_send", {}, 0, [&](const auto& words) { return Send(rows, words); });
}

TEST_F(CtlLoadTest, TopAndByMustBeKnown) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--top", "-1"}, {"--by", "node"}, {"--layer", "x"}}) {
    EXPECT_EQ(Run(words).exit_code, 2) << words[0];
  }
}

TEST_F(CtlLoadTest, JsonAndYamlAreTheAnswer) {
  const CtlRun run = Run({"-o", "json"});
  EXPECT_EQ(run.json()["layers"][0]["expert_picks"][1], 2.5);
  EXPECT_EQ(run.json()["ranks"][2]["speed"], 0.5);
  EXPECT_EQ(Run({"-o", "yaml"}).out, ToYaml(run.json()));
}

TEST_F(CtlLoadTest, RefusalsAndSilenceHaveTheirExitCodes) {
  daemon_.query.result = grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "layer 9 out of [0, 2)");
  EXPECT_EQ(Run({"--layer", "9"}).exit_code, 4);
  EXPECT_EQ(Run({"export", "--layer", "9"}).exit_code, 4);
  daemon_.server->Shutdown();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"export"}, {"send", "--file", "-"}}) {
    const CtlRun run = Run(words);
    EXPECT_EQ(run.exit_code, 3);
    EXPECT_EQ(run.out, "");
  }
}

TEST_F(CtlLoadTest, ExportsRows) {
  const CtlRun csv = Run({"export"});
  EXPECT_EQ(csv.exit_code, 0) << csv.err;
  ExpectGolden("load_export_csv", csv.out);
  ExpectGolden("load_export_jsonl", Run({"export", "--format", "jsonl"}).out);
  ExpectGolden("load_export_solve", Run({"export", "--format", "solve"}).out);
  EXPECT_EQ(Run({"export", "--format", "xml"}).exit_code, 2);
}

TEST_F(CtlLoadTest, RefusesToExportWhatIsNotThere) {
  daemon_.query.load.set_batches(0);
  const CtlRun run = Run({"export"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("no batch of load is closed in decode0 yet"));
}

TEST_F(CtlLoadTest, WhatIsExportedForSolveIsItsInput) {
  const CtlRun run = Run({"export", "--format", "solve"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("the rows differ in size: num_nodes is 1"));
  EXPECT_THAT(run.err, HasSubstr("differ in speed"));
  const nlohmann::json input = run.json();
  EXPECT_EQ(input["num_replicas"], 6);
  EXPECT_EQ(input["num_gpus"], 3);
  EXPECT_EQ(input["num_groups"], 1);
  EXPECT_THAT(input["weight"].get<std::vector<std::vector<double>>>(),
              ElementsAre(ElementsAre(7, 2.5, 0.1, 2.4), ElementsAre(14, 5, 0.2, 4.8)));
  const CtlRun solved = RunCtl({"solve", "--input", "-", "-o", "json"}, run.out);
  EXPECT_EQ(solved.exit_code, 0) << solved.err;
  EXPECT_EQ(solved.json()["phy2log"].size(), 2u);
  EXPECT_EQ(solved.json()["phy2log"][0].size(), 6u);
}

TEST_F(CtlLoadTest, RowsOfOneSizeAreTheNodesOfSolve) {
  daemon_.query.load.mutable_ranks(1)->set_row(1);
  daemon_.query.load.mutable_ranks(2)->set_row(2);
  EXPECT_EQ(Run({"export", "--format", "solve"}).json()["num_nodes"], 3);
}

TEST_F(CtlLoadTest, UnevenSlotsAreNoInputOfSolve) {
  daemon_.query.load.mutable_ranks(1)->set_slots(3);
  const CtlRun run = Run({"export", "--format", "solve"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("different numbers of slots"));
}

TEST_F(CtlLoadTest, OnlyAGroupThatObservesTakesCountersFromOutside) {
  const CtlRun run = Run({"send", "--file", "-"}, "step,layer,expert,picks\n1,0,0,5\n");
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.err, HasSubstr("planning.observe_only"));
  EXPECT_THAT(daemon_.load.reports(), SizeIs(0));
}

TEST_F(CtlLoadTest, WorkersOfAnObservedGroupAreNotSpokenFor) {
  daemon_.query.status.add_groups()->set_ranks_connected(2);
  const CtlRun run = Send("step,layer,expert,picks_per_step\n5,0,0,1\n");
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.err, HasSubstr("group decode0 has 2 workers connected"));
  EXPECT_THAT(daemon_.load.reports(), SizeIs(0));
}

TEST_F(CtlLoadTest, SendsEachSampleAsCumulativeCountersOfAllRanks) {
  const CtlRun run = Send(
      "step,layer,expert,picks\n"
      "10,0,0,100\n10,1,3,7\n"
      "20,0,0,11\n20,0,1,1\n",
      {"--since-step", "0"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "sent 2 samples, steps 1 to 20\n");
  const auto reports = daemon_.load.reports();
  ASSERT_THAT(reports, SizeIs(3));
  for (const auto& [rank, of_rank] : reports) {
    ASSERT_THAT(of_rank, SizeIs(2));
    for (std::uint64_t i = 0; i < 2; ++i) {
      const v1::Counters& report = of_rank[i];
      EXPECT_EQ(report.ep_group(), "decode0");
      EXPECT_EQ(report.form(), v1::COUNTER_FORM_EXPERT);
      EXPECT_EQ(report.sequence(), i + 1);
      EXPECT_EQ(report.step_first(), 1u);
      EXPECT_EQ(report.step_last(), 10 * (i + 1));
      EXPECT_TRUE(report.padding_excluded());
    }
  }
  EXPECT_THAT(Sums(0), ElementsAre(100, 0, 0, 0, 0, 0, 0, 7));
  EXPECT_THAT(Sums(1), ElementsAre(111, 1, 0, 0, 0, 0, 0, 7));
}

TEST_F(CtlLoadTest, AnExportedEstimateCanBeSent) {
  const CtlRun run = Send(Run({"export"}).out);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(Sums(0), ElementsAre(8400, 3000, 120, 2880, 16800, 6000, 240, 5760));
}

TEST_F(CtlLoadTest, ACounterOfUnknownBeginningOnlyMarksIt) {
  const CtlRun run = Send(
      "{\"step\":100,\"layer\":0,\"expert\":0,\"picks_total\":5000}\n"
      "{\"step\":110,\"layer\":0,\"expert\":0,\"picks_total\":5042}\n",
      {"-o", "json"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("counting begins after step 100"));
  EXPECT_EQ(run.json(), nlohmann::json({{"samples", 1}, {"step_first", 101}, {"step_last", 110}}));
  EXPECT_EQ(Sums(0)[0], 0u);
  EXPECT_EQ(Sums(1)[0], 42u);
}

TEST_F(CtlLoadTest, ARefusedReportEndsTheCommand) {
  daemon_.load.reject = "rank 0: implausible";
  const CtlRun run = Send("step,layer,expert,picks_per_step\n5,0,0,1\n");
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.err, HasSubstr("refuses: rank 0: implausible"));
}

TEST_F(CtlLoadTest, AFileWithoutSamplesIsAnError) {
  EXPECT_EQ(Send("").exit_code, 2);
  EXPECT_EQ(Send("step,layer,expert,picks\n1,0,0,5\n").exit_code, 2);
  EXPECT_EQ(Run({"send", "--file", "/nowhere/at/all"}).exit_code, 2);
  EXPECT_EQ(Run({"send"}).exit_code, 2);
}

// A clock that does not wait.
class InstantClock final : public Clock {
 public:
  absl::Time WallNow() const override { return absl::UnixEpoch(); }
  absl::Duration Uptime() const override { return absl::ZeroDuration(); }
  bool WaitUntil(absl::Mutex&, const absl::Condition&, absl::Duration deadline) override {
    waits.push_back(deadline);
    return false;
  }

  std::vector<absl::Duration> waits;
};

TEST_F(CtlLoadTest, PaceWaitsAsTheTimesSayAndABusyDaemonIsAskedAgain) {
  daemon_.query.load.set_observe_only(true);
  daemon_.load.busy = 2;
  std::istringstream in(
      "time,step,layer,expert,picks_per_step\n100,10,0,0,5\n104,20,0,0,5\n110,30,0,0,5\n");
  std::ostringstream out;
  std::ostringstream err;
  InstantClock clock;
  const char* const argv[] = {"ballastctl", "load", "send",   "--daemon", daemon_.address.c_str(),
                              "--file",     "-",    "--pace", "2"};
  EXPECT_EQ(RunBallastctl(9, argv, {in, {out, err}, clock}), 0) << err.str();
  EXPECT_THAT(clock.waits, ElementsAre(absl::Milliseconds(10), absl::Seconds(2), absl::Seconds(3)));
  for (const auto& [rank, reports] : daemon_.load.reports()) EXPECT_THAT(reports, SizeIs(3));
}

TEST(ShareOfRankTest, SharesAddUpDifferByOneAndNeverFall) {
  constexpr std::uint64_t kRanks = 5;
  for (std::uint64_t cell = 0; cell < 7; ++cell) {
    std::vector<std::uint64_t> before(kRanks, 0);
    for (std::uint64_t picks = 0; picks < 23; ++picks) {
      std::uint64_t sum = 0;
      for (std::uint64_t rank = 0; rank < kRanks; ++rank) {
        const std::uint64_t share = ShareOfRank(picks, cell, rank, kRanks);
        EXPECT_GE(share, before[rank]);
        EXPECT_LE(share, picks / kRanks + 1);
        before[rank] = share;
        sum += share;
      }
      EXPECT_EQ(sum, picks);
    }
  }
  // Cells begin at different ranks, so that single picks do not pile up on one.
  EXPECT_EQ(ShareOfRank(1, 0, 0, kRanks), 1u);
  EXPECT_EQ(ShareOfRank(1, 3, 3, kRanks), 1u);
}

}  // namespace
}  // namespace ballast::ctl
