// Goal: what the query service says of load, coverage and the daemon's health, and that a
// group that only observes needs no sessions. Method: a whole daemon in this process with a
// store in memory, raw gRPC stubs against it; waits end with what is waited for.

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ballast/v1/load.grpc.pb.h"
#include "ballast/v1/query.grpc.pb.h"
#include "core/base/clock.h"
#include "daemon/app/daemon.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/load_wire.h"
#include "tests/daemon/in_process_daemon.h"

namespace ballast {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Two layers of four experts, two rows of one rank, three slots a rank: the initial plan is
// 0 1 2 | 3 0 1 in each layer.
constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:0"}
http: {listen: ""}
store: {kind: memory}
log: {level: error}
load: {batch_steps: 10}
planning: {solve_every_steps: 10, min_batches: 1, min_gain: 0.01, observe_only: true,
           migration_bytes_per_second: 1000000000000}
groups:
  - name: watched
    model: {layers: 2, experts: 4, top_k: 1}
    ranks: 2
    row_size: 1
    slots_per_rank: 3
)";

class LoadQueryTest : public ::testing::Test {
 protected:
  v1::GroupLoad Load(int layer = -1) {
    grpc::ClientContext context;
    v1::GetLoadRequest request;
    if (layer >= 0) request.set_layer(static_cast<std::uint32_t>(layer));
    v1::GroupLoad load;
    EXPECT_TRUE(query_->GetLoad(&context, request, &load).ok());
    return load;
  }

  grpc::Status Coverage(const v1::GetCoverageRequest& request, v1::Coverage* coverage) {
    grpc::ClientContext context;
    return query_->GetCoverage(&context, request, coverage);
  }

  // Both ranks report ten steps in the form of slots: `picks` of each slot, in both layers.
  void ReportSlots(const std::vector<std::uint64_t>& picks) {
    for (int rank = 0; rank < 2; ++rank) {
      grpc::ClientContext context;
      auto stub = v1::Load::NewStub(channel_);
      auto stream = stub->Report(&context);
      GroupReport report;
      report.ep_group = "watched";
      report.num_layers = 2;
      report.num_columns = 3;
      report.padding_excluded = true;
      report.report.rank = RankId(rank);
      report.report.incarnation = 5;
      report.report.sequence = 1;
      report.report.plan = daemon_.initial_plan();
      report.report.step_first = 1;
      report.report.step_last = 10;
      for (int layer = 0; layer < 2; ++layer) {
        report.report.counts.insert(report.report.counts.end(), picks.begin() + 3 * rank,
                                    picks.begin() + 3 * rank + 3);
      }
      v1::Counters counters;
      EncodeCounters(report, &counters);
      ASSERT_TRUE(stream->Write(counters));
      v1::Credit credit;
      ASSERT_TRUE(stream->Read(&credit));
      ASSERT_EQ(credit.reject(), "");
      stream->WritesDone();
      ASSERT_TRUE(stream->Finish().ok());
    }
  }

  v1::GroupLoad LoadWithABatch() {
    v1::GroupLoad load = Load();
    // The view of the ranks follows the batch within the same turn.
    while (load.batches() == 0 || load.coverage() < 1) load = Load();
    return load;
  }

  InProcessDaemon daemon_{kConfig};
  const std::shared_ptr<grpc::Channel> channel_ = daemon_.Channel();
  const std::unique_ptr<v1::Query::Stub> query_ = v1::Query::NewStub(channel_);
};

TEST_F(LoadQueryTest, BeforeAnyReportOnlyTheFleetIsKnown) {
  const v1::GroupLoad load = Load();
  EXPECT_EQ(load.ep_group(), "watched");
  EXPECT_EQ(load.batches(), 0u);
  EXPECT_LT(load.batch_age_seconds(), 0);
  EXPECT_THAT(load.layers(), IsEmpty());
  ASSERT_EQ(load.ranks_size(), 2);
  EXPECT_EQ(load.ranks(1).row(), 1u);
  EXPECT_EQ(load.ranks(1).slots(), 3u);
  EXPECT_LT(load.ranks(1).last_report_age_seconds(), 0);
}

// Experts get 60 + 10 = 70, 20, 10 and 50 picks in ten steps; the ranks 90 and 60 as
// measured, and 35 + 10 + 10 = 55 and 50 + 35 + 10 = 95 under equal shares.
TEST_F(LoadQueryTest, GivesEstimateAndLastBatch) {
  ReportSlots({60, 20, 10, 50, 10, 0});
  const v1::GroupLoad load = LoadWithABatch();
  EXPECT_EQ(load.step(), 10u);
  EXPECT_EQ(load.coverage(), 1);
  ASSERT_EQ(load.layers_size(), 2);
  for (const v1::LayerLoad& layer : load.layers()) {
    EXPECT_THAT(layer.expert_picks(), ElementsAre(7, 2, 1, 5));
    EXPECT_THAT(layer.batch_expert_picks(), ElementsAre(7, 2, 1, 5));
    EXPECT_THAT(layer.expert_replicas(), ElementsAre(2, 2, 1, 1));
    EXPECT_NEAR(layer.imbalance_measured(), 9 / 7.5, 1e-4);
    EXPECT_NEAR(layer.imbalance_estimated(), 9.5 / 7.5, 1e-4);
  }
  EXPECT_NEAR(load.imbalance_measured(), 9 / 7.5, 1e-4);
  EXPECT_NEAR(load.ranks(0).picks_measured(), 18, 1e-4);
  EXPECT_NEAR(load.ranks(0).ratio_measured(), 9 / 7.5, 1e-4);
  EXPECT_NEAR(load.ranks(1).picks_estimated(), 19, 1e-3);
  EXPECT_NEAR(load.ranks(1).ratio_estimated(), 9.5 / 7.5, 1e-4);
  EXPECT_GE(load.ranks(1).last_report_age_seconds(), 0);
}

