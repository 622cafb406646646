// From the proposal to the decision: everything that can still be aborted.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rollout/coordinator_harness.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(CoordinatorTest, WalksTheStraightPathInTheOrderOfTheProtocol) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kIdle);
  ASSERT_TRUE(daemon.Propose().ok());
  EXPECT_THAT(daemon.Take(), ElementsAre("propose"));
  EXPECT_EQ(daemon.last.plan.digest, kPlan.digest);
  EXPECT_EQ(daemon.last.base, kDecided);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kProposed);

  daemon.ProposalStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 0", "prepare 1"));
  EXPECT_EQ(daemon.message[1].plan, kPlan);
  EXPECT_EQ(daemon.message[1].base, kDecided);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kPreparing);
  EXPECT_EQ(daemon.coordinator.candidate(), kPlan);

  daemon.Prepared(0);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  EXPECT_EQ(daemon.state(0), RankState::kPrepared);
  daemon.Prepared(1);
  EXPECT_THAT(daemon.Take(), ElementsAre("decide"));
  EXPECT_EQ(daemon.last.plan, kPlan);
  EXPECT_EQ(daemon.coordinator.decided(), kDecided);

  daemon.DecisionStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 0", "commit 1"));
  EXPECT_EQ(daemon.coordinator.decided(), kPlan);
  EXPECT_EQ(daemon.coordinator.candidate(), std::nullopt);

  daemon.Held(0);
  daemon.Held(1);
  EXPECT_EQ(daemon.state(0), RankState::kHeld);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.Active(0);
  EXPECT_FALSE(daemon.coordinator.active_everywhere());
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.Active(1);
  EXPECT_TRUE(daemon.coordinator.active_everywhere());
  EXPECT_THAT(daemon.Take(), ElementsAre("retire 0", "retire 1"));
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kRetiring);

  daemon.Retired(1);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.Retired(0);
  EXPECT_THAT(daemon.Take(), ElementsAre("finished done"));
  EXPECT_EQ(daemon.last.plan, kPlan);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
  EXPECT_EQ(daemon.state(1), RankState::kSynced);
}

TEST(CoordinatorTest, NamesPhasesAndRankStates) {
  EXPECT_STREQ(PlanPhaseName(PlanPhase::kIdle), "idle");
  EXPECT_STREQ(PlanPhaseName(PlanPhase::kProposed), "proposed");
  EXPECT_STREQ(PlanPhaseName(PlanPhase::kPreparing), "preparing");
  EXPECT_STREQ(PlanPhaseName(PlanPhase::kDeciding), "deciding");
  EXPECT_STREQ(PlanPhaseName(PlanPhase::kCommitting), "committing");
  EXPECT_STREQ(PlanPhaseName(PlanPhase::kRetiring), "retiring");
  EXPECT_STREQ(PlanPhaseName(PlanPhase::kAborting), "aborting");
  EXPECT_STREQ(RankStateName(RankState::kGone), "gone");
  EXPECT_STREQ(RankStateName(RankState::kStale), "stale");
  EXPECT_STREQ(RankStateName(RankState::kAhead), "ahead");
  EXPECT_STREQ(RankStateName(RankState::kLeft), "left");
  EXPECT_STREQ(RankStateName(RankState::kPrepared), "prepared");
  EXPECT_STREQ(RankStateName(RankState::kHeld), "held");
  EXPECT_STREQ(RankStateName(RankState::kSynced), "synced");
  EXPECT_STREQ(RankStateName(RankState::kNacked), "nacked");
  EXPECT_STREQ(RankStateName(RankState::kLagging), "lagging");
}

TEST(CoordinatorTest, TellsSinceWhenItIsInAPhase) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kIdle);
  daemon.Advance(absl::Seconds(5));
  ASSERT_TRUE(daemon.Propose().ok());
  daemon.Advance(absl::Seconds(5));
  EXPECT_EQ(daemon.coordinator.phase_since(), absl::Seconds(1005));
}

