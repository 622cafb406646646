#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/simulated_clock.h"
#include "core/store/in_memory_plan_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/rollout_loop_fixture.h"

namespace ballast {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(RolloutLoopTest, PushesNothingToWorkersThatRunTheDecidedPlan) {
  ConnectAll();
  EXPECT_TRUE(observer_.pushes.empty());
  EXPECT_TRUE(loop_->Facts().all_connected);
  EXPECT_TRUE(loop_->Facts().idle);
  EXPECT_EQ(loop_->View().connected, 4);
}

TEST_F(RolloutLoopTest, TheFirstPhaseBeginsWithTheLoop) {
  clock_.Advance(absl::Hours(3));
  Restart();
  clock_.Advance(absl::Seconds(7));
  EXPECT_EQ(clock_.Uptime() - loop_->View().phase_since, absl::Seconds(7));
}

TEST_F(RolloutLoopTest, TakesAPlanFromOfferToActive) {
  ConnectAll();
  Offer(Candidate());
  EXPECT_EQ(loop_->View().phase, PlanPhase::kPreparing);
  EXPECT_EQ(store_.Preparing("demo")->size(), 1);
  AnswerAll(SessionEvent::Kind::kPrepared);
  EXPECT_EQ(loop_->View().phase, PlanPhase::kCommitting);
  ASSERT_TRUE(store_.LatestDecided("demo").ok());
  for (const auto& link : links_) {
    EXPECT_EQ(link->sent.back().kind, WorkerCommand::Kind::kCommit);
  }
  AnswerAll(SessionEvent::Kind::kHeld);
  AnswerAll(SessionEvent::Kind::kActive);
  EXPECT_THAT(observer_.events, Contains("active"));
  AnswerAll(SessionEvent::Kind::kRetired);
  EXPECT_THAT(observer_.events, Contains("finished done"));
  EXPECT_TRUE(loop_->Facts().idle);
  EXPECT_EQ(loop_->View().plans_adopted, 1);
  EXPECT_EQ(loop_->View().moved_slots, 2);
}

TEST_F(RolloutLoopTest, ARolloutReachesItsMomentsInOrder) {
  ConnectAll();
  Offer(Candidate());
  AnswerAll(SessionEvent::Kind::kPrepared);
  AnswerAll(SessionEvent::Kind::kHeld);
  AnswerAll(SessionEvent::Kind::kActive);
  AnswerAll(SessionEvent::Kind::kRetired);
  EXPECT_THAT(moments_.reached,
              ElementsAre("propose.before", "propose.stored", "prepare.half_sent", "prepare.sent",
                          "decide.before", "decide.stored", "commit.half_sent", "commit.sent",
                          "active", "retire.half_sent", "retire.sent"));
}

// Otherwise a test that ends the daemon at a moment would end it in what follows a restart.
TEST_F(RolloutLoopTest, BringingRanksToAnEarlierDaemonsPlanReachesNoMoment) {
  ConnectAll();
  Offer(Candidate());
  AnswerAll(SessionEvent::Kind::kPrepared);
  Restart();
  moments_.reached.clear();
  ConnectAll();
  AnswerAll(SessionEvent::Kind::kPrepared);
  AnswerAll(SessionEvent::Kind::kHeld);
  AnswerAll(SessionEvent::Kind::kActive);
  AnswerAll(SessionEvent::Kind::kRetired);
  ASSERT_TRUE(loop_->Facts().idle);
  EXPECT_THAT(moments_.reached, IsEmpty());
}

TEST_F(RolloutLoopTest, APlanThatIsGivenUpReachesTheMomentsOfAnAbort) {
  ConnectAll();
  Offer(Candidate());
  moments_.reached.clear();
  Answer(2, SessionEvent::Kind::kNack);
  ASSERT_EQ(loop_->View().phase, PlanPhase::kIdle);
  EXPECT_THAT(moments_.reached,
              ElementsAre("abort.before", "abort.stored", "abort.half_sent", "abort.sent"));
}

TEST_F(RolloutLoopTest, AMomentCountsRanksAndNotMessages) {
  ConnectAll();
  Offer(Candidate());
  AnswerAll(SessionEvent::Kind::kPrepared);
  moments_.reached.clear();
  for (int i = 0; i < 4; ++i) {
    Connect(3);  // It has lost what it had loaded, and is sent the plan again.
    EXPECT_TRUE(WasSent(3, WorkerCommand::Kind::kPrepare));
  }
  EXPECT_THAT(moments_.reached, IsEmpty());
}

TEST_F(RolloutLoopTest, TellsThePlannedImbalanceAlsoBesideAnotherPlanAndAfterARestart) {
  ConnectAll();
  EXPECT_EQ(loop_->View().imbalance_planned, 0);
  PlanCandidate candidate = Candidate();
  candidate.record.imbalance_new = 1.25;
  Offer(candidate);
  EXPECT_EQ(loop_->View().imbalance_planned, 0);
  AnswerAll(SessionEvent::Kind::kPrepared);
  active_ = loop_->View().decided;
  EXPECT_EQ(loop_->View().imbalance_planned, 1.25);
  for (const auto kind :
       {SessionEvent::Kind::kHeld, SessionEvent::Kind::kActive, SessionEvent::Kind::kRetired}) {
    AnswerAll(kind);
  }
  // On its way, and undecided.
  PlacementPlan plan = InitialPlan(config_.shape, config_.topology);
  PlanCandidate next = Candidate();
  next.record.digest = PlanDigest(config_.shape, plan);
  next.record.imbalance_new = 1.5;
  next.plan = std::make_shared<const PlacementPlan>(std::move(plan));
  Offer(next);
  ASSERT_EQ(loop_->View().phase, PlanPhase::kPreparing);
  EXPECT_EQ(loop_->View().imbalance_planned, 1.25);
  Restart();
  EXPECT_EQ(loop_->View().imbalance_planned, 1.25);
}

TEST_F(RolloutLoopTest, SendsNothingBeforeTheStoreHasIt) {
  ConnectAll();
  const std::uint64_t next_term = *store_.BeginTerm();  // Another daemon took over.
  ASSERT_EQ(next_term, 2);
  Offer(Candidate());
  EXPECT_THAT(observer_.events, Contains("store failed: propose"));
  EXPECT_TRUE(observer_.pushes.empty());
  for (int rank = 0; rank < 4; ++rank) EXPECT_FALSE(WasSent(rank, WorkerCommand::Kind::kPrepare));
  EXPECT_EQ(loop_->View().phase, PlanPhase::kIdle);
}

// A store that another daemon has taken over accepts nothing again: asking on is pointless.
TEST_F(RolloutLoopTest, StepsDownWhenAnotherDaemonLeadsTheStore) {
  ConnectAll();
  Offer(Candidate());
  AnswerAll(SessionEvent::Kind::kReceived);
  ASSERT_EQ(loop_->View().phase, PlanPhase::kPreparing);
  EXPECT_FALSE(loop_->deposed());
  ASSERT_EQ(*store_.BeginTerm(), 2);
  AnswerAll(SessionEvent::Kind::kPrepared);
  EXPECT_TRUE(loop_->deposed());
  EXPECT_FALSE(loop_->Facts().all_connected);
  EXPECT_FALSE(WasSent(0, WorkerCommand::Kind::kCommit));
  EXPECT_FALSE(WasSent(0, WorkerCommand::Kind::kAbort));
  for (const auto& link : links_) {
    EXPECT_EQ(link->closed, "another daemon leads this store now");
    EXPECT_EQ(link->stay_away, absl::Seconds(30));
  }
  observer_.events.clear();
  clock_.Advance(absl::Minutes(5));
  loop_->RunOnceForTest();
  EXPECT_TRUE(observer_.events.empty());  // It does not ask the store again.
  Connect(1);
  EXPECT_EQ(links_[1]->closed, "another daemon leads this store now");
  EXPECT_TRUE(links_[1]->sent.empty());
}

// Most of what an idle group writes is decisions: they find it out as any other call does.
TEST_F(RolloutLoopTest, StepsDownWhenTheStoreRefusesADecisionForItsTerm) {
  ConnectAll();
  ASSERT_EQ(*store_.BeginTerm(), 2);
  loop_->Record(Candidate().record, kDecisionDeclined);
  loop_->RunOnceForTest();
  EXPECT_TRUE(loop_->deposed());
  for (const auto& link : links_) EXPECT_EQ(link->closed, "another daemon leads this store now");
}

TEST_F(RolloutLoopTest, AnErrorOfTheStoreAloneIsNoReasonToStepDown) {
  ConnectAll();
  PlanCandidate candidate = Candidate();
  candidate.record.digest = {};  // The store refuses a digest that is not the plan's.
  Offer(std::move(candidate));
  EXPECT_THAT(observer_.events, Contains("store failed: propose"));
  EXPECT_FALSE(loop_->deposed());
  Offer(Candidate());
  EXPECT_EQ(loop_->View().phase, PlanPhase::kPreparing);
}

TEST_F(RolloutLoopTest, TheEndOfASessionIsNotLostWhenTheQueueIsFull) {
  ConnectAll();
  for (int i = 0; i < 20000; ++i) loop_->Record(Candidate().record, kDecisionDeclined);
  EXPECT_FALSE(loop_->Submit(EventOf(1, SessionEvent::Kind::kReceived)));
  EXPECT_THAT(links_[1]->closed, HasSubstr("queue is full"));
  EXPECT_TRUE(loop_->Submit(EventOf(2, SessionEvent::Kind::kDisconnect)));
  loop_->RunOnceForTest();
  EXPECT_EQ(loop_->View().workers[2].state, RankState::kGone);
  EXPECT_EQ(loop_->View().connected, 3);
}

TEST_F(RolloutLoopTest, AWorkerThatFloodsLosesItsOwnSessionOnly) {
  ConnectAll();
  int queued = 0;
  while (queued < 20000 && loop_->Submit(EventOf(1, SessionEvent::Kind::kReceived))) ++queued;
  EXPECT_LT(queued, 1000);
  EXPECT_THAT(links_[1]->closed, HasSubstr("rank 1 sends faster than it is heard"));
  for (const int rank : {0, 2, 3}) {
    EXPECT_TRUE(loop_->Submit(EventOf(rank, SessionEvent::Kind::kReceived)));
    EXPECT_EQ(links_[rank]->closed, "");
  }
  // What was heard makes room again.
  loop_->RunOnceForTest();
  EXPECT_TRUE(loop_->Submit(EventOf(1, SessionEvent::Kind::kReceived)));
}

TEST_F(RolloutLoopTest, TheNewerOfTwoProcessesHasTheRankAndTheOlderStaysOut) {
  ConnectAll();
  const std::shared_ptr<RecordingLink> old_link = links_[2];
  Connect(2, 777);
  EXPECT_THAT(old_link->closed, HasSubstr("two processes are rank 2: incarnation 777 and "
                                          "incarnation 102"));
  EXPECT_EQ(old_link->stay_away, absl::Seconds(30));
  const std::shared_ptr<RecordingLink> new_link = links_[2];
  EXPECT_THAT(observer_.workers, Contains("rank 2 replaced"));
  for (int attempt = 0; attempt < 3; ++attempt) {
    Connect(2, 102);
    EXPECT_THAT(links_[2]->closed, HasSubstr("this one is older and stays out"));
    EXPECT_EQ(links_[2]->stay_away, absl::Seconds(30));
  }
  EXPECT_EQ(new_link->closed, "");
  EXPECT_EQ(loop_->View().workers[2].incarnation, 777);
  EXPECT_EQ(loop_->View().workers[2].state, RankState::kSynced);
  // A third one is newer still; and the same process may come back as often as it likes.
  Connect(2, 888);
  EXPECT_THAT(new_link->closed, HasSubstr("older and stays out"));
  Connect(2, 888);
  EXPECT_EQ(loop_->View().workers[2].incarnation, 888);
  EXPECT_EQ(links_[2]->closed, "");
  // Once nobody has the rank the older one is as welcome as any.
  loop_->Submit(EventOf(2, SessionEvent::Kind::kDisconnect));
  Connect(2, 102);
  EXPECT_EQ(links_[2]->closed, "");
  EXPECT_EQ(loop_->View().workers[2].incarnation, 102);
}

TEST_F(RolloutLoopTest, ARefusedHelloIsShownUntilTheRankIsWelcome) {
  for (const int rank : {0, 1, 3}) Connect(rank);
  loop_->Refuse(RankId(2), "rank 2: worker has experts 8, the configuration says 4");
  clock_.Advance(absl::Hours(1));
  loop_->RunOnceForTest();
  ASSERT_TRUE(loop_->View().workers[2].refused.has_value());
  EXPECT_EQ(loop_->View().workers[2].refused->reason,
            "worker has experts 8, the configuration says 4");
  EXPECT_EQ(loop_->View().workers[2].refused->at, absl::ZeroDuration());
  EXPECT_FALSE(loop_->View().workers[1].refused.has_value());
  Connect(2);
  EXPECT_FALSE(loop_->View().workers[2].refused.has_value());
}

TEST_F(RolloutLoopTest, ASecondProcessOfARankIsShownForAMinuteAfterItsLastHello) {
  ConnectAll();
  Connect(2, 777);
  Connect(2, 102);
  ASSERT_TRUE(loop_->View().workers[2].refused.has_value());
  EXPECT_THAT(loop_->View().workers[2].refused->reason,
              HasSubstr("two processes are rank 2: incarnation 102 and incarnation 777"));
  EXPECT_EQ(loop_->View().workers[2].incarnation, 777);
  clock_.Advance(absl::Seconds(61));
  loop_->RunOnceForTest();
  EXPECT_FALSE(loop_->View().workers[2].refused.has_value());
}

TEST(HelloRefusalsTest, KeepsOneShortReasonOfEachRankOfTheGroup) {
  HelloRefusals refusals(2);
  for (const int rank : {-1, 2, 2000000000}) refusals.Add(RankId(rank), "a stranger", {});
  EXPECT_FALSE(refusals.Of(RankId(0)).has_value());
  EXPECT_FALSE(refusals.Of(RankId(1)).has_value());
  refusals.Add(RankId(1), "first", absl::Seconds(1));
  refusals.Add(RankId(1), std::string(5000, 'a'), absl::Seconds(2));
  EXPECT_EQ(refusals.Of(RankId(1))->reason.size(), HelloRefusals::kMaxReason);
  refusals.Add(RankId(1), "rank 1: wrong row", absl::Seconds(2));
  EXPECT_EQ(RefusalText(*refusals.Of(RankId(1)), absl::Seconds(66)), "refused 1m4s ago: wrong row");
  refusals.Clear(RankId(1));
  EXPECT_FALSE(refusals.Of(RankId(1)).has_value());
}

TEST_F(RolloutLoopTest, NamesTheRanksThatAreAheadOfItsStore) {
  ConnectAll();
  EXPECT_FALSE(loop_->View().behind);
  loop_->Submit(EventOf(3, SessionEvent::Kind::kDisconnect));
  links_[3] = std::make_shared<RecordingLink>();
  SessionEvent event = EventOf(3, SessionEvent::Kind::kHello);
  event.hello.rank = RankId(3);
  event.hello.incarnation = 103;
  event.hello.active = active_;
  event.hello.highest_term_seen = 9;
  loop_->Submit(std::move(event));
  loop_->RunOnceForTest();
  const RolloutView view = loop_->View();
  EXPECT_TRUE(view.behind);
  EXPECT_EQ(view.workers[3].state, RankState::kAhead);
  EXPECT_THAT(view.workers[3].detail, HasSubstr("has seen term 9, this daemon has term 1"));
  EXPECT_THAT(view.waiting_for, HasSubstr("rank 3 runs ahead of this store"));
  loop_->RunOnceForTest();
  EXPECT_EQ(std::count(observer_.workers.begin(), observer_.workers.end(), "rank 3 ahead"), 1);
  Offer(Candidate());
  EXPECT_THAT(observer_.events, Contains(HasSubstr("finished refused: rank 3 runs ahead")));
}

TEST_F(RolloutLoopTest, NamesARankWhoseStepStandsStillWhileOthersGoOn) {
  ConnectAll();
  for (std::uint64_t step = 1; step <= 12; ++step) {
    clock_.Advance(absl::Seconds(1));
    for (int rank = 0; rank < 4; ++rank) {
      SessionEvent event = EventOf(rank, SessionEvent::Kind::kHeartbeat);
      event.plan = active_;
      event.step = rank == 1 ? 1 : 100 * step;
      loop_->Submit(std::move(event));
    }
    loop_->RunOnceForTest();
    // Its last step began in second 1; ten seconds later it lags.
    EXPECT_EQ(loop_->View().workers[1].state, step < 11 ? RankState::kSynced : RankState::kLagging)
        << step;
  }
  EXPECT_EQ(loop_->View().workers[1].detail, "stands at step 1 while others went on for 11s");
  EXPECT_EQ(loop_->View().workers[0].state, RankState::kSynced);
  EXPECT_EQ(std::count(observer_.workers.begin(), observer_.workers.end(), "rank 1 lagging"), 1);
  EXPECT_TRUE(loop_->Facts().all_connected);  // It is named, and stops nobody.
}

// A group that stands still as a whole has no rank that lags.
TEST_F(RolloutLoopTest, NoRankLagsWhileAllStandStill) {
  ConnectAll();
  for (int second = 0; second < 60; ++second) {
    clock_.Advance(absl::Seconds(1));
    for (int rank = 0; rank < 4; ++rank) {
      SessionEvent event = EventOf(rank, SessionEvent::Kind::kHeartbeat);
      event.plan = active_;
      event.step = 7;
      loop_->Submit(std::move(event));
    }
    loop_->RunOnceForTest();
  }
  for (const WorkerView& worker : loop_->View().workers) {
    EXPECT_EQ(worker.state, RankState::kSynced);
  }
}

TEST_F(RolloutLoopTest, TellsWorkersHowLongALoadMayStandStill) {
  ConnectAll();
  Offer(Candidate());
  EXPECT_EQ(links_[0]->sent.back().deadline_hint, config_.rollout.prepare_timeout);
  EXPECT_GT(config_.rollout.prepare_timeout, absl::ZeroDuration());
}

TEST_F(RolloutLoopTest, ANackBeforeTheDecisionKeepsTheActivePlan) {
  ConnectAll();
  const PlanId before = loop_->Facts().decided;
  Offer(Candidate());
  SessionEvent event = EventOf(2, SessionEvent::Kind::kNack);
  event.nonce = links_[2]->sent.back().nonce;
  event.plan = links_[2]->sent.back().plan;
  event.nack = {NackCode::kNoMemory, "needs 2 GB, has 1 GB"};
  loop_->Submit(std::move(event));
  loop_->RunOnceForTest();
  EXPECT_THAT(observer_.events, Contains("nack NO_MEMORY"));
  EXPECT_THAT(observer_.events, Contains(HasSubstr("finished aborted")));
  EXPECT_EQ(loop_->Facts().decided, before);
  EXPECT_TRUE(WasSent(0, WorkerCommand::Kind::kAbort));
  EXPECT_TRUE(absl::IsNotFound(store_.LatestDecided("demo").status()));
}

TEST_F(RolloutLoopTest, RefusesAnOfferOnAPlanThatIsNoLongerLive) {
  ConnectAll();
  PlanCandidate candidate = Candidate();
  candidate.record.base.version.sequence = 99;
  Offer(std::move(candidate));
  EXPECT_THAT(observer_.events, Contains(HasSubstr("finished refused")));
  EXPECT_EQ(loop_->View().phase, PlanPhase::kIdle);
}

TEST_F(RolloutLoopTest, ARestartBeforeTheDecisionAbortsTheProposal) {
  ConnectAll();
  Offer(Candidate());
  ASSERT_EQ(store_.Preparing("demo")->size(), 1);
  Restart();
  EXPECT_TRUE(store_.Preparing("demo")->empty());
  EXPECT_EQ(loop_->Facts().decided.version, PlanVersion{});
}

TEST_F(RolloutLoopTest, ARestartAfterTheDecisionRollsForward) {
  ConnectAll();
  Offer(Candidate());
  AnswerAll(SessionEvent::Kind::kPrepared);
  const PlanId decided = loop_->Facts().decided;
  ASSERT_NE(decided, active_);
  Restart();
  EXPECT_EQ(loop_->Facts().decided, decided);
  ConnectAll();  // They still run the old plan and have lost what they had loaded.
  for (const auto& link : links_) {
    ASSERT_EQ(link->sent.size(), 1);
    EXPECT_EQ(link->sent[0].kind, WorkerCommand::Kind::kPrepare);
    EXPECT_EQ(link->sent[0].plan, decided);
    EXPECT_EQ(link->sent[0].base, active_);
  }
  AnswerAll(SessionEvent::Kind::kPrepared);
  for (const auto& link : links_) {
    EXPECT_EQ(link->sent.back().kind, WorkerCommand::Kind::kCommit);
  }
}

TEST_F(RolloutLoopTest, ADecisionIsRecordedWithItsPlanAndItsEnd) {
  ConnectAll();
  Offer(Candidate());
  EXPECT_EQ(LastDecision().plan, (PlanVersion{1, 1}));
  EXPECT_EQ(LastDecision().outcome, kDecisionOffered);
  EXPECT_EQ(LastDecision().moved_slots, 2);
  AnswerAll(SessionEvent::Kind::kPrepared);
  AnswerAll(SessionEvent::Kind::kHeld);
  AnswerAll(SessionEvent::Kind::kActive);
  AnswerAll(SessionEvent::Kind::kRetired);
  EXPECT_EQ(LastDecision().outcome, "done");
  EXPECT_EQ(store_.Decisions("demo", 9)->size(), 1);
}

TEST_F(RolloutLoopTest, ASolveThatIsNotOfferedIsRecordedToo) {
  ConnectAll();
  SolveRecord solve = Candidate().record;
  solve.decision.reason = "no_gain";
  loop_->Record(solve, kDecisionDeclined);
  loop_->RunOnceForTest();
  EXPECT_EQ(LastDecision().reason, "no_gain");
  EXPECT_EQ(LastDecision().outcome, kDecisionDeclined);
  EXPECT_EQ(LastDecision().plan, PlanVersion{});
}

TEST_F(RolloutLoopTest, ARefusedOfferIsRecordedWithTheReason) {
  ConnectAll();
  PlanCandidate candidate = Candidate();
  candidate.record.base.version.sequence = 99;
  Offer(std::move(candidate));
  EXPECT_EQ(LastDecision().outcome, "refused: another plan was decided meanwhile");
}

TEST_F(RolloutLoopTest, ANackIsInTheOutcome) {
  ConnectAll();
  Offer(Candidate());
  SessionEvent event = EventOf(2, SessionEvent::Kind::kNack);
  event.nonce = links_[2]->sent.back().nonce;
  event.plan = links_[2]->sent.back().plan;
  event.nack = {NackCode::kNoMemory, "needs 2 GB, has 1 GB"};
  loop_->Submit(std::move(event));
  loop_->RunOnceForTest();
  EXPECT_THAT(LastDecision().outcome, HasSubstr("aborted: "));
  EXPECT_THAT(LastDecision().outcome, HasSubstr("needs 2 GB, has 1 GB"));
}

TEST_F(RolloutLoopTest, ARestartGivesAnUnfinishedDecisionItsEnd) {
  ConnectAll();
  Offer(Candidate());
  Restart();
  EXPECT_EQ(LastDecision().outcome, "aborted: the daemon restarted before the decision");
  ConnectAll();
  Offer(Candidate());
  AnswerAll(SessionEvent::Kind::kPrepared);
  EXPECT_EQ(LastDecision().outcome, kDecisionOffered);
  Restart();
  EXPECT_EQ(LastDecision().outcome, "decided, then the daemon restarted");
  EXPECT_EQ(store_.Decisions("demo", 9)->size(), 2);
}

TEST_F(RolloutLoopTest, AStoredPlanForAnotherFleetIsIgnoredByName) {
  ConnectAll();
  Offer(Candidate());
  AnswerAll(SessionEvent::Kind::kPrepared);
  config_.topology = *Topology::Uniform(4, 4, 2);
  active_ = {};
  Restart();
  EXPECT_THAT(ignored_, HasSubstr("stored plan 1.1"));
  EXPECT_EQ(loop_->Facts().decided.version, PlanVersion{});
  // The next plan stands on the store's chain all the same.
  ConnectAll();
  Offer(Candidate());
  EXPECT_EQ(loop_->View().phase, PlanPhase::kPreparing);
}

TEST_F(RolloutLoopTest, ANewerSessionOfARankEndsTheOlder) {
  ConnectAll();
  const std::shared_ptr<RecordingLink> old = links_[1];
  Connect(1);
  EXPECT_THAT(old->closed, HasSubstr("newer session"));
  SessionEvent late;
  late.rank = RankId(1);
  late.kind = SessionEvent::Kind::kDisconnect;
  late.link = old;
  loop_->Submit(std::move(late));
  loop_->RunOnceForTest();
  EXPECT_EQ(loop_->View().connected, 4);
}

TEST_F(RolloutLoopTest, ALostRankIsNamed) {
  ConnectAll();
  loop_->Submit(EventOf(3, SessionEvent::Kind::kDisconnect));
  loop_->RunOnceForTest();
  EXPECT_FALSE(loop_->Facts().all_connected);
  EXPECT_THAT(loop_->View().waiting_for, HasSubstr("rank 3"));
}

TEST_F(RolloutLoopTest, HeartbeatsCarryDisagreementsAndStepsOnce) {
  ConnectAll();
  for (int i = 0; i < 2; ++i) {
    SessionEvent event = EventOf(0, SessionEvent::Kind::kHeartbeat);
    event.plan = active_;
    event.step = 42;
    event.disagreements = 3;
    loop_->Submit(std::move(event));
    loop_->RunOnceForTest();
  }
  EXPECT_EQ(observer_.disagreements, 3);
  EXPECT_EQ(loop_->View().workers[0].step, 42);
}

TEST_F(RolloutLoopTest, ASilentRankIsStaleWithItsAgeAndHoldsPlanning) {
  ConnectAll();
  clock_.Advance(absl::Seconds(5));
  for (int rank : {0, 1, 3}) {
    SessionEvent event = EventOf(rank, SessionEvent::Kind::kHeartbeat);
    event.plan = active_;
    loop_->Submit(std::move(event));
  }
  loop_->RunOnceForTest();
  EXPECT_TRUE(loop_->Facts().all_connected);
  clock_.Advance(absl::Seconds(4));
  loop_->RunOnceForTest();
  EXPECT_FALSE(loop_->Facts().all_connected);
  EXPECT_EQ(loop_->View().workers[2].state, RankState::kStale);
  EXPECT_EQ(loop_->View().workers[2].detail, "no heartbeat for 9s");
  EXPECT_EQ(loop_->View().waiting_for, "rank 2 no heartbeat for 9s");
  EXPECT_EQ(loop_->View().workers[1].state, RankState::kSynced);
  EXPECT_THAT(observer_.workers, Contains("rank 2 silent"));

  SessionEvent word = EventOf(2, SessionEvent::Kind::kHeartbeat);
  word.plan = active_;
  loop_->Submit(std::move(word));
  loop_->RunOnceForTest();
  EXPECT_TRUE(loop_->Facts().all_connected);
  EXPECT_EQ(loop_->View().workers[2].state, RankState::kSynced);
  EXPECT_EQ(loop_->View().workers[2].detail, "");
  EXPECT_THAT(observer_.workers, Contains("rank 2 speaks_again"));
}

TEST_F(RolloutLoopTest, ARankThatDoesNotReadIsAbandonedByItsTick) {
  ConnectAll();
  links_[1]->write = 3;
  loop_->RunOnceForTest();
  clock_.Advance(absl::Seconds(9));
  loop_->RunOnceForTest();
  EXPECT_EQ(links_[1]->abandoned, 0);
  clock_.Advance(absl::Seconds(1));
  loop_->RunOnceForTest();
  EXPECT_EQ(links_[1]->abandoned, 1);
  EXPECT_EQ(links_[0]->abandoned, 0);
  EXPECT_THAT(observer_.events, Contains("rank 1 slow: took nothing for 10s"));
}

TEST_F(RolloutLoopTest, StoppingClosesEverySession) {
  ConnectAll();
  loop_->Stop("the daemon ends");
  for (const auto& link : links_) EXPECT_EQ(link->closed, "the daemon ends");
}

TEST_F(RolloutLoopTest, StoppingClosesASessionWhoseHelloWasNotHandledYet) {
  links_[2] = std::make_shared<RecordingLink>();
  SessionEvent event = EventOf(2, SessionEvent::Kind::kHello);
  event.hello.rank = RankId(2);
  event.hello.incarnation = 1;
  event.hello.active = active_;
  loop_->Submit(std::move(event));
  loop_->Stop("the daemon ends");
  EXPECT_EQ(links_[2]->closed, "the daemon ends");
}

// A group of the size that is served: it waits for the one that is missing, says for whom,
// and begins once it is there.
TEST(RolloutLoopStartTest, WaitsForTheLastOf128Ranks) {
  GroupConfig config = SmallGroup();
  config.shape.num_experts = 256;
  config.topology = *Topology::Uniform(128, 8, 3);
  SimulatedClock clock;
  InMemoryPlanStore store;
  RecordingObserver observer;
  std::string ignored;
  const std::uint64_t term = *store.BeginTerm();
  const RolloutStart start = *RecoverGroup(config, store, term, &ignored);
  RolloutLoop loop({config, store, observer, clock}, start, term);
  std::vector<std::shared_ptr<RecordingLink>> links(128);
  const auto connect = [&](int rank) {
    links[rank] = std::make_shared<RecordingLink>();
    SessionEvent event;
    event.rank = event.hello.rank = RankId(rank);
    event.link = links[rank];
    event.hello.incarnation = 1000 + rank;
    event.hello.active = start.decided;
    loop.Submit(std::move(event));
  };
  const auto offer = [&] {
    PlacementPlan plan = InitialPlan(config.shape, config.topology);
    std::swap(plan.expert_in_slot[0], plan.expert_in_slot[383]);
    PlanCandidate candidate;
    candidate.record.base = start.decided;
    candidate.record.digest = PlanDigest(config.shape, plan);
    candidate.plan = std::make_shared<const PlacementPlan>(std::move(plan));
    loop.Offer(std::move(candidate));
    loop.RunOnceForTest();
  };
  for (int rank = 0; rank < 128; ++rank) {
    if (rank != 77) connect(rank);
  }
  loop.RunOnceForTest();
  EXPECT_EQ(loop.View().connected, 127);
  EXPECT_EQ(loop.View().waiting_for, "rank 77 missing");
  EXPECT_FALSE(loop.Facts().all_connected);
  offer();
  EXPECT_THAT(observer.events, Contains("finished refused: rank 77 missing"));
  EXPECT_TRUE(observer.pushes.empty());
  connect(77);
  loop.RunOnceForTest();
  EXPECT_EQ(loop.View().waiting_for, "");
  EXPECT_TRUE(loop.Facts().idle);
  offer();
  EXPECT_EQ(observer.pushes.size(), 128);
}

TEST_F(RolloutLoopTest, GoesByANewConfigurationFromTheNextTurnOn) {
  ConnectAll();
  Offer(Candidate());
  GroupConfig config = config_;
  config.rollout.prepare_timeout = absl::Seconds(5);
  loop_->Reconfigure(config);
  clock_.Advance(absl::Seconds(4));
  loop_->RunOnceForTest();
  EXPECT_EQ(loop_->View().phase, PlanPhase::kPreparing);
  clock_.Advance(absl::Seconds(1));
  loop_->RunOnceForTest();
  EXPECT_EQ(loop_->View().phase, PlanPhase::kIdle);
}

}  // namespace
}  // namespace ballast
