// Goal: the services as a peer on the wire sees them, wrong input above all. Method: a
// whole daemon in this process with a store in memory, raw gRPC stubs against it.

#include "daemon/app/daemon.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "ballast/v1/load.grpc.pb.h"
#include "ballast/v1/placement.grpc.pb.h"
#include "ballast/v1/query.grpc.pb.h"
#include "core/base/clock.h"
#include "daemon/ingest/load_service.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/load_wire.h"
#include "proto/wire/placement_wire.h"
#include "proto/wire/session_wire.h"
#include "tests/daemon/in_process_daemon.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DaemonTest : public ::testing::Test {
 protected:
  WorkerHello Hello(int rank) const {
    WorkerHello hello;
    hello.ep_group = "demo";
    hello.state.rank = RankId(rank);
    hello.state.incarnation = 5;
    hello.state.active = daemon_.initial_plan();
    hello.shape = daemon_.group().shape;
    hello.row = RowId(0);
    hello.num_slots = 2;
    hello.world_size = 2;
    hello.modes = {ActivationMode::kInBand};
    return hello;
  }

  GroupReport Report(std::uint64_t sequence) const {
    GroupReport report;
    report.ep_group = "demo";
    report.num_layers = 1;
    report.num_columns = 2;
    report.padding_excluded = true;
    report.report.rank = RankId(0);
    report.report.incarnation = 5;
    report.report.sequence = sequence;
    report.report.plan = Hello(0).state.active;
    report.report.step_first = 1;
    report.report.step_last = sequence;
    report.report.counts = {sequence, sequence};
    return report;
  }

  // What the daemon says to a session that begins with `message`.
  grpc::Status EndOfSession(const v1::WorkerMessage& message) {
    grpc::ClientContext context;
    auto stub = v1::Placement::NewStub(channel_);
    auto session = stub->Session(&context);
    session->Write(message);
    v1::DaemonMessage answer;
    while (session->Read(&answer)) {
    }
    return session->Finish();
  }

  InProcessDaemon daemon_;
  const std::shared_ptr<grpc::Channel> channel_ = daemon_.Channel();
};

TEST_F(DaemonTest, WelcomesAWorkerAndShowsIt) {
  grpc::ClientContext context;
  auto stub = v1::Placement::NewStub(channel_);
  auto session = stub->Session(&context);
  v1::WorkerMessage message;
  EncodeHello(Hello(1), message.mutable_hello());
  ASSERT_TRUE(session->Write(message));
  v1::DaemonMessage answer;
  ASSERT_TRUE(session->Read(&answer));
  EXPECT_EQ(answer.welcome().term(), 1);
  EXPECT_GT(answer.welcome().heartbeat_period_ms(), 0);
  context.TryCancel();
  EXPECT_EQ(session->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(DaemonTest, RefusesAWorkerThatDoesNotMatchAndNamesBothValues) {
  WorkerHello hello = Hello(1);
  hello.num_slots = 3;
  v1::WorkerMessage message;
  EncodeHello(hello, message.mutable_hello());
  const grpc::Status status = EndOfSession(message);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "rank 1: worker has slots 3, the configuration says 2");
  // The view is made anew each turn.
  v1::WorkerStatus worker;
  const absl::Duration deadline = RealClock().Uptime() + absl::Seconds(60);
  while (worker.refused().empty() && RealClock().Uptime() < deadline) {
    grpc::ClientContext context;
    v1::DaemonStatus answer;
    ASSERT_TRUE(v1::Query::NewStub(channel_)->GetStatus(&context, {}, &answer).ok());
    worker = answer.groups(0).workers(1);
  }
  EXPECT_EQ(worker.refused(), "worker has slots 3, the configuration says 2");
  EXPECT_GT(worker.refused_unix_seconds(), 0);
  EXPECT_EQ(worker.state(), "gone");
}

TEST_F(DaemonTest, RefusesAnUnknownGroupAndNamesThoseThatAre) {
  WorkerHello hello = Hello(0);
  hello.ep_group = "prefill";
  v1::WorkerMessage message;
  EncodeHello(hello, message.mutable_hello());
  const grpc::Status status = EndOfSession(message);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("'prefill'"));
  EXPECT_THAT(status.error_message(), HasSubstr("demo"));
}

TEST_F(DaemonTest, RefusesASessionThatDoesNotBeginWithHello) {
  v1::WorkerMessage message;
  message.mutable_heartbeat()->set_step(1);
  const grpc::Status status = EndOfSession(message);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("Heartbeat before Hello"));
}

