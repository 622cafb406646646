// Goal: what a reporter sees of the load service: few credits where it wants few, and none of
// a peer's misbehaviour. Method: a whole daemon in this process, raw gRPC streams against it.

#include "daemon/ingest/load_service.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "ballast/v1/load.grpc.pb.h"
#include "ballast/v1/query.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/load_wire.h"
#include "tests/daemon/fake_group.h"
#include "tests/daemon/in_process_daemon.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;

// Of a group that never gets another plan than its first.
class IdlePublisher final : public PlanPublisher {
 public:
  explicit IdlePublisher(const GroupConfig& group)
      : plan_(std::make_shared<const PlacementPlan>(InitialPlan(group.shape, group.topology))),
        id_(PlanIdOf(group.shape, *plan_)) {}

  RolloutFacts Facts() const override { return {.decided = id_, .decided_plan = plan_}; }
  void Offer(PlanCandidate) override {}
  void Record(SolveRecord, std::string) override {}

 private:
  const std::shared_ptr<const PlacementPlan> plan_;
  const PlanId id_;
};

class LoadServiceTest : public ::testing::Test {
 protected:
  // The stream of one rank, on a connection of its own.
  struct Reporter {
    grpc::ClientContext context;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::Load::Stub> stub;
    std::unique_ptr<grpc::ClientReaderWriter<v1::Counters, v1::Credit>> stream;
    v1::Counters next;

    bool Write() {
      next.set_sequence(next.sequence() + 1);
      next.set_step_last(next.sequence());
      return stream->Write(next);
    }
  };

  std::unique_ptr<Reporter> Connect(int rank, std::uint32_t credit_every) {
    return Connect(rank, credit_every, daemon_.OwnChannel());
  }

  std::unique_ptr<Reporter> Connect(int rank, std::uint32_t credit_every,
                                    std::shared_ptr<grpc::Channel> channel) {
    GroupReport report;
    report.ep_group = "demo";
    report.num_layers = 1;
    report.num_columns = 2;
    report.padding_excluded = true;
    report.credit_every = credit_every;
    report.report.rank = RankId(rank);
    report.report.incarnation = 5;
    report.report.plan = daemon_.initial_plan();
    report.report.step_first = 1;
    report.report.counts = {0, 0};
    auto reporter = std::make_unique<Reporter>();
    EncodeCounters(report, &reporter->next);
    reporter->channel = std::move(channel);
    reporter->stub = v1::Load::NewStub(reporter->channel);
    reporter->stream = reporter->stub->Report(&reporter->context);
    return reporter;
  }

  InProcessDaemon daemon_;
};

TEST_F(LoadServiceTest, AnswersEachReportOfASenderThatDoesNotSayHowOften) {
  const auto reporter = Connect(0, 0);
  for (std::uint64_t sequence : {1, 2, 3}) {
    ASSERT_TRUE(reporter->Write());
    v1::Credit credit;
    ASSERT_TRUE(reporter->stream->Read(&credit));
    EXPECT_EQ(credit.accepted_sequence(), sequence);
  }
}

TEST_F(LoadServiceTest, AnswersTheFirstReportAndThenAsOftenAsWanted) {
  const auto reporter = Connect(0, 4);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(reporter->Write());
  reporter->stream->WritesDone();
  std::vector<std::uint64_t> accepted;
  v1::Credit credit;
  while (reporter->stream->Read(&credit)) accepted.push_back(credit.accepted_sequence());
  EXPECT_TRUE(reporter->stream->Finish().ok());
  EXPECT_THAT(accepted, ::testing::ElementsAre(1, 5, 9));
}

TEST_F(LoadServiceTest, AnswersTheFirstReportUnderAnotherPlanAndEachRefusedOne) {
  const auto reporter = Connect(0, 100);
  v1::Credit credit;
  ASSERT_TRUE(reporter->Write());
  ASSERT_TRUE(reporter->stream->Read(&credit));
  ASSERT_TRUE(reporter->Write());
  reporter->next.mutable_plan()->mutable_version()->set_sequence(9);
  ASSERT_TRUE(reporter->Write());
  ASSERT_TRUE(reporter->stream->Read(&credit));
  // A worker keeps the last counts of the plan before until it hears this.
  EXPECT_EQ(credit.accepted_sequence(), 3);
  reporter->next.set_rank(7);
  ASSERT_TRUE(reporter->Write());
  ASSERT_TRUE(reporter->stream->Read(&credit));
  EXPECT_EQ(credit.reject(), "rank 7 out of [0, 2) of group demo");
  EXPECT_EQ(credit.accepted_sequence(), 3);
  reporter->stream->WritesDone();
  EXPECT_FALSE(reporter->stream->Read(&credit));
}

TEST_F(LoadServiceTest, RefusesCountsOfPaddingNamesTheRankAndShowsItInTheStatus) {
  const auto reporter = Connect(1, 0);
  reporter->next.set_padding_excluded(false);
  v1::Credit credit;
  ASSERT_TRUE(reporter->Write());
  ASSERT_TRUE(reporter->stream->Read(&credit));
  const std::string reason =
      "rank 1: padding_excluded is false: padding and warm-up tokens are no load; leave them out";
  EXPECT_EQ(credit.reject(), reason);
  EXPECT_EQ(credit.accepted_sequence(), 0);
  EXPECT_THAT(daemon_.Http("/metrics"),
              HasSubstr("ballast_reports_total{group=\"demo\",result=\"implausible\"} 1"));
  const auto query = v1::Query::NewStub(reporter->channel);
  grpc::ClientContext context;
  v1::DaemonStatus status;
  ASSERT_TRUE(query->GetStatus(&context, {}, &status).ok());
  EXPECT_EQ(status.groups(0).workers(0).detail(), "");
  EXPECT_THAT(status.groups(0).workers(1).detail(),
              HasSubstr("reports refused (implausible): " + reason));
}

