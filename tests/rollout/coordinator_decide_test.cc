// From the decision on: only forward.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rollout/coordinator_harness.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(CoordinatorDecisionTest, ADecisionOfUnknownOutcomeIsAskedForAgainAndNotActedOn) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kDeciding);
  for (const absl::Status& status :
       {absl::UnavailableError("lost"), absl::DeadlineExceededError("slow"),
        absl::InternalError("?"), absl::UnknownError("?"), absl::CancelledError("?")}) {
    daemon.StoreFailed(status);
    EXPECT_THAT(daemon.Take(), IsEmpty()) << status;
    EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kDeciding);
    daemon.Advance(absl::Seconds(8));
    EXPECT_THAT(daemon.Take(), ElementsAre("decide")) << status;
    EXPECT_EQ(daemon.last.plan, kPlan);
  }
  daemon.DecisionStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 0", "commit 1"));
}

TEST(CoordinatorDecisionTest, ThePauseBetweenTwoDecisionsDoublesUpToItsLimit) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kDeciding);
  for (const int pause : {1, 2, 4, 8, 8}) {
    daemon.StoreFailed(absl::UnavailableError("lost"));
    daemon.Advance(absl::Seconds(pause) - absl::Milliseconds(1));
    EXPECT_THAT(daemon.Take(), IsEmpty()) << pause;
    daemon.Advance(absl::Milliseconds(1));
    EXPECT_THAT(daemon.Take(), ElementsAre("decide")) << pause;
  }
}

TEST(CoordinatorDecisionTest, ADecisionRefusedForCertainAborts) {
  for (const absl::Status& status :
       {absl::FailedPreconditionError("other term"), absl::NotFoundError("no row"),
        absl::InvalidArgumentError("bad"), absl::AbortedError("lost the race"),
        absl::ResourceExhaustedError("disk full"), absl::PermissionDeniedError("no"),
        absl::UnimplementedError("no"), absl::OutOfRangeError("no"),
        absl::AlreadyExistsError("no")}) {
    CoordinatorHarness daemon(1);
    daemon.BringTo(PlanPhase::kDeciding);
    daemon.StoreFailed(status);
    EXPECT_THAT(daemon.Take(), ElementsAre("abort in store")) << status;
    EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kAborting);
    daemon.AbortStored();
    EXPECT_THAT(daemon.Take(),
                ElementsAre("abort 0", HasSubstr("aborted: the store refuses the decision")));
  }
}

// The first call may have been written although the second is refused.
TEST(CoordinatorDecisionTest, AfterALostAnswerOnlyARefusalOfTheRowItselfIsCertain) {
  for (const absl::Status& status :
       {absl::ResourceExhaustedError("disk full"), absl::InvalidArgumentError("bad"),
        absl::AbortedError("busy"), absl::PermissionDeniedError("read-only")}) {
    CoordinatorHarness daemon(1);
    daemon.BringTo(PlanPhase::kDeciding);
    daemon.StoreFailed(absl::UnavailableError("lost"));
    daemon.Advance(absl::Seconds(1));
    daemon.Take();
    daemon.StoreFailed(status);
    EXPECT_THAT(daemon.Take(), IsEmpty()) << status;
    EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kDeciding) << status;
  }
  for (const absl::Status& status :
       {absl::FailedPreconditionError("aborted"), absl::NotFoundError("no row")}) {
    CoordinatorHarness daemon(1);
    daemon.BringTo(PlanPhase::kDeciding);
    daemon.StoreFailed(absl::UnavailableError("lost"));
    daemon.Advance(absl::Seconds(1));
    daemon.Take();
    daemon.StoreFailed(status);
    EXPECT_THAT(daemon.Take(), ElementsAre("abort in store")) << status;
  }
}

TEST(CoordinatorDecisionTest, ALostAnswerDoesNotOutliveItsPlan) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kDeciding);
  daemon.StoreFailed(absl::UnavailableError("lost"));
  daemon.Advance(absl::Seconds(1));
  daemon.DecisionStored();
  daemon.Active(0);
  daemon.Retired(0);
  ASSERT_TRUE(daemon.Propose(Plan(kTerm, 6)).ok());
  daemon.ProposalStored({kTerm, 6});
  daemon.Prepared(0);
  daemon.Take();
  daemon.StoreFailed(absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
}