TEST_F(DaemonTest, AnswersEachReportWithACredit) {
  grpc::ClientContext context;
  auto stub = v1::Load::NewStub(channel_);
  auto stream = stub->Report(&context);
  for (std::uint64_t sequence : {1, 2}) {
    v1::Counters counters;
    EncodeCounters(Report(sequence), &counters);
    ASSERT_TRUE(stream->Write(counters));
    v1::Credit credit;
    ASSERT_TRUE(stream->Read(&credit));
    EXPECT_EQ(credit.accepted_sequence(), sequence);
    EXPECT_EQ(credit.next_period_ms(), 1000);
    EXPECT_EQ(credit.reject(), "");
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(DaemonTest, EndsAStreamAfterThreeRefusedReportsInARow) {
  grpc::ClientContext context;
  auto stub = v1::Load::NewStub(channel_);
  auto stream = stub->Report(&context);
  GroupReport report = Report(1);
  report.num_columns = 3;
  report.report.counts = {1, 2, 3};
  v1::Counters counters;
  EncodeCounters(report, &counters);
  v1::Credit credit;
  for (int i = 1; i < kMaxRefusals; ++i) {
    ASSERT_TRUE(stream->Write(counters));
    ASSERT_TRUE(stream->Read(&credit));
    EXPECT_EQ(credit.reject(), "rank 0: report has 1 layers x 3 columns, expected 1 x 2");
  }
  stream->Write(counters);
  EXPECT_FALSE(stream->Read(&credit));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DaemonTest, StatusAndPlanAreThereBeforeAnyWorker) {
  auto stub = v1::Query::NewStub(channel_);
  {
    grpc::ClientContext context;
    v1::DaemonStatus status;
    ASSERT_TRUE(stub->GetStatus(&context, {}, &status).ok());
    ASSERT_EQ(status.groups_size(), 1);
    EXPECT_EQ(status.groups(0).ranks(), 2);
    EXPECT_EQ(status.groups(0).ranks_connected(), 0);
    EXPECT_THAT(status.groups(0).waiting_for(), HasSubstr("rank 0"));
    EXPECT_EQ(status.groups(0).workers_size(), 2);
  }
  {
    grpc::ClientContext context;
    v1::Plan plan;
    ASSERT_TRUE(stub->GetPlan(&context, {}, &plan).ok());
    EXPECT_EQ(plan.state(), "initial");
    EXPECT_EQ(plan.placement().num_slots(), 4);
  }
  {
    grpc::ClientContext context;
    v1::GetPlanRequest request;
    request.mutable_version()->set_sequence(9);
    v1::Plan plan;
    EXPECT_EQ(stub->GetPlan(&context, request, &plan).error_code(), grpc::StatusCode::NOT_FOUND);
  }
}

TEST_F(DaemonTest, ExplainNamesTheRanksItWaitsForAndRefusesUnknownGroups) {
  auto stub = v1::Query::NewStub(channel_);
  v1::Explanation explanation;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub->Explain(&context, v1::ExplainRequest(), &explanation).ok());
  }
  EXPECT_EQ(explanation.ep_group(), "demo");
  EXPECT_EQ(explanation.hold(), "ranks_missing");
  EXPECT_THAT(explanation.missing_ranks(), ElementsAre(0, 1));
  EXPECT_THAT(explanation.silent_ranks(), ElementsAre(0, 1));
  EXPECT_EQ(explanation.solve_every_steps(), 1000);
  EXPECT_EQ(explanation.solve_every_seconds(), 0);
  EXPECT_EQ(explanation.decided().version().sequence(), 0);
  EXPECT_EQ(explanation.decisions_size(), 0);

  grpc::ClientContext context;
  v1::ExplainRequest other;
  other.set_ep_group("prefill");
  const grpc::Status status = stub->Explain(&context, other, &explanation);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("demo"));
}

TEST_F(DaemonTest, HttpAnswersProbesAndMetrics) {
  EXPECT_THAT(daemon_.Http("/livez"), HasSubstr("200 OK"));
  EXPECT_THAT(daemon_.Http("/readyz?verbose"), HasSubstr("[+]workers/demo ok: 0 of 2 connected"));
  EXPECT_THAT(daemon_.Http("/metrics"),
              HasSubstr("ballast_workers{group=\"demo\",state=\"gone\"} 2"));
  EXPECT_THAT(daemon_.Http("/nothing"), HasSubstr("404"));
  const std::string status = daemon_.Http("/api/v1/status?group=demo");
  EXPECT_THAT(status, HasSubstr("200 OK"));
  EXPECT_THAT(status, HasSubstr("application/json"));
  EXPECT_THAT(status, HasSubstr("{\"version\":"));
  EXPECT_THAT(daemon_.Http("/api/v1/status?group=x"), HasSubstr("404 "));
  EXPECT_THAT(daemon_.Http("/api/v1/status?x=x"), HasSubstr("400 "));
}

TEST_F(DaemonTest, ATakenPortIsNamed) {
  Config config = daemon_.config();
  config.grpc_listen = daemon_.Address();
  const absl::Status status = Daemon::Start(config, daemon_.log(), RealClock()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr(config.grpc_listen));
}

TEST_F(DaemonTest, EndsWithOpenSessions) {
  grpc::ClientContext context;
  auto stub = v1::Placement::NewStub(channel_);
  auto session = stub->Session(&context);
  v1::WorkerMessage message;
  EncodeHello(Hello(0), message.mutable_hello());
  session->Write(message);
  v1::DaemonMessage answer;
  ASSERT_TRUE(session->Read(&answer));
  daemon_.End();
  bool said_farewell = false;
  while (session->Read(&answer)) said_farewell = said_farewell || answer.has_go_away();
  EXPECT_TRUE(said_farewell);
  EXPECT_TRUE(session->Finish().ok());
}

}  // namespace
}  // namespace ballast