TEST_F(LoadQueryTest, GivesOneLayerOnRequest) {
  ReportSlots({60, 20, 10, 50, 10, 0});
  LoadWithABatch();
  const v1::GroupLoad load = Load(1);
  ASSERT_EQ(load.layers_size(), 1);
  EXPECT_EQ(load.layers(0).layer(), 1u);
  EXPECT_NEAR(load.ranks(0).picks_measured(), 9, 1e-4);

  grpc::ClientContext context;
  v1::GetLoadRequest request;
  request.set_layer(2);
  v1::GroupLoad none;
  const grpc::Status status = query_->GetLoad(&context, request, &none);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(status.error_message(), "layer 2 out of [0, 2)");
}

TEST_F(LoadQueryTest, AGroupThatOnlyObservesSolvesWithoutSessions) {
  ReportSlots({60, 20, 10, 50, 10, 0});
  v1::Explanation explanation;
  while (explanation.decisions_size() == 0) {
    grpc::ClientContext context;
    ASSERT_TRUE(query_->Explain(&context, {}, &explanation).ok());
  }
  const v1::Decision& decision = explanation.decisions(0);
  EXPECT_EQ(decision.reason(), "observe_only");
  EXPECT_GT(decision.gain(), 0.05);
  EXPECT_EQ(decision.plan().version().sequence(), 0u);
  EXPECT_NE(explanation.hold(), "ranks_missing");
}

TEST_F(LoadQueryTest, CoverageOfTheLivePlan) {
  v1::Coverage coverage;
  ASSERT_TRUE(Coverage({}, &coverage).ok());
  EXPECT_EQ(coverage.uncovered(), 0u);
  EXPECT_EQ(coverage.single_rank_experts(), 4u);  // 2 and 3 of each layer.
  EXPECT_EQ(coverage.single_row_experts(), 4u);
  EXPECT_THAT(coverage.lost_with_rank(), ElementsAre(2, 2));
  EXPECT_THAT(coverage.lost_with_row(), ElementsAre(2, 2));
  // Nobody needs a session here, so nobody is gone.
  EXPECT_THAT(coverage.gone_ranks(), IsEmpty());
  EXPECT_EQ(coverage.uncovered_now(), 0u);
}

TEST_F(LoadQueryTest, CoverageWithARowLost) {
  v1::GetCoverageRequest request;
  request.add_lost_rows(1);
  v1::Coverage coverage;
  ASSERT_TRUE(Coverage(request, &coverage).ok());
  EXPECT_THAT(coverage.lost_ranks(), ElementsAre(1));
  ASSERT_EQ(coverage.uncovered(), 2u);
  EXPECT_EQ(coverage.first_uncovered(1).layer(), 1u);
  EXPECT_EQ(coverage.first_uncovered(1).expert(), 3u);
  request.add_lost_ranks(0);
  ASSERT_TRUE(Coverage(request, &coverage).ok());
  EXPECT_EQ(coverage.uncovered(), 8u);
}

TEST_F(LoadQueryTest, CoverageRefusesRanksRowsAndPlansThatAreNotThere) {
  v1::Coverage coverage;
  v1::GetCoverageRequest rank;
  rank.add_lost_ranks(2);
  EXPECT_EQ(Coverage(rank, &coverage).error_message(), "rank 2 out of [0, 2)");
  v1::GetCoverageRequest row;
  row.add_lost_rows(2);
  EXPECT_EQ(Coverage(row, &coverage).error_message(), "row 2 out of [0, 2)");
  v1::GetCoverageRequest plan;
  plan.mutable_version()->set_sequence(9);
  EXPECT_EQ(Coverage(plan, &coverage).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(LoadQueryTest, HealthHasClockChecksAndStore) {
  grpc::ClientContext context;
  v1::DaemonHealth health;
  const absl::Time before = RealClock().WallNow();
  ASSERT_TRUE(query_->GetHealth(&context, {}, &health).ok());
  EXPECT_GE(health.now_unix_seconds(), absl::ToDoubleSeconds(before - absl::UnixEpoch()));
  EXPECT_EQ(health.term(), 1u);
  EXPECT_EQ(health.store_kind(), "memory");
  EXPECT_EQ(health.store_fault(), "");
  std::vector<std::string> names;
  for (const v1::NamedCheck& check : health.checks()) names.push_back(check.name());
  EXPECT_THAT(names, Contains(HasSubstr("watched")));
}

}  // namespace
}  // namespace ballast
