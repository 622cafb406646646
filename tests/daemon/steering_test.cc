// Goal: what operators ask of a group, as the loops answer it.
// Method: a control loop and a publish loop on one store in memory, turned by hand.
#include "daemon/control/steering.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/fingerprint.h"
#include "core/base/simulated_clock.h"
#include "core/store/in_memory_plan_store.h"
#include "daemon/control/control_loop.h"
#include "daemon/control/rollout_loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using Kind = SteeringCall::Kind;

class RecordingTicket final : public SteeringTicket {
 public:
  void OnPlan(const SteeringResult& made) override { plans.push_back(made); }
  void OnEnd(const absl::Status& status, const SteeringResult& ended) override {
    if (end.has_value()) return;
    end = status;
    result = ended;
  }

  std::vector<SteeringResult> plans;
  std::optional<absl::Status> end;
  SteeringResult result;
};

class SteeringTest : public ::testing::Test {
 protected:
  SteeringTest() {
    config_.policy.solve_every_steps = 1000;
    config_.policy.min_gain = 0.9;
    config_.policy.min_interval = absl::Hours(1);
    Restart();
  }

  // As a new process on the same store.
  void Restart() {
    const std::uint64_t term = *store_.BeginTerm();
    std::string ignored;
    const RolloutStart start = *RecoverGroup(config_, store_, term, &ignored);
    rollout_ = std::make_unique<RolloutLoop>(RolloutLoop::Parts{config_, store_, observer_, clock_},
                                             start, term);
    control_ = std::make_unique<ControlLoop>(config_, *rollout_, observer_, clock_);
    active_ = start.decided;
    sequence_ = 0;
    for (int rank = 0; rank < 4; ++rank) Connect(rank);
  }

  void Connect(int rank) {
    links_[rank] = std::make_shared<RecordingLink>();
    SessionEvent event = EventOf(rank, SessionEvent::Kind::kHello);
    event.hello.rank = RankId(rank);
    event.hello.incarnation = 100 + rank;
    event.hello.active = active_;
    rollout_->Submit(std::move(event));
    rollout_->RunOnceForTest();
  }

  SessionEvent EventOf(int rank, SessionEvent::Kind kind) {
    SessionEvent event;
    event.rank = RankId(rank);
    event.kind = kind;
    event.link = links_[rank];
    return event;
  }

  void AnswerAll(SessionEvent::Kind kind) {
    for (int rank = 0; rank < 4; ++rank) {
      SessionEvent event = EventOf(rank, kind);
      ASSERT_FALSE(links_[rank]->sent.empty());
      event.nonce = links_[rank]->sent.back().nonce;
      event.plan = links_[rank]->sent.back().plan;
      rollout_->Submit(std::move(event));
      rollout_->RunOnceForTest();
    }
  }

  // What is on its way becomes active everywhere.
  void Switch() {
    AnswerAll(SessionEvent::Kind::kPrepared);
    AnswerAll(SessionEvent::Kind::kHeld);
    AnswerAll(SessionEvent::Kind::kActive);
    AnswerAll(SessionEvent::Kind::kRetired);
    active_ = rollout_->Facts().decided;
  }

  // Two batches in which the slots of each rank receive `picks`.
  void Report(std::uint64_t step, const std::vector<std::vector<std::uint64_t>>& picks) {
    for (int batch = 1; batch <= 2; ++batch) {
      ++sequence_;
      for (int rank = 0; rank < 4; ++rank) {
        LoadReport report;
        report.rank = RankId(rank);
        report.incarnation = 7;
        report.sequence = sequence_;
        report.plan = rollout_->Facts().decided;
        report.step_first = 1;
        report.step_last = step + sequence_;
        for (std::uint64_t count : picks[rank]) report.counts.push_back(count * sequence_);
        ASSERT_TRUE(control_->Submit(std::move(report)));
      }
      control_->RunOnceForTest();
    }
    rollout_->RunOnceForTest();
  }