TEST_F(LoadServiceTest, CountsReportsOfTheWrongSize) {
  const auto reporter = Connect(0, 0);
  reporter->next.set_num_columns(1);
  v1::Credit credit;
  ASSERT_TRUE(reporter->Write());
  ASSERT_TRUE(reporter->stream->Read(&credit));
  EXPECT_NE(credit.reject(), "");
  EXPECT_THAT(daemon_.Http("/metrics"),
              HasSubstr("ballast_reports_total{group=\"demo\",result=\"rejected_shape\"} 1"));
}

TEST_F(LoadServiceTest, ThreeRefusedReportsInARowEndTheStream) {
  const auto reporter = Connect(0, 0);
  v1::Credit credit;
  for (const int rank : {7, 7, 0, 7, 7}) {
    reporter->next.set_rank(rank);
    ASSERT_TRUE(reporter->Write());
    ASSERT_TRUE(reporter->stream->Read(&credit));
    EXPECT_EQ(credit.reject().empty(), rank == 0);
  }
  ASSERT_TRUE(reporter->Write());
  ASSERT_FALSE(reporter->stream->Read(&credit));
  const grpc::Status status = reporter->stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "rank 7 out of [0, 2) of group demo");
}

// A control loop without a thread takes nothing of what waits: one rank has room for 64 reports.
TEST_F(LoadServiceTest, TellsTheSenderAtOnceOfAReportThatItDropped) {
  LiveGroupConfig live(daemon_.group());
  IdlePublisher publisher(daemon_.group());
  RecordingObserver observer;
  ControlLoop control(live.current(), publisher, observer, RealClock());
  const GroupDirectory groups({GroupHandle{GroupConfigView(live), &control}});
  const std::unique_ptr<grpc::Service> service = MakeLoadService(groups, daemon_.log());
  grpc::ServerBuilder builder;
  builder.RegisterService(service.get());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto reporter = Connect(0, 1000, server->InProcessChannel({}));
  v1::Credit credit;
  for (int i = 0; i < ReportInbox::kMaxOfOneRank; ++i) ASSERT_TRUE(reporter->Write());
  ASSERT_TRUE(reporter->stream->Read(&credit));
  EXPECT_EQ(credit.accepted_sequence(), 1) << "the first of the stream";
  EXPECT_FALSE(credit.dropped());
  for (int i = 0; i < 2 * kMaxRefusals; ++i) {
    ASSERT_TRUE(reporter->Write());
    ASSERT_TRUE(reporter->stream->Read(&credit)) << "it is no refusal: the stream goes on";
    EXPECT_TRUE(credit.dropped());
    EXPECT_EQ(credit.reject(), "");
    EXPECT_EQ(credit.accepted_sequence(), ReportInbox::kMaxOfOneRank);
  }
  control.RunOnceForTest();
  reporter->next.mutable_plan()->mutable_version()->set_sequence(9);
  ASSERT_TRUE(reporter->Write());
  ASSERT_TRUE(reporter->stream->Read(&credit));
  EXPECT_FALSE(credit.dropped());
  EXPECT_EQ(credit.accepted_sequence(), reporter->next.sequence());
  reporter->stream->WritesDone();
  EXPECT_FALSE(reporter->stream->Read(&credit));
  EXPECT_TRUE(reporter->stream->Finish().ok());
  server->Shutdown();
}

// The stuck peer takes no credits, so that the daemon's writes to it block once its flow
// control window is full. It must not be read any more then, and nobody else may notice.
TEST_F(LoadServiceTest, AReporterThatTakesNoCreditsIsHeldBackAndOthersAreNot) {
  const auto stuck = Connect(0, 1);
  const auto other = Connect(1, 1);
  std::atomic<int> written{0};
  std::thread flood([&] {
    while (stuck->Write()) ++written;
  });
  // The flood has ended when so many round trips of the other saw none of it.
  constexpr int kQuiet = 1000;
  constexpr int kBound = 300000;
  int quiet = 0;
  int seen = 0;
  int round = 0;
  v1::Credit credit;
  const auto answered = [&] { return other->Write() && other->stream->Read(&credit); };
  for (; quiet < kQuiet && round < kBound && answered(); ++round) {
    quiet = written == seen ? quiet + 1 : 0;
    seen = written;
  }
  EXPECT_EQ(quiet, kQuiet) << "the stuck peer was read without end; round " << round;
  // So many at once may be more than one rank's room; what counts is that they are taken.
  round = 0;
  do {
    ASSERT_TRUE(answered());
    EXPECT_EQ(credit.reject(), "");
  } while (credit.accepted_sequence() != other->next.sequence() && ++round < kBound);
  EXPECT_LT(round, kBound);
  stuck->context.TryCancel();
  flood.join();
  while (stuck->stream->Read(&credit)) {
  }
  EXPECT_EQ(stuck->stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace ballast