TEST(CoordinatorTest, ProposesOnlyWithAllRanksConnected) {
  CoordinatorHarness daemon(3);
  daemon.Hello(CoordinatorHarness::MakeHello(0));
  daemon.Hello(CoordinatorHarness::MakeHello(2));
  daemon.Take();
  const absl::Status status = daemon.Propose();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("rank 1 missing"));
  EXPECT_FALSE(daemon.coordinator.all_connected());
  EXPECT_THAT(daemon.Take(), IsEmpty());
}

TEST(CoordinatorTest, ProposesOnlyWithAllRanksSynced) {
  CoordinatorHarness daemon(2);
  daemon.Hello(CoordinatorHarness::MakeHello(0));
  daemon.Hello(CoordinatorHarness::MakeHello(1, Plan(1, 3)));
  const absl::Status status = daemon.Propose();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("rank 1 preparing"));
}

TEST(CoordinatorTest, HasOnePlanOnItsWay) {
  for (const PlanPhase phase :
       {PlanPhase::kProposed, PlanPhase::kPreparing, PlanPhase::kDeciding, PlanPhase::kCommitting,
        PlanPhase::kRetiring, PlanPhase::kAborting}) {
    CoordinatorHarness daemon(2);
    daemon.BringTo(phase);
    EXPECT_TRUE(absl::IsFailedPrecondition(daemon.Propose(Plan(kTerm, 6)))) << PlanPhaseName(phase);
    EXPECT_THAT(daemon.Take(), IsEmpty());
  }
}

TEST(CoordinatorTest, RefusesThePlanThatIsDecidedAlready) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kIdle);
  EXPECT_TRUE(absl::IsAlreadyExists(daemon.Propose(Plan(kTerm, 4))));
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
}

TEST(CoordinatorTest, ANackOfAnyCodeAbortsAfterTheStoreRecordedIt) {
  for (int code = 0; code < kNumNackCodes; ++code) {
    CoordinatorHarness daemon(3);
    daemon.BringTo(PlanPhase::kPreparing);
    daemon.Prepared(0);
    daemon.Refuse(2, static_cast<NackCode>(code), "2 GiB short");
    EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
    EXPECT_EQ(daemon.last.plan, kPlan);
    EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kAborting);
    EXPECT_EQ(daemon.state(2), RankState::kNacked);
    daemon.AbortStored();
    EXPECT_THAT(daemon.Take(), ElementsAre("abort 0", "abort 1", "abort 2",
                                           absl::StrCat("finished aborted: rank 2 ",
                                                        NackCodeName(static_cast<NackCode>(code)),
                                                        ": 2 GiB short")));
    EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
    EXPECT_EQ(daemon.coordinator.decided(), kDecided);
    EXPECT_EQ(daemon.coordinator.candidate(), std::nullopt);
    EXPECT_THAT(daemon.detail(2), HasSubstr("2 GiB short"));
  }
}

TEST(CoordinatorTest, OffersTheNextPlanToARankThatNackedTheLast) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Refuse(1, NackCode::kNoMemory);
  daemon.AbortStored();
  daemon.Take();
  ASSERT_TRUE(daemon.Propose(Plan(kTerm, 6)).ok());
  daemon.ProposalStored({kTerm, 6});
  EXPECT_THAT(daemon.Take(), ElementsAre("propose", "prepare 0", "prepare 1"));
  EXPECT_EQ(daemon.state(1), RankState::kSynced);
  EXPECT_EQ(daemon.detail(1), "");
}

TEST(CoordinatorTest, AHeartbeatDoesNotWipeOutANack) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Refuse(1, NackCode::kNoMemory, "2 GiB short");
  daemon.AbortStored();
  daemon.Active(1, kDecided);
  EXPECT_EQ(daemon.state(1), RankState::kNacked);
  EXPECT_THAT(daemon.detail(1), HasSubstr("2 GiB short"));
}

TEST(CoordinatorTest, AbortsWhenAMissingRankMakesNoProgress) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Prepared(0);
  daemon.Advance(absl::Seconds(59));
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kPreparing);
  daemon.Take();
  daemon.Advance(absl::Seconds(1));
  EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
  EXPECT_THAT(daemon.last.reason, HasSubstr("rank 1 preparing, no progress for 1m"));
}

