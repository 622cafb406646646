// The path of a plan through a session, against a daemon without a mind over real gRPC.

#include <string>
#include <vector>

#include "core/base/fingerprint.h"
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

TEST(SessionSwitchTest, SaysInItsHelloWhatItIsAndRuns) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address(), RankId(2));
  worker.options.counter_bits = 32;
  worker.options.spare_slots = 5;
  worker.options.model_fingerprint = 77;
  worker.options.membership_gen = 4;
  worker.Start();
  ASSERT_TRUE(daemon.Await([](const FakeDaemon::Log& log) { return log.hellos.size() == 1; }));
  const auto hello = DecodeHello(daemon.log().hellos[0]);
  ASSERT_TRUE(hello.ok()) << hello.status();
  EXPECT_EQ(hello->ep_group, "main");
  EXPECT_EQ(hello->state.rank, RankId(2));
  EXPECT_NE(hello->state.incarnation, 0u);
  EXPECT_EQ(hello->state.active, InitialId());
  EXPECT_FALSE(hello->state.held.has_value());
  EXPECT_EQ(hello->state.highest_term_seen, 0u);
  EXPECT_EQ(hello->shape, SmallShape());
  EXPECT_EQ(hello->row, RowId(1));
  EXPECT_EQ(hello->relative_speed, 1.0);
  EXPECT_EQ(hello->num_slots, 3);
  EXPECT_EQ(hello->spare_slots, 5);
  EXPECT_EQ(hello->counter_bits, 32);
  EXPECT_EQ(hello->world_size, 4);
  EXPECT_EQ(hello->model_fingerprint, 77u);
  EXPECT_EQ(hello->membership_gen, 4u);
  EXPECT_EQ(hello->topology_fingerprint, worker.topology.fingerprint());
  EXPECT_THAT(hello->modes, ElementsAre(ActivationMode::kInBand));
}

TEST(SessionSwitchTest, BringsAPlanFromPrepareToActiveOnAllRanksAtOneStep) {
  FakeDaemon daemon_a;
  FakeDaemon daemon_b;
  TestWorker a(daemon_a.address(), RankId(0));
  TestWorker b(daemon_b.address(), RankId(1));
  a.Start();
  b.Start();
  ASSERT_TRUE(a.events.Await(WorkerEvent::Kind::kConnected));
  ASSERT_TRUE(b.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), a.topology, 1);
  const PlanId id = PlanIdOf(SmallShape(), plan);
  const std::vector<WorkerSession*> ranks = {a.session.get(), b.session.get()};

  for (FakeDaemon* daemon : {&daemon_a, &daemon_b}) {
    ASSERT_TRUE(daemon->SendPrepare(PrepareOf(plan, 11)));
    EXPECT_EQ(daemon->AwaitAnswer(11, v1::WORKER_PHASE_PREPARED).nonce(), 11u);
  }
  EXPECT_FALSE(StepOf(ranks, 1));
  ASSERT_TRUE(daemon_a.SendCommit(OrderOf(plan, 12)));
  EXPECT_EQ(daemon_a.AwaitAnswer(12, v1::WORKER_PHASE_HELD).nonce(), 12u);
  // One rank alone holds it: nobody switches.
  EXPECT_FALSE(StepOf(ranks, 2));
  EXPECT_FALSE(StepOf(ranks, 3));
  EXPECT_EQ(a.session->active(), InitialId());
  ASSERT_TRUE(daemon_b.SendCommit(OrderOf(plan, 12)));
  EXPECT_EQ(daemon_b.AwaitAnswer(12, v1::WORKER_PHASE_HELD).nonce(), 12u);
  EXPECT_FALSE(StepOf(ranks, 4));
  EXPECT_EQ(a.session->active(), InitialId());
  EXPECT_TRUE(StepOf(ranks, 5));

  for (TestWorker* worker : {&a, &b}) {
    EXPECT_EQ(worker->session->active(), id);
    EXPECT_EQ(worker->session->active_digest_prefix(), DigestPrefix(id.digest));
    EXPECT_EQ(*worker->session->active_plan(), plan);
    EXPECT_EQ(worker->session->router().table().id(), id);
    EXPECT_EQ(worker->loader.slots(), worker->loader.OwnExperts(plan));
    EXPECT_EQ(worker->session->status().plans_activated, 1u);
    EXPECT_EQ(worker->session->status().moved_slots, 6u);
    EXPECT_TRUE(worker->events.Await(WorkerEvent::Kind::kPlanActivated));
  }
  EXPECT_EQ(daemon_a.AwaitAnswer(12, v1::WORKER_PHASE_ACTIVE).step(), 5u);
  ASSERT_TRUE(daemon_a.SendRetire(OrderOf(plan, 13)));
  EXPECT_EQ(daemon_a.AwaitAnswer(13, v1::WORKER_PHASE_RETIRED).nonce(), 13u);
  EXPECT_TRUE(a.loader.AwaitCall("retire 1", kPatience));
  EXPECT_THAT(a.loader.calls(), ElementsAre("stage 1", "activate 1", "retire 1"));
}

