// Goal: `ballastctl coverage` says what would be lost, and exits by it. Method: a fake query
// service, golden files in tests/data/ctl for whole texts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/ctl/coverage_command.h"
#include "client/ctl/yaml_writer.h"
#include "proto/wire/query_text.h"
#include "tests/client/ctl_runner.h"
#include "tests/client/fake_query.h"
#include "tests/client/golden_file.h"

namespace ballast::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

v1::Coverage BaseCoverage() {
  v1::Coverage coverage;
  coverage.set_ep_group("decode0");
  coverage.mutable_plan()->mutable_version()->set_term(7);
  coverage.mutable_plan()->mutable_version()->set_sequence(42);
  coverage.mutable_plan()->set_digest(std::string("\xa9\x1f\x03\xc2") + std::string(28, '\0'));
  coverage.set_layers(58);
  coverage.set_experts(256);
  coverage.set_ranks(4);
  coverage.set_rows(2);
  for (int rank = 0; rank < 4; ++rank) coverage.add_lost_with_rank(0);
  for (int row = 0; row < 2; ++row) coverage.add_lost_with_row(0);
  return coverage;
}

v1::Coverage WeakCoverage() {
  v1::Coverage coverage = BaseCoverage();
  coverage.set_lost_with_rank(1, 40);
  coverage.set_lost_with_rank(2, 60);
  coverage.set_lost_with_row(0, 140);
  coverage.set_lost_with_row(1, 160);
  coverage.set_single_rank_experts(100);
  coverage.set_single_row_experts(300);
  return coverage;
}

v1::Coverage LossOfRowOne(std::uint32_t uncovered) {
  v1::Coverage coverage = WeakCoverage();
  coverage.add_lost_ranks(2);
  coverage.add_lost_ranks(3);
  coverage.set_uncovered(uncovered);
  for (std::uint32_t i = 0; i < uncovered; ++i) {
    v1::UncoveredExpert* pair = coverage.add_first_uncovered();
    pair->set_layer(12 + i / 2);
    pair->set_expert(44 + 46 * (i % 2));
  }
  return coverage;
}

class CtlCoverageTest : public testing::Test {
 protected:
  CtlRun Run(std::vector<std::string> words) {
    words.insert(words.begin(), "coverage");
    words.insert(words.end(), {"--daemon", daemon_.address});
    return RunCtl(words);
  }

  FakeDaemon daemon_;
};

TEST_F(CtlCoverageTest, ALossThatUncoversExpertsFails) {
  daemon_.query.coverage = LossOfRowOne(13);
  const CtlRun run = Run({"decode0", "--lose", "row1"});
  EXPECT_EQ(run.exit_code, 1);
  ExpectGolden("coverage_lose_fail", run.out);
  EXPECT_EQ(daemon_.query.coverage_request.ep_group(), "decode0");
  EXPECT_THAT(daemon_.query.coverage_request.lost_rows(), ElementsAre(1));
  EXPECT_FALSE(daemon_.query.coverage_request.has_version());
}

TEST_F(CtlCoverageTest, PrintsTheAnswerInAllForms) {
  daemon_.query.coverage = LossOfRowOne(3);
  ExpectGoldens("coverage", {"decode0", "--lose", "row1"}, 1,
                [&](const auto& words) { return Run(words); });
}

TEST_F(CtlCoverageTest, ALossThatIsCoveredIsOk) {
  daemon_.query.coverage = LossOfRowOne(0);
  const CtlRun run = Run({"--lose", "row1"});
  EXPECT_EQ(run.exit_code, 0);
  ExpectGolden("coverage_lose_ok", run.out);
}

TEST_F(CtlCoverageTest, WithoutALossAnyOneRankOrRowIsTakenAway) {
  daemon_.query.coverage = WeakCoverage();
  const CtlRun run = Run({});
  EXPECT_EQ(run.exit_code, 1);
  ExpectGolden("coverage_weak", run.out);
  EXPECT_THAT(daemon_.query.coverage_request.lost_ranks(), IsEmpty());
}

TEST_F(CtlCoverageTest, APlacementThatStandsEachLossIsOk) {
  daemon_.query.coverage = BaseCoverage();
  const CtlRun run = Run({});
  EXPECT_EQ(run.exit_code, 0);
  ExpectGolden("coverage_strong", run.out);
}

TEST_F(CtlCoverageTest, RanksThatAreGoneNowAreToldFirst) {
  daemon_.query.coverage = BaseCoverage();
  daemon_.query.coverage.add_gone_ranks(3);
  EXPECT_EQ(Run({}).exit_code, 0);
  EXPECT_THAT(Run({}).out, HasSubstr("ok    now, with 1 of 4 ranks gone (3): 0 pairs"));
  daemon_.query.coverage.set_uncovered_now(5);
  EXPECT_EQ(Run({}).exit_code, 1);
  EXPECT_THAT(Run({}).out, HasSubstr("FAIL  now, with 1 of 4 ranks gone (3): 5 pairs"));
}

// The loss of the only row is the loss of everything, which nobody need be told.
TEST_F(CtlCoverageTest, InOneRowOnlyRanksAreTakenAway) {
  daemon_.query.coverage = BaseCoverage();
  daemon_.query.coverage.set_rows(1);
  daemon_.query.coverage.set_single_row_experts(58 * 256);
  const CtlRun run = Run({});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, testing::Not(HasSubstr("any one row")));
}

TEST_F(CtlCoverageTest, AsksForAPlanByItsVersion) {
  daemon_.query.coverage = BaseCoverage();
  Run({"--plan", "7.41", "--lose", "rank0"});
  EXPECT_EQ(daemon_.query.coverage_request.version().term(), 7u);
  EXPECT_EQ(daemon_.query.coverage_request.version().sequence(), 41u);
  EXPECT_EQ(Run({"--plan", "seven"}).exit_code, 2);
  Run({"--version", "initial"});
  ASSERT_TRUE(daemon_.query.coverage_request.has_version());
  EXPECT_EQ(daemon_.query.coverage_request.version().sequence(), 0);
}

TEST_F(CtlCoverageTest, JsonIsTheAnswerAndExitsAlike) {
  daemon_.query.coverage = LossOfRowOne(13);
  const CtlRun run = Run({"--lose", "row1", "-o", "json"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.json()["uncovered"], 13);
  EXPECT_EQ(run.json()["first_uncovered"][1]["expert"], 90);
  EXPECT_EQ(Run({"--lose", "row1", "-o", "yaml"}).out, ToYaml(run.json()));
}

TEST_F(CtlCoverageTest, RefusalsAndSilenceHaveTheirExitCodes) {
  daemon_.query.result = grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "row 9 out of [0, 2)");
  EXPECT_EQ(Run({"--lose", "row9"}).exit_code, 4);
  daemon_.server->Shutdown();
  EXPECT_EQ(Run({}).exit_code, 3);
}

TEST(ParseLossTest, TakesRanksRowsAndRanges) {
  v1::GetCoverageRequest request;
  EXPECT_EQ(ParseLoss("row3,rank17,rank4-6,row0-1", &request), absl::OkStatus());
  EXPECT_THAT(request.lost_rows(), ElementsAre(3, 0, 1));
  EXPECT_THAT(request.lost_ranks(), ElementsAre(17, 4, 5, 6));
}

TEST(ParseLossTest, RefusesAnythingElse) {
  for (const char* text :
       {"node3", "rank", "rank-1", "rank5-3", "rank1-", "3", "rank0-999999999"}) {
    v1::GetCoverageRequest request;
    const absl::Status status = ParseLoss(text, &request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }
}

}  // namespace
}  // namespace ballast::ctl