TEST(CoordinatorTest, ProgressMovesTheDeadlineOfItsRank) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Prepared(0);
  for (int i = 0; i < 10; ++i) {
    daemon.Advance(absl::Seconds(50));
    daemon.Progress(1);
  }
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kPreparing);
  daemon.Prepared(1);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kDeciding);
}

TEST(CoordinatorTest, ProgressOfOneRankDoesNotExcuseAnother) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Advance(absl::Seconds(40));
  daemon.Progress(0);
  daemon.Advance(absl::Seconds(20));
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kAborting);
  EXPECT_THAT(daemon.last.reason, HasSubstr("rank 1 preparing"));
}

TEST(CoordinatorTest, ProgressUnderAnOldNonceIsNone) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Advance(absl::Seconds(50));
  daemon.coordinator.OnProgress(RankId(0), daemon.nonce[0] - 1, daemon.now);
  daemon.Advance(absl::Seconds(10));
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kAborting);
}

TEST(CoordinatorTest, AnswersWithAnOldNonceAreIgnored) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kPreparing);
  const std::uint64_t nonce = daemon.nonce[0];
  for (const std::uint64_t wrong : {std::uint64_t{0}, nonce - 1, nonce + 1}) {
    daemon.coordinator.OnPrepared(RankId(0), wrong, daemon.now, &daemon.actions);
    daemon.coordinator.OnHeld(RankId(0), wrong, daemon.now, &daemon.actions);
    daemon.coordinator.OnRetired(RankId(0), wrong, daemon.now, &daemon.actions);
    daemon.coordinator.OnNack(RankId(0), wrong, Nack{}, daemon.now, &daemon.actions);
  }
  EXPECT_THAT(daemon.actions, IsEmpty());
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kPreparing);
  daemon.Prepared(0);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kDeciding);
}

TEST(CoordinatorTest, ADoubledAnswerCountsOnce) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Prepared(0);
  daemon.Prepared(0);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kPreparing);
  EXPECT_THAT(daemon.Take(), IsEmpty());
}

TEST(CoordinatorTest, NoncesOfTwoDaemonsNeverMeet) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kPreparing);
  Coordinator next(1, kDecided, kTerm + 1, CoordinatorHarness::Options());
  Coordinator::Actions actions;
  next.OnHello(CoordinatorHarness::MakeHello(0, Plan(1, 3)), daemon.now, &actions);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_NE(actions[0].nonce >> 32, daemon.nonce[0] >> 32);
}

TEST(CoordinatorTest, ALostConnectionWhilePreparingIsWaitedForUntilTheDeadline) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Prepared(1);
  daemon.Disconnect(1);
  daemon.Prepared(0);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kPreparing) << "a missing rank is required";
  EXPECT_EQ(daemon.coordinator.waiting_for(), "rank 1 missing");
  EXPECT_EQ(daemon.state(1), RankState::kGone);
  daemon.Advance(absl::Seconds(60));
  EXPECT_THAT(daemon.last.reason, HasSubstr("rank 1 missing, no progress"));
  daemon.Take();
  daemon.AbortStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("abort 0", HasSubstr("finished aborted: rank 1")));
}

TEST(CoordinatorTest, ARankThatReturnsWithThePlanCountsAsPrepared) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Prepared(1);
  daemon.Disconnect(0);
  RankHello hello = CoordinatorHarness::MakeHello(0);
  hello.held = kPlan;
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), ElementsAre("decide"));
}

TEST(CoordinatorTest, AHeldPlanOfAnotherVersionDoesNotCount) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kPreparing);
  RankHello hello = CoordinatorHarness::MakeHello(0);
  hello.held = PlanId{{1, 9}, kPlan.digest};
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), ElementsAre("abort 0", "prepare 0"));
}