struct NackCase {
  const char* name;
  std::function<void(PrepareOrder&)> spoil;
  v1::NackCode code;
  const char* says;
};

class SessionNackTest : public testing::TestWithParam<NackCase> {};

TEST_P(SessionNackTest, RefusesAPlanItCanNotServeAndGoesOn) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  PrepareOrder order = PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 1), 21);
  GetParam().spoil(order);
  ASSERT_TRUE(daemon.SendPrepare(order));
  const v1::Status answer = daemon.AwaitAnswer(21, v1::WORKER_PHASE_NACK);
  EXPECT_EQ(answer.nack().code(), GetParam().code);
  EXPECT_THAT(answer.nack().detail(), HasSubstr(GetParam().says));
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kPlanNacked));
  EXPECT_EQ(worker.session->status().plans_nacked, 1u);
  EXPECT_TRUE(worker.loader.calls().empty());
  // The session lives, and a sound plan is taken.
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 2), 22)));
  EXPECT_EQ(daemon.AwaitAnswer(22, v1::WORKER_PHASE_PREPARED).nonce(), 22u);
  EXPECT_EQ(worker.session->status().connects, 1u);
}

const NackCase kNackCases[] = {
    {"Digest", [](PrepareOrder& order) { order.plan.digest[5] ^= 1; },
     v1::NACK_CODE_DIGEST_MISMATCH, "plan is named"},
    {"Layers",
     [](PrepareOrder& order) {
       order.placement->expert_in_slot.resize(12);
       order.placement->share.resize(12);
     },
     v1::NACK_CODE_SHAPE_MISMATCH, "plan has 12 slots"},
    {"Expert", [](PrepareOrder& order) { order.placement->expert_in_slot[0] = ExpertId(9); },
     v1::NACK_CODE_SHAPE_MISMATCH, "layer 0, slot 0: expert 9 out of [0, 4)"},
    {"Topology", [](PrepareOrder& order) { ++order.placement->topology_fingerprint; },
     v1::NACK_CODE_MEMBERSHIP_MISMATCH, "plan is for topology"},
    {"Membership", [](PrepareOrder& order) { order.membership_gen = 3; },
     v1::NACK_CODE_MEMBERSHIP_MISMATCH, "plan is for membership 3, worker has 0"},
    {"Base", [](PrepareOrder& order) { order.base.digest[0] ^= 1; }, v1::NACK_CODE_BASE_MISMATCH,
     "active"},
    {"Term", [](PrepareOrder& order) { order.term = 0; }, v1::NACK_CODE_EPOCH_STALE, "term 0"},
};
INSTANTIATE_TEST_SUITE_P(All, SessionNackTest, testing::ValuesIn(kNackCases),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(SessionSwitchTest, RefusesAPlanThatNeedsMoreSpareSlotsThanThereAre) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.options.spare_slots = 1;
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  PlacementPlan plan = InitialPlan(SmallShape(), worker.topology);
  plan.version = {1, 1};
  // Rank 1 has slots 3 .. 5 with experts 3, 0, 1; it shall get 2 twice.
  std::swap(plan.expert_in_slot[3], plan.expert_in_slot[2]);
  std::swap(plan.expert_in_slot[5], plan.expert_in_slot[6]);
  SetEqualShares(SmallShape(), plan);
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(plan, 31)));
  const v1::Status answer = daemon.AwaitAnswer(31, v1::WORKER_PHASE_NACK);
  EXPECT_EQ(answer.nack().code(), v1::NACK_CODE_NO_MEMORY);
  EXPECT_EQ(answer.nack().detail(), "a layer needs 2 spare slots, rank 1 has 1");
  EXPECT_TRUE(worker.loader.calls().empty());
}