TEST(CoordinatorDecisionTest, ANackWhileTheDecisionIsStoredDoesNotAbort) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kDeciding);
  RankHello hello = CoordinatorHarness::MakeHello(1);
  hello.incarnation = 999;
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 1"));
  daemon.Refuse(1, NackCode::kNoMemory);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.DecisionStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 0")) << "rank 1 has just refused";
  daemon.Advance(absl::Seconds(1));
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 1"));
}

TEST(CoordinatorDecisionTest, CommitsOnlyToRanksThatHoldThePlan) {
  CoordinatorHarness daemon(3);
  daemon.BringTo(PlanPhase::kDeciding);
  daemon.Disconnect(0);
  RankHello restarted = CoordinatorHarness::MakeHello(1);
  restarted.incarnation = 999;
  daemon.Hello(restarted);
  daemon.Take();
  daemon.DecisionStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 2"));
  daemon.Prepared(1);
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 1"));
  EXPECT_EQ(daemon.message[1].plan, kPlan);
}

TEST(CoordinatorDecisionTest, KeepsADecidedPlanThroughEveryNack) {
  for (int code = 0; code < kNumNackCodes; ++code) {
    CoordinatorHarness daemon(2);
    daemon.BringTo(PlanPhase::kCommitting);
    daemon.Held(0);
    daemon.Refuse(1, static_cast<NackCode>(code), "why");
    EXPECT_THAT(daemon.Take(), IsEmpty());
    EXPECT_EQ(daemon.state(1), RankState::kNacked);
    EXPECT_THAT(daemon.detail(1), HasSubstr(NackCodeName(static_cast<NackCode>(code))));
    EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kCommitting);
    daemon.Advance(absl::Seconds(1));
    EXPECT_THAT(daemon.Take(), ElementsAre("prepare 1")) << "it does not hold the plan";
    daemon.Prepared(1);
    EXPECT_THAT(daemon.Take(), ElementsAre("commit 1"));
    EXPECT_EQ(daemon.detail(1), "");
  }
}

TEST(CoordinatorDecisionTest, AsksARankThatRefusesWithDoublingPauses) {
  CoordinatorHarness daemon(1);
  daemon.Hello(CoordinatorHarness::MakeHello(0, Plan(1, 3)));
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 0"));
  for (const int pause : {1, 2, 4, 8, 8}) {
    daemon.Refuse(0, NackCode::kNoMemory);
    daemon.Active(0, Plan(1, 3));
    daemon.Advance(absl::Seconds(pause) - absl::Milliseconds(1));
    EXPECT_THAT(daemon.Take(), IsEmpty()) << pause;
    daemon.Advance(absl::Milliseconds(1));
    EXPECT_THAT(daemon.Take(), ElementsAre("prepare 0")) << pause;
  }
}

TEST(CoordinatorDecisionTest, ThePauseIsShortAgainForTheNextPlan) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Refuse(0, NackCode::kNoMemory);
  daemon.AbortStored();
  ASSERT_TRUE(daemon.Propose(Plan(kTerm, 6)).ok());
  daemon.ProposalStored({kTerm, 6});
  daemon.Prepared(0);
  daemon.DecisionStored();
  daemon.Refuse(0, NackCode::kBaseMismatch);
  daemon.Take();
  daemon.Advance(absl::Seconds(1));
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 0"));
}

TEST(CoordinatorDecisionTest, ALostConnectionAfterTheDecisionIsBroughtForwardAgain) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kCommitting);
  daemon.Disconnect(0);
  daemon.Advance(absl::Hours(1));
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kCommitting);
  RankHello hello = CoordinatorHarness::MakeHello(0);
  hello.held = kPlan;
  daemon.Take();
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 0"));
}

TEST(CoordinatorDecisionTest, RepeatsTheCommitToARankThatReturnsHoldingIt) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kCommitting);
  daemon.Held(0);
  daemon.Disconnect(0);
  RankHello hello = CoordinatorHarness::MakeHello(0);
  hello.held = kPlan;
  hello.held_is_committed = true;
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 0"));
  EXPECT_EQ(daemon.state(0), RankState::kHeld);
  daemon.Held(0);
  daemon.Advance(absl::Hours(1));
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 1")) << "rank 1 has not answered";
}

