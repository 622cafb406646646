// What a session does when the other end fails: restarts, stale and silent daemons,
// peers that stop reading, and its own end in each of these states.

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/simulated_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/load_wire.h"
#include "proto/wire/placement_wire.h"
#include "tests/client/session_fixture.h"

namespace ballast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

bool IsNewPlan(const v1::Counters& report) { return report.plan().version().sequence() != 0; }

TEST(SessionConnectionTest, ComesBackAfterARestartAndShowsThePlanItHolds) {
  auto daemon = std::make_unique<FakeDaemon>();
  TestWorker worker(daemon->address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  const PlanId id = PlanIdOf(SmallShape(), plan);
  ASSERT_TRUE(daemon->SendPrepare(PrepareOf(plan, 1)));
  daemon->AwaitAnswer(1, v1::WORKER_PHASE_PREPARED);
  ASSERT_TRUE(daemon->SendCommit(OrderOf(plan, 2)));
  daemon->AwaitAnswer(2, v1::WORKER_PHASE_HELD);
  FakeDaemon::Options again;
  again.port = daemon->port();
  again.term = 2;
  const std::uint64_t incarnation = daemon->log().hellos[0].incarnation();
  daemon.reset();

  // The vote of a held plan needs no daemon.
  EXPECT_EQ(worker.session->Vote(), MakeVote(worker.session->Vote().low));
  FakeDaemon restarted(again);
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected, 2));
  const auto hello = DecodeHello(restarted.log().hellos[0]);
  ASSERT_TRUE(hello.ok()) << hello.status();
  EXPECT_EQ(hello->state.incarnation, incarnation);
  EXPECT_EQ(hello->state.active, InitialId());
  EXPECT_EQ(hello->state.held, id);
  EXPECT_TRUE(hello->state.held_is_committed);
  EXPECT_EQ(hello->state.highest_term_seen, 1u);

  // The same orders again load nothing twice.
  PrepareOrder prepare = PrepareOf(plan, 7);
  prepare.term = 2;
  ASSERT_TRUE(restarted.SendPrepare(prepare));
  EXPECT_EQ(restarted.AwaitAnswer(7, v1::WORKER_PHASE_HELD).nonce(), 7u);
  StepOf({worker.session.get()}, 1);
  EXPECT_TRUE(StepOf({worker.session.get()}, 2));
  EXPECT_EQ(restarted.AwaitAnswer(7, v1::WORKER_PHASE_ACTIVE).step(), 2u);
  EXPECT_THAT(worker.loader.calls(), ElementsAre("stage 1", "activate 1"));
}