TEST(CoordinatorTest, ANewIncarnationGetsThePrepareAgain) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  const std::uint64_t old_nonce = daemon.nonce[1];
  daemon.Disconnect(1);
  RankHello hello = CoordinatorHarness::MakeHello(1);
  hello.incarnation = 999;
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 1"));
  daemon.Prepared(0);
  daemon.coordinator.OnPrepared(RankId(1), old_nonce, daemon.now, &daemon.actions);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kPreparing) << "an answer of the old one";
  daemon.Prepared(1);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kDeciding);
}

TEST(CoordinatorTest, ComingBackIsNoProgress) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kPreparing);
  for (int i = 0; i < 6; ++i) {
    daemon.Disconnect(0);
    daemon.Hello(CoordinatorHarness::MakeHello(0));
    daemon.Advance(absl::Seconds(10));
  }
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kAborting);
}

TEST(CoordinatorTest, AbortsWhenARankReturnsWithoutTheBase) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Disconnect(1);
  RankHello hello = CoordinatorHarness::MakeHello(1, Plan(1, 3));
  hello.incarnation = 999;
  daemon.Hello(hello);
  EXPECT_EQ(daemon.Take().front(), "abort in store");
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kAborting);
}

TEST(CoordinatorTest, AnOperatorAbortsWhileItPrepares) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  ASSERT_TRUE(daemon.coordinator.Abort("maintenance", daemon.now, &daemon.actions).ok());
  ASSERT_EQ(daemon.actions.size(), 1u);
  EXPECT_EQ(daemon.actions[0].reason, "maintenance");
  daemon.AbortStored();
  EXPECT_EQ(daemon.last.reason, "aborted: maintenance");
  EXPECT_EQ(daemon.message[0].reason, "maintenance");
  EXPECT_EQ(daemon.message[0].plan, kPlan);
}

TEST(CoordinatorTest, AnOperatorAbortsWhileTheProposalIsBeingStored) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kProposed);
  ASSERT_TRUE(daemon.coordinator.Abort("maintenance", daemon.now, &daemon.actions).ok());
  EXPECT_THAT(daemon.actions, IsEmpty()) << "the store answers first";
  daemon.ProposalStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
  EXPECT_EQ(daemon.last.plan, kPlan);
  daemon.AbortStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("finished aborted: maintenance")) << "nobody got it";
}

TEST(CoordinatorTest, AnOperatorCannotAbortFromTheDecisionOn) {
  for (const PlanPhase phase :
       {PlanPhase::kIdle, PlanPhase::kDeciding, PlanPhase::kCommitting, PlanPhase::kRetiring}) {
    CoordinatorHarness daemon(2);
    daemon.BringTo(phase);
    EXPECT_TRUE(absl::IsFailedPrecondition(
        daemon.coordinator.Abort("maintenance", daemon.now, &daemon.actions)));
    EXPECT_THAT(daemon.actions, IsEmpty());
    EXPECT_EQ(daemon.coordinator.phase(), phase);
  }
}

TEST(CoordinatorTest, AbortingTwiceIsOneAbort) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kAborting);
  EXPECT_TRUE(daemon.coordinator.Abort("again", daemon.now, &daemon.actions).ok());
  daemon.Refuse(1, NackCode::kNoMemory);
  daemon.Advance(absl::Minutes(5));
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.AbortStored();
  EXPECT_EQ(daemon.last.reason, "aborted: by hand");
}

TEST(CoordinatorTest, AnswersToAPlanThatIsAbortedMeanwhileAreIgnored) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  const std::uint64_t asked = daemon.nonce[1];
  ASSERT_TRUE(daemon.coordinator.Abort("by hand", daemon.now, &daemon.actions).ok());
  daemon.AbortStored();
  daemon.coordinator.OnNack(RankId(1), asked, Nack{NackCode::kCopyFailed, "cancelled"}, daemon.now,
                            &daemon.actions);
  EXPECT_EQ(daemon.state(1), RankState::kSynced);
  EXPECT_EQ(daemon.detail(1), "");
}

TEST(CoordinatorTest, ARefusedProposalEndsThePlan) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kProposed);
  daemon.StoreFailed(absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(daemon.Take(), ElementsAre("finished refused: disk full"));
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
  EXPECT_TRUE(daemon.Propose().ok());
}