TEST(CoordinatorDecisionTest, ARestartedWorkerGetsPrepareOnWhatItRuns) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kCommitting);
  daemon.Disconnect(1);
  RankHello hello = CoordinatorHarness::MakeHello(1, InitialPlanId());
  hello.incarnation = 999;
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 1"));
  EXPECT_EQ(daemon.message[1].plan, kPlan);
  EXPECT_EQ(daemon.message[1].base, InitialPlanId());
}

// Where the others have switched, a rank on an old plan must not look for weights by that.
TEST(CoordinatorDecisionTest, SaysThatTheOthersRunThePlanOnlyOnceTheyDo) {
  CoordinatorHarness harness(3);
  harness.BringTo(PlanPhase::kCommitting);
  for (int rank = 0; rank < 3; ++rank) harness.Held(rank);
  RankHello fresh = CoordinatorHarness::MakeHello(2);
  fresh.incarnation = 777;
  harness.Hello(fresh);
  EXPECT_EQ(harness.message[2].kind, CoordinatorAction::Kind::kSendPrepare);
  EXPECT_FALSE(harness.message[2].peers_run_plan);  // The group has not switched without it.
  harness.Active(0);
  fresh.incarnation = 778;
  harness.Hello(fresh);
  EXPECT_EQ(harness.message[2].kind, CoordinatorAction::Kind::kSendPrepare);
  EXPECT_TRUE(harness.message[2].peers_run_plan);
}

TEST(CoordinatorDecisionTest, APlanOfTheWholeGroupIsOnNobodyElse) {
  CoordinatorHarness harness(3);
  harness.BringTo(PlanPhase::kPreparing);
  for (int rank = 0; rank < 3; ++rank) EXPECT_FALSE(harness.message[rank].peers_run_plan);
}

TEST(CoordinatorDecisionTest, RepeatsAMessageThatIsNotAnsweredAtAll) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kCommitting);
  daemon.Advance(absl::Seconds(7));
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.Advance(absl::Seconds(1));
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 0"));
}

TEST(CoordinatorDecisionTest, TakesHeldForAnAnswerToPrepare) {
  CoordinatorHarness daemon(1);
  daemon.Hello(CoordinatorHarness::MakeHello(0, Plan(1, 3)));
  daemon.Take();
  daemon.Held(0);
  EXPECT_EQ(daemon.state(0), RankState::kHeld);
  EXPECT_THAT(daemon.Take(), IsEmpty());
}

TEST(CoordinatorDecisionTest, NamesRanksThatLagBehindAndDoesNotAbort) {
  CoordinatorHarness daemon(3);
  daemon.BringTo(PlanPhase::kCommitting);
  daemon.Held(0);
  daemon.Disconnect(2);
  daemon.Advance(absl::Seconds(9));
  EXPECT_EQ(daemon.state(1), RankState::kPrepared);
  daemon.Advance(absl::Seconds(1));
  EXPECT_EQ(daemon.state(0), RankState::kHeld) << "it waits for the others";
  EXPECT_EQ(daemon.state(1), RankState::kLagging);
  EXPECT_EQ(daemon.state(2), RankState::kGone);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kCommitting);
  EXPECT_EQ(daemon.coordinator.waiting_for(), "rank 1 committing, rank 2 missing");
}

TEST(CoordinatorDecisionTest, NoRankLagsBeforeTheDecisionIsOld) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kIdle);
  daemon.Advance(absl::Hours(1));
  ASSERT_TRUE(daemon.Propose().ok());
  daemon.ProposalStored();
  daemon.Prepared(0);
  daemon.DecisionStored();
  daemon.Advance(absl::Seconds(9));
  EXPECT_EQ(daemon.state(0), RankState::kPrepared);
  daemon.Advance(absl::Seconds(1));
  EXPECT_EQ(daemon.state(0), RankState::kLagging);
}