// The weights lie where the plan of the peers says, or with nobody: never where the own
// old plan says.
TEST(SessionSwitchTest, LooksForWeightsByThePlanThatItsPeersRun) {
  for (const bool peers_run_plan : {false, true}) {
    FakeDaemon daemon;
    TestWorker worker(daemon.address());
    worker.Start();
    ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
    const PlacementPlan old = InitialPlan(SmallShape(), worker.topology);
    const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1, 2);
    PrepareOrder order = PrepareOf(plan, 51);
    order.peers_run_plan = peers_run_plan;
    ASSERT_TRUE(daemon.SendPrepare(order));
    daemon.AwaitAnswer(51, v1::WORKER_PHASE_PREPARED);
    int remote = 0;
    for (const SlotMove& move : worker.loader.moves()) {
      if (move.source_rank == RankId(1) || !move.source.valid()) continue;
      ++remote;
      const PlacementPlan& holds = peers_run_plan ? plan : old;
      EXPECT_EQ(holds.experts(move.layer)[move.source.value], move.expert);
    }
    EXPECT_GT(remote, 0);
  }
}

TEST(SessionMembershipTest, TakesPlansOfTheGenerationThatTheDaemonTellsOf) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  PrepareOrder order = PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 1), 61);
  order.membership_gen = 3;
  ASSERT_TRUE(daemon.SendPrepare(order));
  const v1::Status refused = daemon.AwaitAnswer(61, v1::WORKER_PHASE_NACK);
  EXPECT_EQ(refused.nack().code(), v1::NACK_CODE_MEMBERSHIP_MISMATCH);
  v1::DaemonMessage message;
  EncodeBookmark({InitialId(), 1, 3}, message.mutable_bookmark());
  ASSERT_TRUE(daemon.Send(message));
  order.nonce = 62;
  ASSERT_TRUE(daemon.SendPrepare(order));
  daemon.AwaitAnswer(62, v1::WORKER_PHASE_PREPARED);
  EXPECT_EQ(worker.session->status().membership_gen, 3u);
}

TEST(SessionMembershipTest, LeavesOnceTheDaemonHasTakenItsGoodbyeAndDoesNotComeBack) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  EXPECT_FALSE(worker.session->Leave("node 7 is repaired", absl::Milliseconds(1)));
  EXPECT_EQ(daemon.AwaitGoodbye(), "node 7 is repaired");
  DaemonGoAway go_away;
  go_away.reason = "rank 1 has left the group";
  go_away.for_good = true;
  v1::DaemonMessage message;
  EncodeGoAway(go_away, message.mutable_go_away());
  ASSERT_TRUE(daemon.Send(message));
  EXPECT_TRUE(worker.session->Leave("node 7 is repaired", kPatience));
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kLeft));
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kDisconnected));
  EXPECT_EQ(worker.events.count(WorkerEvent::Kind::kLeft), 1);
  // Serving goes on as long as the engine likes.
  for (std::uint64_t step = 1; step <= 20; ++step) StepOf({worker.session.get()}, step);
  EXPECT_EQ(worker.events.count(WorkerEvent::Kind::kConnected), 1);
  EXPECT_FALSE(worker.session->status().connected);
}

TEST(SessionSwitchTest, PassesOnWhyTheLoaderFailed) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.loader.FailWith(Nack{NackCode::kWeightSourceMissing, "layer 1: rank 3 is gone"});
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 1), 41)));
  const v1::Status answer = daemon.AwaitAnswer(41, v1::WORKER_PHASE_NACK);
  EXPECT_EQ(answer.nack().code(), v1::NACK_CODE_WEIGHT_SOURCE_MISSING);
  EXPECT_EQ(answer.nack().detail(), "layer 1: rank 3 is gone");
  EXPECT_TRUE(worker.loader.AwaitCall("drop 1", kPatience));
}