TEST(CoordinatorTest, AProposalOfUnknownOutcomeIsAbortedInTheStoreFirst) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kProposed);
  daemon.StoreFailed(absl::UnavailableError("lost"));
  EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
  EXPECT_EQ(daemon.last.plan.version, PlanVersion{});
  daemon.AbortStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("finished refused: lost"));
}

TEST(CoordinatorTest, AnAbortThatFailsIsRepeatedUntilItIsStored) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kAborting);
  daemon.StoreFailed(absl::UnavailableError("lost"));
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.Advance(absl::Milliseconds(900));
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.Advance(absl::Milliseconds(100));
  EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
  daemon.Advance(absl::Seconds(30));
  EXPECT_THAT(daemon.Take(), IsEmpty()) << "one call at a time";
  daemon.StoreFailed(absl::FailedPreconditionError("other term"));
  daemon.Advance(absl::Seconds(1));
  EXPECT_THAT(daemon.Take(), IsEmpty()) << "the pause doubles";
  daemon.Advance(absl::Seconds(1));
  EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
  daemon.AbortStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("abort 0", "finished aborted: by hand"));
}

TEST(CoordinatorTest, AnAbortOfWhatTheStoreDoesNotKnowIsDone) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kAborting);
  daemon.StoreFailed(absl::NotFoundError("no such plan"));
  EXPECT_THAT(daemon.Take(), ElementsAre("abort 0", "finished aborted: by hand"));
}

TEST(CoordinatorTest, AnswersOfTheStoreThatNobodyWaitsForAreIgnored) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kIdle);
  daemon.ProposalStored();
  daemon.DecisionStored();
  daemon.AbortStored();
  daemon.StoreFailed(absl::UnavailableError("late"));
  EXPECT_THAT(daemon.Take(), IsEmpty());
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
  EXPECT_EQ(daemon.coordinator.decided(), kDecided);
}

TEST(CoordinatorTest, RepeatsAPrepareThatIsNotAnswered) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Advance(absl::Seconds(7));
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.Advance(absl::Seconds(1));
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 0"));
  daemon.Advance(absl::Seconds(7));
  daemon.Progress(0);
  daemon.Advance(absl::Seconds(7));
  EXPECT_THAT(daemon.Take(), IsEmpty()) << "it is heard of";
}

TEST(CoordinatorTest, NamesAFewOfTheRanksItWaitsFor) {
  CoordinatorHarness daemon(8);
  daemon.BringTo(PlanPhase::kPreparing);
  EXPECT_EQ(daemon.coordinator.waiting_for(),
            "rank 0 preparing, rank 1 preparing, rank 2 preparing, rank 3 preparing and 4 more");
  for (int rank = 0; rank < 6; ++rank) daemon.Prepared(rank);
  daemon.Disconnect(7);
  EXPECT_EQ(daemon.coordinator.waiting_for(), "rank 6 preparing, rank 7 missing");
}

TEST(CoordinatorTest, WaitsForTheStoreBetweenThePhases) {
  for (const PlanPhase phase : {PlanPhase::kProposed, PlanPhase::kDeciding, PlanPhase::kAborting}) {
    CoordinatorHarness daemon(2);
    daemon.BringTo(phase);
    EXPECT_EQ(daemon.coordinator.waiting_for(), "the store");
  }
  CoordinatorHarness idle(2);
  idle.BringTo(PlanPhase::kIdle);
  EXPECT_EQ(idle.coordinator.waiting_for(), "");
}

TEST(CoordinatorTest, GoesByANewTimeoutForThePlanOnItsWay) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Advance(absl::Seconds(20));
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kPreparing);
  CoordinatorOptions options = CoordinatorHarness::Options();
  options.prepare_timeout = absl::Seconds(10);
  daemon.coordinator.SetOptions(options);
  daemon.Advance(absl::ZeroDuration());
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kAborting);
}

}  // namespace
}  // namespace ballast