TEST(SessionConnectionTest, SwitchesWhileTheDaemonIsGone) {
  auto daemon = std::make_unique<FakeDaemon>();
  TestWorker worker(daemon->address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  ASSERT_TRUE(daemon->SendPrepare(PrepareOf(plan, 1)));
  daemon->AwaitAnswer(1, v1::WORKER_PHASE_PREPARED);
  ASSERT_TRUE(daemon->SendCommit(OrderOf(plan, 2)));
  daemon->AwaitAnswer(2, v1::WORKER_PHASE_HELD);
  FakeDaemon::Options again;
  again.port = daemon->port();
  daemon.reset();
  StepOf({worker.session.get()}, 1);
  EXPECT_TRUE(StepOf({worker.session.get()}, 2));

  // The last report of the old plan, which no daemon has seen, comes first.
  FakeDaemon restarted(again);
  ASSERT_TRUE(restarted.Await([](const FakeDaemon::Log& log) {
    return !log.reports.empty() && IsNewPlan(log.reports.back());
  }));
  const auto reports = restarted.log().reports;
  GroupReport first;
  ASSERT_TRUE(DecodeCounters(reports[0], &first).ok());
  EXPECT_EQ(first.report.plan, InitialId());
  EXPECT_EQ(first.report.step_last, 1u);
  EXPECT_EQ(*DecodePlanId(restarted.log().hellos[0].active()), PlanIdOf(SmallShape(), plan));
}

TEST(SessionConnectionTest, DoesNotRepeatALastReportThatWasAcknowledged) {
  auto daemon = std::make_unique<FakeDaemon>();
  TestWorker worker(daemon->address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  ASSERT_TRUE(daemon->SendPrepare(PrepareOf(plan, 1)));
  daemon->AwaitAnswer(1, v1::WORKER_PHASE_PREPARED);
  ASSERT_TRUE(daemon->SendCommit(OrderOf(plan, 2)));
  daemon->AwaitAnswer(2, v1::WORKER_PHASE_HELD);
  StepOf({worker.session.get()}, 1);
  ASSERT_TRUE(StepOf({worker.session.get()}, 2));
  ASSERT_TRUE(daemon->Await([](const FakeDaemon::Log& log) {
    return std::count_if(log.reports.begin(), log.reports.end(), IsNewPlan) >= 5;
  }));
  FakeDaemon::Options again;
  again.port = daemon->port();
  daemon.reset();
  FakeDaemon restarted(again);
  ASSERT_TRUE(restarted.Await([](const FakeDaemon::Log& log) { return !log.reports.empty(); }));
  EXPECT_TRUE(IsNewPlan(restarted.log().reports[0]));
}

TEST(SessionConnectionTest, ShowsNoPlanThatItIsStillLoading) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.loader.Block();
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 1), 1)));
  ASSERT_TRUE(worker.loader.AwaitCall("stage 1", kPatience));
  v1::DaemonMessage unreadable;
  unreadable.mutable_commit()->set_nonce(1);
  ASSERT_TRUE(daemon.Send(unreadable));
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected, 2));
  EXPECT_FALSE(daemon.log().hellos[1].has_held());
  // The load has gone on, and a second order for the plan takes it over.
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 1), 7)));
  worker.loader.Release();
  EXPECT_EQ(daemon.AwaitAnswer(7, v1::WORKER_PHASE_PREPARED).nonce(), 7u);
  EXPECT_THAT(worker.loader.calls(), ElementsAre("stage 1"));
}

TEST(SessionConnectionTest, NumbersReportsOnAcrossSessions) {
  auto daemon = std::make_unique<FakeDaemon>();
  TestWorker worker(daemon->address());
  worker.Start();
  StepOf({worker.session.get()}, 1);
  ASSERT_TRUE(daemon->Await([](const FakeDaemon::Log& log) { return log.reports.size() >= 3; }));
  FakeDaemon::Options again;
  again.port = daemon->port();
  daemon->Stop();
  const std::uint64_t before = daemon->log().reports.back().sequence();
  FakeDaemon restarted(again);
  ASSERT_TRUE(restarted.Await([](const FakeDaemon::Log& log) { return !log.reports.empty(); }));
  EXPECT_GT(restarted.log().reports[0].sequence(), before);
}

TEST(SessionConnectionTest, DoesNotObeyADaemonOfAnOlderTerm) {
  FakeDaemon::Options options;
  options.term = 9;
  auto daemon = std::make_unique<FakeDaemon>(options);
  TestWorker worker(daemon->address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  options.port = daemon->port();
  options.term = 8;
  daemon.reset();
  FakeDaemon old(options);
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kStaleDaemon));
  EXPECT_THAT(worker.events.detail(WorkerEvent::Kind::kStaleDaemon),
              HasSubstr("daemon of term 8, term 9 was seen before"));
  EXPECT_TRUE(old.Await([](const FakeDaemon::Log& log) { return log.sessions_ended >= 1; }));
  EXPECT_EQ(worker.events.count(WorkerEvent::Kind::kConnected), 1);
  // It tries again.
  EXPECT_TRUE(worker.events.Await(WorkerEvent::Kind::kStaleDaemon, 2));
}

TEST(SessionConnectionTest, SaysWhyAHelloWasRefused) {
  FakeDaemon::Options options;
  options.refuses = grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "rank 1: 3 slots, not 4");
  FakeDaemon daemon(options);
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kHelloRefused, 2));
  EXPECT_EQ(worker.events.detail(WorkerEvent::Kind::kHelloRefused), "rank 1: 3 slots, not 4");
  EXPECT_EQ(worker.session->status().last_error, "rank 1: 3 slots, not 4");
}

TEST(SessionConnectionTest, LeavesADaemonThatDoesNotWelcomeIt) {
  FakeDaemon::Options options;
  options.says_welcome = false;
  FakeDaemon daemon(options);
  TestWorker worker(daemon.address());
  worker.options.welcome_timeout = absl::Milliseconds(30);
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kDisconnected, 2));
  EXPECT_THAT(worker.events.detail(WorkerEvent::Kind::kDisconnected),
              HasSubstr("no Welcome within 30ms"));
}