TEST(SessionSwitchTest, ReportsProgressWhileItLoadsAndStopsOnAbort) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.loader.Block();
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(plan, 51)));
  EXPECT_TRUE(daemon.Await([](const FakeDaemon::Log& log) {
    return !log.answers.empty() && log.answers.back().progress_bytes() == 100;
  }));
  EXPECT_EQ(daemon.log().answers.back().phase(), v1::WORKER_PHASE_RECEIVED);
  ASSERT_TRUE(daemon.SendAbort(OrderOf(plan, 52)));
  EXPECT_EQ(daemon.AwaitAnswer(52, v1::WORKER_PHASE_ABORTED).nonce(), 52u);
  EXPECT_TRUE(worker.loader.AwaitCall("drop 1", kPatience));
  EXPECT_EQ(worker.session->status().state, ParticipantState::kActive);
}

TEST(SessionSwitchTest, ReportsProgressUnderTheNewestPrepareOfAPlan) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.loader.Block();
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(plan, 51)));
  ASSERT_TRUE(worker.loader.AwaitCall("stage 1", kPatience));
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(plan, 52)));
  // A message that is answered at once shows that the one before has been read.
  ASSERT_TRUE(daemon.SendRetire(OrderOf(plan, 53)));
  ASSERT_EQ(daemon.AwaitAnswer(53, v1::WORKER_PHASE_NACK).nonce(), 53u);
  worker.loader.Progress(11);
  EXPECT_TRUE(daemon.Await([](const FakeDaemon::Log& log) {
    return log.answers.back().progress_bytes() == 111 && log.answers.back().nonce() == 52;
  }));
  worker.loader.Release();
  EXPECT_EQ(daemon.AwaitAnswer(52, v1::WORKER_PHASE_PREPARED).nonce(), 52u);
  EXPECT_THAT(worker.loader.calls(), ElementsAre("stage 1"));
}

TEST(SessionSwitchTest, ReportsAsOftenAsACreditAsks) {
  FakeDaemon::Options options;
  options.report_period = absl::Hours(1);
  options.credit_period = absl::Milliseconds(10);
  FakeDaemon daemon(options);
  TestWorker worker(daemon.address());
  worker.Start();
  StepOf({worker.session.get()}, 1);
  EXPECT_TRUE(daemon.Await([](const FakeDaemon::Log& log) { return log.reports.size() >= 3; }));
}

TEST(SessionSwitchTest, LetsTheNewestPlanWin) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.loader.Block();
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 1), 61)));
  ASSERT_TRUE(worker.loader.AwaitCall("stage 1", kPatience));
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(ShiftedPlan(SmallShape(), worker.topology, 2, 2), 62)));
  ASSERT_TRUE(worker.loader.AwaitCall("stage 2", kPatience));
  worker.loader.Release();
  EXPECT_EQ(daemon.AwaitAnswer(62, v1::WORKER_PHASE_PREPARED).nonce(), 62u);
  EXPECT_THAT(worker.loader.calls(), ElementsAre("stage 1", "drop 1", "stage 2"));
}

TEST(SessionSwitchTest, TellsOfRanksThatHoldDifferentPlans) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(plan, 71)));
  daemon.AwaitAnswer(71, v1::WORKER_PHASE_PREPARED);
  ASSERT_TRUE(daemon.SendCommit(OrderOf(plan, 72)));
  daemon.AwaitAnswer(72, v1::WORKER_PHASE_HELD);
  worker.session->BeginStep(1);
  EXPECT_EQ(worker.session->OnVote(ReduceVotes(worker.session->Vote(), MakeVote(12345))),
            VoteResult::kDisagreed);
  EXPECT_TRUE(worker.events.Await(WorkerEvent::Kind::kDigestDisagreement));
  EXPECT_TRUE(daemon.Await([](const FakeDaemon::Log& log) {
    return !log.heartbeats.empty() && log.heartbeats.back().digest_disagreements() == 1;
  }));
  EXPECT_FALSE(worker.session->BeginStep(2));
}