  void ReportSkewed(std::uint64_t step = 10) {
    Report(step, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  }

  SteeringCall CallOf(Kind kind) {
    SteeringCall call;
    call.kind = kind;
    call.reason = "node 3";
    call.who = "local";
    call.ticket = std::make_shared<RecordingTicket>();
    return call;
  }

  // Sends the call through the loops as the admin service does.
  std::shared_ptr<RecordingTicket> Steer(SteeringCall call) {
    auto ticket = std::static_pointer_cast<RecordingTicket>(call.ticket);
    if (call.kind == Kind::kForce) {
      control_->Steer(std::move(call));
    } else {
      rollout_->Steer(std::move(call), [this](const SteeringCall& found, auto record) {
        control_->Steer(found, std::move(record));
      });
      rollout_->RunOnceForTest();
    }
    control_->RunOnceForTest();
    rollout_->RunOnceForTest();
    return ticket;
  }
  std::shared_ptr<RecordingTicket> Steer(Kind kind) { return Steer(CallOf(kind)); }

  PlanPhase phase() const { return rollout_->View().phase; }

  GroupConfig config_ = SmallGroup();
  SimulatedClock clock_;
  InMemoryPlanStore store_;
  RecordingObserver observer_;
  PlanId active_;
  std::unique_ptr<RolloutLoop> rollout_;
  std::unique_ptr<ControlLoop> control_;
  std::vector<std::shared_ptr<RecordingLink>> links_{4};
  std::uint64_t sequence_ = 0;
};

TEST_F(SteeringTest, APauseStopsSolvesAndKeepsReports) {
  EXPECT_TRUE(Steer(Kind::kPause)->end->ok());
  ReportSkewed(5000);
  EXPECT_TRUE(observer_.solves.empty());
  EXPECT_EQ(control_->View().hold, SolveHold::kPaused);
  EXPECT_GT(control_->View().total_picks, 0);
  EXPECT_EQ(rollout_->View().pause.reason, "node 3");
  EXPECT_TRUE(Steer(Kind::kResume)->end->ok());
  EXPECT_EQ(observer_.solves.size(), 1);
}

TEST_F(SteeringTest, APauseSurvivesARestart) {
  Steer(Kind::kPause);
  Restart();
  EXPECT_TRUE(rollout_->Facts().paused);
  EXPECT_EQ(rollout_->View().pause.who, "local");
  ReportSkewed(5000);
  EXPECT_EQ(control_->View().hold, SolveHold::kPaused);
}

TEST_F(SteeringTest, APauseRefusesThePlanThatThePolicyOfferedBefore) {
  SteeringCall pause = CallOf(Kind::kPause);
  rollout_->Steer(pause);
  rollout_->Offer(ExchangedCandidate(config_, active_));
  rollout_->RunOnceForTest();
  EXPECT_EQ(phase(), PlanPhase::kIdle);
  EXPECT_EQ(observer_.events.back(), "finished refused: the group is paused");
}

TEST_F(SteeringTest, APauseThatTheStoreRefusesIsNone) {
  ASSERT_TRUE(store_.BeginTerm().ok());  // Another daemon took over.
  EXPECT_TRUE(absl::IsFailedPrecondition(*Steer(Kind::kPause)->end));
  EXPECT_FALSE(rollout_->Facts().paused);
}

TEST_F(SteeringTest, AForcedPlanGoesOutThoughNothingIsDueAndItGainsLittle) {
  ReportSkewed();
  ASSERT_TRUE(observer_.solves.empty());
  const auto ticket = Steer(Kind::kForce);
  ASSERT_EQ(observer_.solves.size(), 1);
  EXPECT_EQ(observer_.solves[0].decision.reason, "forced");
  ASSERT_EQ(ticket->plans.size(), 1);
  EXPECT_EQ(ticket->plans[0].before, active_);
  EXPECT_EQ(ticket->plans[0].after.version.sequence, 1);
  EXPECT_THAT(ticket->plans[0].detail, HasSubstr("slots move"));
  EXPECT_FALSE(ticket->end.has_value());
  EXPECT_EQ(phase(), PlanPhase::kPreparing);
  Switch();
  ASSERT_TRUE(ticket->end.has_value());
  EXPECT_TRUE(ticket->end->ok());
  EXPECT_EQ(ticket->result.after, rollout_->Facts().decided);
  EXPECT_EQ(store_.LatestDecided("demo")->reason, "forced by local: node 3");
  const DecisionRecord decision = store_.Decisions("demo", 1)->front();
  EXPECT_EQ(decision.plan, active_.version);
  EXPECT_EQ(decision.outcome, "done");
}

TEST_F(SteeringTest, AForcedPlanGoesOutOfAPausedGroupWhichStaysPaused) {
  ReportSkewed();
  Steer(Kind::kPause);
  EXPECT_EQ(Steer(Kind::kForce)->plans.size(), 1);
  Switch();
  EXPECT_EQ(rollout_->Facts().decided.version.sequence, 1);
  EXPECT_TRUE(rollout_->Facts().paused);
}

TEST_F(SteeringTest, AForceEndsWithThePlanThatAWorkerRefused) {
  ReportSkewed();
  const auto ticket = Steer(Kind::kForce);
  SessionEvent nack = EventOf(2, SessionEvent::Kind::kNack);
  nack.nonce = links_[2]->sent.back().nonce;
  nack.plan = links_[2]->sent.back().plan;
  nack.nack = {NackCode::kNoMemory, "needs 2 GB"};
  rollout_->Submit(std::move(nack));
  rollout_->RunOnceForTest();
  ASSERT_TRUE(ticket->end.has_value());
  EXPECT_TRUE(absl::IsAborted(*ticket->end));
  EXPECT_THAT(std::string(ticket->end->message()), HasSubstr("needs 2 GB"));
}

TEST_F(SteeringTest, AForceIsRefusedWithoutLoadOrRanks) {
  const auto young = Steer(Kind::kForce);
  EXPECT_TRUE(absl::IsFailedPrecondition(*young->end));
  ReportSkewed();
  rollout_->Submit(EventOf(1, SessionEvent::Kind::kDisconnect));
  rollout_->RunOnceForTest();
  EXPECT_THAT(std::string(Steer(Kind::kForce)->end->message()), HasSubstr("ranks_missing"));
  EXPECT_TRUE(observer_.solves.empty());
}

TEST_F(SteeringTest, AForceIsRefusedWhileAPlanIsOnItsWay) {
  ReportSkewed();
  Steer(Kind::kForce);
  EXPECT_THAT(std::string(Steer(Kind::kForce)->end->message()), HasSubstr("rollout_busy"));
}

TEST_F(SteeringTest, AForceThatWouldMoveNothingIsRefused) {
  ReportSkewed();
  Steer(Kind::kForce);
  Switch();
  const auto again = Steer(Kind::kForce);
  ASSERT_TRUE(again->end.has_value());
  EXPECT_THAT(std::string(again->end->message()), HasSubstr("runs already"));
  EXPECT_EQ(phase(), PlanPhase::kIdle);
}

TEST_F(SteeringTest, ADryRunSolvesAndChangesNothing) {
  ReportSkewed();
  SteeringCall call = CallOf(Kind::kForce);
  call.dry_run = true;
  const auto ticket = Steer(std::move(call));
  ASSERT_TRUE(ticket->end.has_value());
  EXPECT_TRUE(ticket->end->ok());
  EXPECT_NE(ticket->result.after.digest, active_.digest);
  EXPECT_TRUE(observer_.solves.empty());
  EXPECT_EQ(phase(), PlanPhase::kIdle);
  for (Kind kind : {Kind::kPause, Kind::kAbort}) {
    SteeringCall other = CallOf(kind);
    other.dry_run = true;
    Steer(std::move(other));
  }
  EXPECT_FALSE(rollout_->Facts().paused);
}

TEST_F(SteeringTest, AnExpectedPlanThatIsNotDecidedAbortsTheCall) {
  ReportSkewed();
  for (Kind kind : {Kind::kPause, Kind::kForce, Kind::kRollback, Kind::kAbort}) {
    SteeringCall call = CallOf(kind);
    call.expected = PlanVersion{7, 42};
    const auto ticket = Steer(std::move(call));
    EXPECT_TRUE(absl::IsAborted(*ticket->end));
    EXPECT_THAT(std::string(ticket->end->message()), HasSubstr("not 7.42 as expected"));
  }
  SteeringCall call = CallOf(Kind::kForce);
  call.expected = PlanVersion{};
  EXPECT_EQ(Steer(std::move(call))->plans.size(), 1);
}

TEST_F(SteeringTest, ARollbackBringsTheContentBackUnderAHigherVersion) {
  const PlanId initial = active_;
  ReportSkewed();
  Steer(Kind::kForce);
  Switch();
  const PlanId forced = active_;
  const auto ticket = Steer(Kind::kRollback);
  ASSERT_EQ(ticket->plans.size(), 1);
  EXPECT_EQ(ticket->plans[0].before, forced);
  EXPECT_EQ(ticket->plans[0].after.digest, initial.digest);
  EXPECT_THAT(ticket->plans[0].detail, HasSubstr("not paused"));
  Switch();
  EXPECT_TRUE(ticket->end->ok());
  EXPECT_EQ(active_.digest, initial.digest);
  EXPECT_EQ(active_.version.sequence, 2);
  EXPECT_EQ(store_.LatestDecided("demo")->reason, "rollback to the initial plan by local: node 3");
  // The plan before the newest is now the forced one.
  EXPECT_EQ(Steer(Kind::kRollback)->plans[0].after.digest, forced.digest);
  Switch();
  EXPECT_EQ(active_.version.sequence, 3);
  EXPECT_EQ(store_.LatestDecided("demo")->reason, "rollback to 1.1 by local: node 3");
  EXPECT_EQ(store_.LatestDecided("demo")->planner, "eplb");
}

TEST_F(SteeringTest, ARollbackNamesWhyItCanNot) {
  EXPECT_THAT(std::string(Steer(Kind::kRollback)->end->message()), HasSubstr("none before it"));
  ReportSkewed();
  SteeringCall unknown = CallOf(Kind::kRollback);
  unknown.version = PlanVersion{1, 9};
  EXPECT_TRUE(absl::IsNotFound(*Steer(std::move(unknown))->end));
  Steer(Kind::kForce);
  Steer(Kind::kAbort);
  SteeringCall aborted = CallOf(Kind::kRollback);
  aborted.version = PlanVersion{1, 1};
  EXPECT_THAT(std::string(Steer(std::move(aborted))->end->message()), HasSubstr("never ran"));
  SteeringCall same = CallOf(Kind::kRollback);
  same.version = PlanVersion{};
  EXPECT_THAT(std::string(Steer(std::move(same))->end->message()), HasSubstr("has the content"));
}

// As after a backup was restored: the ranks run a plan that the store never heard of.
TEST_F(SteeringTest, RanksAheadOfTheStoreAreBroughtToItsPlanByARollback) {
  ReportSkewed();
  Steer(Kind::kForce);
  Switch();
  const PlanId stored = active_;
  Restart();
  const PlanId later = {{1, 9}, Sha256("later")};
  active_ = later;
  for (int rank = 0; rank < 4; ++rank) Connect(rank);
  EXPECT_EQ(rollout_->View().workers[0].state, RankState::kAhead);

  EXPECT_TRUE(absl::IsFailedPrecondition(*Steer(Kind::kRollback)->end));
  SteeringCall call = CallOf(Kind::kRollback);
  call.over_ahead = true;
  const auto ticket = Steer(std::move(call));
  ASSERT_EQ(ticket->plans.size(), 1);
  EXPECT_EQ(ticket->plans[0].after.digest, stored.digest);
  EXPECT_THAT(ticket->plans[0].detail, HasSubstr("give up a later plan"));
  Switch();
  EXPECT_TRUE(ticket->end->ok()) << *ticket->end;
  EXPECT_GT(active_.version, later.version);
  EXPECT_EQ(active_.digest, stored.digest);
  EXPECT_EQ(rollout_->View().workers[0].state, RankState::kSynced);
  ReportSkewed(100);
  SteeringCall next = CallOf(Kind::kRollback);
  next.version = PlanVersion{};
  EXPECT_EQ(Steer(std::move(next))->plans.size(), 1) << "steering goes on";
}

// As after the store was moved away.
TEST_F(SteeringTest, RanksAheadOfAnEmptyStoreAreBroughtToTheInitialPlan) {
  const PlanId initial = active_;
  active_ = {{0, 9}, Sha256("later")};
  for (int rank = 0; rank < 4; ++rank) Connect(rank);
  SteeringCall call = CallOf(Kind::kRollback);
  call.over_ahead = true;
  const auto ticket = Steer(std::move(call));
  ASSERT_EQ(ticket->plans.size(), 1) << *ticket->end;
  Switch();
  EXPECT_TRUE(ticket->end->ok()) << *ticket->end;
  EXPECT_EQ(active_, (PlanId{{1, 1}, initial.digest}));
}

TEST_F(SteeringTest, ARollbackOverAheadIsRefusedWhereNobodyIsAhead) {
  ReportSkewed();
  Steer(Kind::kForce);
  Switch();
  SteeringCall call = CallOf(Kind::kRollback);
  call.over_ahead = true;
  const auto ticket = Steer(std::move(call));
  EXPECT_THAT(std::string(ticket->end->message()), HasSubstr("rank 0 is not ahead of this store"));
  EXPECT_EQ(phase(), PlanPhase::kIdle);
}

TEST_F(SteeringTest, AnAbortBeforeTheDecisionGivesThePlanUp) {
  ReportSkewed();
  const auto force = Steer(Kind::kForce);
  const auto abort = Steer(Kind::kAbort);
  ASSERT_TRUE(abort->end.has_value());
  EXPECT_TRUE(abort->end->ok()) << *abort->end;
  EXPECT_THAT(abort->result.detail, HasSubstr(PlanIdText(force->plans[0].after) + " aborted"));
  EXPECT_EQ(abort->result.after, active_);
  EXPECT_TRUE(absl::IsAborted(*force->end));
  EXPECT_THAT(std::string(force->end->message()), HasSubstr("by local: node 3"));
  EXPECT_EQ(store_.Get("demo", {1, 1})->state, PlanState::kAborted);
  EXPECT_EQ(links_[0]->sent.back().kind, WorkerCommand::Kind::kAbort);
}

TEST_F(SteeringTest, AnAbortAfterTheDecisionIsRefused) {
  ReportSkewed();
  const auto force = Steer(Kind::kForce);
  AnswerAll(SessionEvent::Kind::kPrepared);
  const auto abort = Steer(Kind::kAbort);
  EXPECT_TRUE(absl::IsFailedPrecondition(*abort->end));
  EXPECT_THAT(std::string(abort->end->message()), HasSubstr("is decided"));
  EXPECT_FALSE(force->end.has_value());
  EXPECT_EQ(phase(), PlanPhase::kCommitting);
}

TEST_F(SteeringTest, AnAbortOfNothingIsRefused) {
  EXPECT_THAT(std::string(Steer(Kind::kAbort)->end->message()), HasSubstr("no plan is on its way"));
}

TEST_F(SteeringTest, ObserveOnlyIsStrongerThanAnOperatorsCall) {
  config_.policy.observe_only = true;
  Restart();
  ReportSkewed();
  EXPECT_THAT(std::string(Steer(Kind::kForce)->end->message()), HasSubstr("observe_only"));
}

TEST_F(SteeringTest, ACallToLoopsThatEndedIsUnavailable) {
  control_->Stop();
  rollout_->Stop("the daemon ends");
  EXPECT_TRUE(absl::IsUnavailable(*Steer(Kind::kForce)->end));
  EXPECT_TRUE(absl::IsUnavailable(*Steer(Kind::kPause)->end));
}

// Nothing of what it began will ever end otherwise: the store answers no more.
TEST_F(SteeringTest, ADeposedDaemonEndsTheCallsThatItHas) {
  ReportSkewed();
  const auto forced = Steer(Kind::kForce);
  ASSERT_EQ(phase(), PlanPhase::kPreparing);
  ASSERT_EQ(*store_.BeginTerm(), 2);
  const auto abort = Steer(Kind::kAbort);
  ASSERT_TRUE(rollout_->deposed());
  for (const auto& ticket : {forced, abort}) {
    ASSERT_TRUE(ticket->end.has_value());
    EXPECT_THAT(ticket->end->message(), HasSubstr("term"));
  }
  for (const Kind kind : {Kind::kAbort, Kind::kPause, Kind::kRollback}) {
    const auto late = Steer(kind);
    ASSERT_TRUE(late->end.has_value());
    EXPECT_EQ(*late->end, absl::UnavailableError("another daemon leads this store now"));
  }
}

TEST_F(SteeringTest, AForcedPlanThatIsRefusedInDecidingEndsItsCall) {
  ReportSkewed();
  const auto forced = Steer(Kind::kForce);
  ASSERT_EQ(phase(), PlanPhase::kPreparing);
  ASSERT_EQ(*store_.BeginTerm(), 2);
  AnswerAll(SessionEvent::Kind::kPrepared);
  ASSERT_TRUE(rollout_->deposed());
  ASSERT_TRUE(forced->end.has_value());
  EXPECT_FALSE(forced->end->ok());
}

}  // namespace
}  // namespace ballast