TEST(SessionConnectionTest, EndsASessionOnAMessageItCanNotRead) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  v1::DaemonMessage message;
  message.mutable_commit()->set_nonce(1);
  ASSERT_TRUE(daemon.Send(message));
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kMalformedMessage));
  EXPECT_EQ(worker.events.detail(WorkerEvent::Kind::kMalformedMessage), "Commit.plan: missing");
  EXPECT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected, 2));
}

TEST(SessionConnectionTest, SkipsWordsItDoesNotKnow) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  ASSERT_TRUE(daemon.Send(v1::DaemonMessage()));
  v1::DaemonMessage resync;
  resync.mutable_resync()->set_reason("test");
  ASSERT_TRUE(daemon.Send(resync));
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 1), 5)));
  EXPECT_EQ(daemon.AwaitAnswer(5, v1::WORKER_PHASE_PREPARED).nonce(), 5u);
  EXPECT_EQ(worker.session->status().connects, 1u);
}

TEST(SessionConnectionTest, FollowsTheHintOfADaemonThatGoesAway) {
  FakeDaemon leader;
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  v1::DaemonMessage message;
  EncodeGoAway({"not the leader", absl::Milliseconds(1), leader.address()},
               message.mutable_go_away());
  ASSERT_TRUE(daemon.Send(message));
  EXPECT_TRUE(leader.Await([](const FakeDaemon::Log& log) { return log.hellos.size() == 1; }));
}

TEST(SessionConnectionTest, StaysAwayAsLongAsTheDaemonAsks) {
  FakeDaemon daemon;
  SimulatedClock clock;
  TestWorker worker(daemon.address(), RankId(0));
  worker.options.clock = &clock;
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  v1::DaemonMessage message;
  EncodeGoAway({"drain", absl::Minutes(10), ""}, message.mutable_go_away());
  ASSERT_TRUE(daemon.Send(message));
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kDisconnected));
  clock.Advance(absl::Minutes(9));
  // Another worker comes, goes and comes again meanwhile.
  for (int i = 0; i < 2; ++i) {
    TestWorker other(daemon.address(), RankId(2));
    other.Start();
    ASSERT_TRUE(other.events.Await(WorkerEvent::Kind::kConnected));
  }
  EXPECT_EQ(daemon.log().hellos.size(), 3u);
  // All of its workers were asked at once; up to half of the wait spreads them.
  clock.Advance(absl::Minutes(7));
  EXPECT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected, 2));
}

TEST(SessionConnectionTest, ReportsALoadReportThatWasRejectedByACredit) {
  FakeDaemon::Options options;
  options.accepts_reports = false;
  FakeDaemon daemon(options);
  TestWorker worker(daemon.address());
  worker.Start();
  StepOf({worker.session.get()}, 1);
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kReportRejected));
  EXPECT_EQ(worker.events.detail(WorkerEvent::Kind::kReportRejected), "not wanted");
}

TEST(SessionConnectionTest, OpensALoadStreamAnewWithoutEndingTheSession) {
  FakeDaemon::Options options;
  options.ends_load_streams = true;
  FakeDaemon daemon(options);
  TestWorker worker(daemon.address());
  worker.Start();
  StepOf({worker.session.get()}, 1);
  ASSERT_TRUE(daemon.Await([](const FakeDaemon::Log& log) { return log.reports.size() >= 3; }));
  EXPECT_EQ(worker.session->status().connects, 1u);
  EXPECT_TRUE(worker.session->status().connected);
}