TEST(CoordinatorDecisionTest, AllLagIfTheVoteItselfDoesNotCome) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kCommitting);
  daemon.Held(0);
  daemon.Held(1);
  EXPECT_EQ(daemon.coordinator.waiting_for(), "the vote of the ranks");
  daemon.Advance(absl::Seconds(10));
  EXPECT_EQ(daemon.state(0), RankState::kLagging);
  EXPECT_EQ(daemon.state(1), RankState::kLagging);
}

TEST(CoordinatorDecisionTest, AnOvertakenHeartbeatDoesNotTakeARankBack) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kCommitting);
  daemon.Active(0, kPlan);
  daemon.Take();
  daemon.Active(0, kDecided);
  EXPECT_TRUE(daemon.coordinator.active_everywhere());
  EXPECT_THAT(daemon.Take(), IsEmpty());
}

TEST(CoordinatorDecisionTest, ActiveAnswersForHeldAndCommit) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kCommitting);
  daemon.Active(0);
  EXPECT_THAT(daemon.Take(), ElementsAre("retire 0"));
}

TEST(CoordinatorDecisionTest, AnswersThatComeAfterActiveAreIgnored) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kCommitting);
  daemon.Active(0);
  daemon.Refuse(0, NackCode::kBaseMismatch);
  daemon.Held(0);
  EXPECT_EQ(daemon.state(0), RankState::kSynced);
  EXPECT_EQ(daemon.detail(0), "");
}

TEST(CoordinatorDecisionTest, ARankThatSwitchedIsWaitedForAgainWithTheNextPlan) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kRetiring);
  daemon.Retired(0);
  ASSERT_TRUE(daemon.Propose(Plan(kTerm, 6)).ok());
  daemon.ProposalStored({kTerm, 6});
  EXPECT_EQ(daemon.coordinator.waiting_for(), "rank 0 preparing");
}

TEST(CoordinatorDecisionTest, RetiringDoesNotWaitForRanksThatAreGone) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kRetiring);
  daemon.Disconnect(0);
  EXPECT_EQ(daemon.coordinator.waiting_for(), "rank 1 retiring");
  daemon.Retired(1);
  EXPECT_THAT(daemon.Take(), ElementsAre("finished done"));
  daemon.Hello(CoordinatorHarness::MakeHello(0, kPlan));
  EXPECT_THAT(daemon.Take(), ElementsAre("retire 0")) << "it has not confirmed yet";
  daemon.Retired(0);
  EXPECT_THAT(daemon.Take(), IsEmpty()) << "done is told once";
}

TEST(CoordinatorDecisionTest, RetiringEndsWhenTheLastMissingRankIsLost) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kRetiring);
  daemon.Retired(1);
  daemon.Disconnect(0);
  EXPECT_THAT(daemon.Take(), ElementsAre("finished done"));
}

TEST(CoordinatorDecisionTest, ANackOfRetireIsAnAnswer) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kRetiring);
  daemon.Refuse(0, NackCode::kBaseMismatch);
  EXPECT_THAT(daemon.Take(), ElementsAre("finished done"));
  EXPECT_THAT(daemon.detail(0), HasSubstr("BASE_MISMATCH"));
  EXPECT_EQ(daemon.state(0), RankState::kSynced);
}

TEST(CoordinatorDecisionTest, AWorkerThatRestartsOnAnOldPlanTakesThePlanBackToCommitting) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kRetiring);
  RankHello hello = CoordinatorHarness::MakeHello(0, kDecided);
  hello.incarnation = 999;
  daemon.Hello(hello);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kCommitting);
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 0"));
  daemon.Prepared(0);
  daemon.Held(0);
  daemon.Take();
  daemon.Active(0);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kRetiring);
  EXPECT_THAT(daemon.Take(), ElementsAre("retire 0"));
  daemon.Retired(0);
  daemon.Advance(absl::Seconds(8));
  daemon.Retired(1);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
}

TEST(CoordinatorDecisionTest, TheNextPlanBuildsOnTheDecidedOne) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kRetiring);
  daemon.Retired(0);
  daemon.Retired(1);
  daemon.Take();
  ASSERT_TRUE(daemon.Propose(Plan(kTerm, 6)).ok());
  EXPECT_EQ(daemon.last.base, kPlan);
  daemon.ProposalStored({kTerm, 6});
  EXPECT_EQ(daemon.message[0].base, kPlan);
}

}  // namespace
}  // namespace ballast