TEST(SessionSwitchTest, TellsOfADisagreementThatStandsOnceASecond) {
  FakeDaemon daemon;
  SimulatedClock clock;
  TestWorker worker(daemon.address());
  worker.options.clock = &clock;
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(plan, 73)));
  daemon.AwaitAnswer(73, v1::WORKER_PHASE_PREPARED);
  ASSERT_TRUE(daemon.SendCommit(OrderOf(plan, 74)));
  daemon.AwaitAnswer(74, v1::WORKER_PHASE_HELD);
  const auto disagree = [&](std::uint64_t step) {
    worker.session->BeginStep(step);
    EXPECT_EQ(worker.session->OnVote(ReduceVotes(worker.session->Vote(), MakeVote(12345))),
              VoteResult::kDisagreed);
  };
  disagree(1);
  EXPECT_TRUE(worker.events.Await(WorkerEvent::Kind::kDigestDisagreement));
  for (std::uint64_t step = 2; step <= 50; ++step) disagree(step);
  clock.Advance(absl::Milliseconds(500));
  EXPECT_TRUE(daemon.Await([](const FakeDaemon::Log& log) {
    return !log.heartbeats.empty() && log.heartbeats.back().digest_disagreements() == 50;
  }));
  EXPECT_EQ(worker.events.count(WorkerEvent::Kind::kDigestDisagreement), 1);
  clock.Advance(absl::Milliseconds(600));
  EXPECT_TRUE(worker.events.Await(WorkerEvent::Kind::kDigestDisagreement, 2));
  EXPECT_EQ(worker.events.detail(WorkerEvent::Kind::kDigestDisagreement), "50 votes so far");
}

TEST(SessionSwitchTest, BeatsWithItsStepAndActivePlan) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  StepOf({worker.session.get()}, 17);
  EXPECT_TRUE(daemon.Await([](const FakeDaemon::Log& log) {
    return log.heartbeats.size() >= 3 && log.heartbeats.back().step() == 17;
  }));
  EXPECT_EQ(*DecodePlanId(daemon.log().heartbeats.back().active()), InitialId());
}

TEST(SessionSwitchTest, ReportsWhatTheEngineCounted) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.options.counter_bits = 32;
  worker.Start();
  StepOf({worker.session.get()}, 5);
  ASSERT_TRUE(daemon.Await([](const FakeDaemon::Log& log) { return log.reports.size() >= 2; }));
  const auto log = daemon.log();
  GroupReport first;
  GroupReport second;
  ASSERT_TRUE(DecodeCounters(log.reports[0], &first).ok());
  ASSERT_TRUE(DecodeCounters(log.reports[1], &second).ok());
  EXPECT_EQ(first.ep_group, "main");
  EXPECT_EQ(first.num_layers, 2);
  EXPECT_EQ(first.num_columns, 3);
  EXPECT_TRUE(first.padding_excluded);
  EXPECT_EQ(first.report.rank, RankId(1));
  EXPECT_EQ(first.report.incarnation, worker.session->status().incarnation);
  EXPECT_EQ(first.report.form, ReportForm::kSlot);
  EXPECT_EQ(first.report.counter_bits, 32);
  EXPECT_EQ(first.report.plan, InitialId());
  EXPECT_EQ(first.report.step_first, 5u);
  EXPECT_EQ(first.report.step_last, 5u);
  EXPECT_EQ(first.report.counts, (std::vector<std::uint64_t>{3, 0, 0, 0, 0, 0}));
  EXPECT_EQ(first.report.sequence, 1u);
  EXPECT_EQ(second.report.sequence, 2u);
}

TEST(SessionSwitchTest, ReportsPicksSentPerExpertWhereThatIsAskedFor) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.options.report_form = ReportForm::kExpert;
  worker.Start();
  const int last_expert = SmallShape().num_experts - 1;
  worker.session->BeginStep(5);
  worker.session->counters().Add(LayerId(1), last_expert, 7);
  worker.session->counters().AddTokens(3);
  worker.session->EndStep(5);
  ASSERT_TRUE(daemon.Await([](const FakeDaemon::Log& log) { return !log.reports.empty(); }));
  GroupReport report;
  ASSERT_TRUE(DecodeCounters(daemon.log().reports[0], &report).ok());
  EXPECT_EQ(report.report.form, ReportForm::kExpert);
  EXPECT_EQ(report.num_columns, SmallShape().num_experts);
  EXPECT_EQ(report.report.counts.back(), 7);
  EXPECT_EQ(report.report.tokens, 3);
  EXPECT_EQ(report.credit_every, 16);
}