TEST(SessionConnectionTest, NeverHoldsTheEngineWhileADaemonHasStoppedReading) {
  FakeDaemon::Options options;
  options.reads_after_hello = false;
  options.reads_reports = false;
  options.heartbeat_period = absl::Milliseconds(10);
  options.report_period = absl::Milliseconds(10);
  FakeDaemon daemon(options);
  // Large reports fill the window of the stream soon.
  TestWorker worker(daemon.address());
  worker.options.shape = {64, 4096, 1, 2, 0};
  const Topology topology = *Topology::Uniform(1, 1, 4096);
  worker.options.rank = RankId(0);
  auto session = WorkerSession::Create(worker.options, topology, worker.loader);
  ASSERT_TRUE(session.ok()) << session.status();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  (*session)->BeginStep(0);
  (*session)->EndStep(0);
  while ((*session)->status().reports_sent == 0) std::this_thread::yield();
  // Steps go on, whatever the stream does: they would not if one of them waited for it.
  for (std::uint64_t step = 1; step <= 1'000; ++step) {
    (*session)->BeginStep(step);
    (*session)->OnVote((*session)->Vote());
    (*session)->EndStep(step);
  }
  EXPECT_EQ((*session)->status().step, 1'000u);
  // Two fill the transport, one is in flight; no more are queued behind.
  EXPECT_LE((*session)->status().reports_sent, 3u);
  session->reset();
}

// Destruction, in each state that a session can be in. A test that hangs fails.

TEST(SessionEndTest, EndsAtOnceAfterItsStart) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  worker.session.reset();
}

TEST(SessionEndTest, EndsWhileNobodyListens) {
  TestWorker worker("127.0.0.1:1");
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kDisconnected));
  worker.session.reset();
}

TEST(SessionEndTest, EndsWhileItWaitsForALongTimeToTryAgain) {
  TestWorker worker("127.0.0.1:1");
  worker.options.reconnect_base = absl::Hours(10);
  worker.options.reconnect_cap = absl::Hours(10);
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kDisconnected));
  worker.session.reset();
}

TEST(SessionEndTest, EndsWhileItWaitsForAWelcome) {
  FakeDaemon::Options options;
  options.says_welcome = false;
  FakeDaemon daemon(options);
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(daemon.Await([](const FakeDaemon::Log& log) { return !log.hellos.empty(); }));
  worker.session.reset();
}

TEST(SessionEndTest, EndsWhileItIsConnected) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  worker.session.reset();
  EXPECT_TRUE(daemon.Await([](const FakeDaemon::Log& log) { return log.sessions_ended == 1; }));
}

TEST(SessionEndTest, EndsWhileTheDaemonHasStoppedReading) {
  FakeDaemon::Options options;
  options.reads_after_hello = false;
  options.reads_reports = false;
  FakeDaemon daemon(options);
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  StepOf({worker.session.get()}, 1);
  worker.session.reset();
}

TEST(SessionEndTest, EndsWhileALoadIsUnderWay) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.loader.Block();
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 1), 1)));
  ASSERT_TRUE(worker.loader.AwaitCall("stage 1", kPatience));
  worker.session.reset();
  EXPECT_THAT(worker.loader.calls(), ElementsAre("stage 1", "drop 1"));
}

TEST(SessionEndTest, EndsWithAHeldPlanAndDropsIt) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(plan, 1)));
  daemon.AwaitAnswer(1, v1::WORKER_PHASE_PREPARED);
  ASSERT_TRUE(daemon.SendCommit(OrderOf(plan, 2)));
  daemon.AwaitAnswer(2, v1::WORKER_PHASE_HELD);
  worker.session.reset();
  EXPECT_THAT(worker.loader.calls(), ElementsAre("stage 1", "drop 1"));
}

TEST(SessionEndTest, DoesNotDropAPlanThatBecameActiveInTheLastMoment) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(plan, 1)));
  daemon.AwaitAnswer(1, v1::WORKER_PHASE_PREPARED);
  ASSERT_TRUE(daemon.SendCommit(OrderOf(plan, 2)));
  daemon.AwaitAnswer(2, v1::WORKER_PHASE_HELD);
  StepOf({worker.session.get()}, 1);
  ASSERT_TRUE(StepOf({worker.session.get()}, 2));
  worker.session.reset();
  EXPECT_THAT(worker.loader.calls(), ElementsAre("stage 1", "activate 1", "retire 1"));
}

TEST(SessionEndTest, EndsManySessionsThatStartAtOnce) {
  FakeDaemon daemon;
  std::vector<std::unique_ptr<TestWorker>> workers;
  for (int i = 0; i < 16; ++i) {
    workers.push_back(std::make_unique<TestWorker>(daemon.address(), RankId(i % 4)));
    workers.back()->Start();
  }
  ASSERT_TRUE(daemon.Await([](const FakeDaemon::Log& log) { return log.hellos.size() >= 16; }));
}

}  // namespace
}  // namespace ballast