TEST(SessionSwitchTest, SendsTheLastReportOfTheOldPlanBeforeTheFirstOfTheNew) {
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  const PlacementPlan plan = ShiftedPlan(SmallShape(), worker.topology, 1);
  const PlanId id = PlanIdOf(SmallShape(), plan);
  ASSERT_TRUE(daemon.SendPrepare(PrepareOf(plan, 81)));
  daemon.AwaitAnswer(81, v1::WORKER_PHASE_PREPARED);
  ASSERT_TRUE(daemon.SendCommit(OrderOf(plan, 82)));
  daemon.AwaitAnswer(82, v1::WORKER_PHASE_HELD);
  StepOf({worker.session.get()}, 1);
  ASSERT_TRUE(StepOf({worker.session.get()}, 2));
  ASSERT_TRUE(daemon.Await([&](const FakeDaemon::Log& log) {
    return !log.reports.empty() && *DecodePlanId(log.reports.back().plan()) == id;
  }));
  GroupReport last_of_old;
  bool new_seen = false;
  for (const v1::Counters& counters : daemon.log().reports) {
    GroupReport report;
    ASSERT_TRUE(DecodeCounters(counters, &report).ok());
    new_seen = new_seen || report.report.plan == id;
    if (new_seen) {
      EXPECT_EQ(report.report.plan, id);
      EXPECT_EQ(report.report.step_first, 2u);
    } else {
      last_of_old = report;
    }
  }
  EXPECT_EQ(last_of_old.report.plan, InitialId());
  EXPECT_EQ(last_of_old.report.step_last, 1u);
  EXPECT_EQ(last_of_old.report.counts[0], 3u);
}

TEST(SessionSwitchTest, ServesWithoutAnyDaemon) {
  TestWorker worker("127.0.0.1:1");
  worker.Start();
  for (std::uint64_t step = 1; step <= 100; ++step) StepOf({worker.session.get()}, step);
  EXPECT_EQ(worker.session->active(), InitialId());
  EXPECT_EQ(worker.session->router().table().id(), InitialId());
  EXPECT_TRUE(worker.events.Await(WorkerEvent::Kind::kDisconnected, 3));
  EXPECT_FALSE(worker.session->status().connected);
  EXPECT_FALSE(worker.session->status().last_error.empty());
}

TEST(SessionSwitchTest, BeginsWithTheStartPlanItIsGiven) {
  TestWorker worker("127.0.0.1:1");
  worker.options.start_plan = ShiftedPlan(SmallShape(), worker.topology, 9);
  worker.Start();
  EXPECT_EQ(worker.session->active(), PlanIdOf(SmallShape(), *worker.options.start_plan));
}

struct OptionCase {
  const char* name;
  std::function<void(WorkerOptions&)> spoil;
  const char* says;
};

TEST(SessionOptionsTest, NamesWhatIsWrong) {
  const OptionCase cases[] = {
      {"shape", [](WorkerOptions& o) { o.shape.num_layers = 0; }, "layers 0"},
      {"group", [](WorkerOptions& o) { o.ep_group.clear(); }, "ep_group: 0 bytes"},
      {"rank", [](WorkerOptions& o) { o.rank = RankId(4); }, "rank 4 out of [0, 4)"},
      {"no rank", [](WorkerOptions& o) { o.rank = RankId(); }, "rank -1"},
      {"experts", [](WorkerOptions& o) { o.shape.num_experts = 13; }, "12 slots for 13 experts"},
      {"bits", [](WorkerOptions& o) { o.counter_bits = 16; }, "counter_bits: 16"},
      {"spare", [](WorkerOptions& o) { o.spare_slots = -1; }, "spare_slots: -1"},
      {"period", [](WorkerOptions& o) { o.report_period = absl::ZeroDuration(); }, "not above 0"},
      {"plan",
       [](WorkerOptions& o) {
         o.start_plan = InitialPlan(SmallShape(), SmallTopology());
         o.start_plan->share[0] = 1;
       },
       "shares of expert 0"},
  };
  for (const OptionCase& c : cases) {
    SCOPED_TRACE(c.name);
    TestWorker worker("127.0.0.1:1");
    c.spoil(worker.options);
    const auto created = WorkerSession::Create(worker.options, worker.topology, worker.loader);
    EXPECT_EQ(created.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(created.status().message()), HasSubstr(c.says));
  }
}

}  // namespace
}  // namespace ballast
