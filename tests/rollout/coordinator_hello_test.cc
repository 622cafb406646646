// What a rank brings along when its session begins, also after a restart of the daemon.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rollout/coordinator_harness.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(CoordinatorHelloTest, PushesNothingToRanksThatRunTheDecidedDigest) {
  CoordinatorHarness daemon(2);
  daemon.Hello(CoordinatorHarness::MakeHello(0));
  daemon.Hello(CoordinatorHarness::MakeHello(1, PlanId{{1, 2}, kDecided.digest}));
  EXPECT_TRUE(daemon.coordinator.active_everywhere());
  EXPECT_EQ(daemon.state(1), RankState::kSynced);
  EXPECT_THAT(daemon.Take(), ElementsAre("retire 0", "retire 1")) << "no plan bytes";
  EXPECT_EQ(daemon.message[1].plan.version, (PlanVersion{1, 2})) << "named as the rank knows it";
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
}

TEST(CoordinatorHelloTest, ALaterVersionOfTheDecidedDigestIsSyncedToo) {
  CoordinatorHarness daemon(1);
  daemon.Hello(CoordinatorHarness::MakeHello(0, PlanId{{7, 7}, kDecided.digest}));
  EXPECT_EQ(daemon.state(0), RankState::kSynced);
  EXPECT_TRUE(daemon.Propose().ok());
}

TEST(CoordinatorHelloTest, TellsEachRankOnceThatTheGroupIsAtRest) {
  CoordinatorHarness daemon(2, InitialPlanId());
  daemon.Hello(CoordinatorHarness::MakeHello(0, InitialPlanId()));
  EXPECT_THAT(daemon.Take(), IsEmpty()) << "rank 1 may run something else";
  daemon.Hello(CoordinatorHarness::MakeHello(1, InitialPlanId()));
  EXPECT_THAT(daemon.Take(), ElementsAre("retire 0", "retire 1"));
  daemon.Retired(0);
  daemon.Retired(1);
  daemon.Advance(absl::Hours(1));
  EXPECT_THAT(daemon.Take(), IsEmpty());
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
}

TEST(CoordinatorHelloTest, TheFirstDaemonOfAStoreHasNothingToRetire) {
  Coordinator first(1, InitialPlanId(), 1, CoordinatorHarness::Options());
  Coordinator::Actions actions;
  first.OnHello(CoordinatorHarness::MakeHello(0, InitialPlanId()), absl::Seconds(1), &actions);
  EXPECT_TRUE(first.active_everywhere());
  EXPECT_THAT(actions, IsEmpty());
}

TEST(CoordinatorHelloTest, ADecisionBeforeTheRestartIsCompleted) {
  CoordinatorHarness daemon(2);
  const PlanId base = Plan(1, 3);
  RankHello prepared = CoordinatorHarness::MakeHello(0, base);
  prepared.held = kDecided;
  daemon.Hello(prepared);
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 0"));
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kCommitting);
  daemon.Hello(CoordinatorHarness::MakeHello(1, base));
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 1"));
  daemon.Prepared(1);
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 1"));
  daemon.Held(0);
  daemon.Held(1);
  daemon.Active(0, kDecided);
  daemon.Active(1, kDecided);
  EXPECT_THAT(daemon.Take(), ElementsAre("retire 0", "retire 1"));
  daemon.Retired(0);
  daemon.Retired(1);
  EXPECT_THAT(daemon.Take(), ElementsAre("finished done"));
}

TEST(CoordinatorHelloTest, APlanThatARestartAbortedIsTakenFromTheRanks) {
  CoordinatorHarness daemon(1);
  RankHello hello = CoordinatorHarness::MakeHello(0);
  hello.held = Plan(1, 5);
  daemon.Hello(hello);
  EXPECT_EQ(daemon.Take().front(), "abort 0");
  EXPECT_EQ(daemon.state(0), RankState::kSynced);
}

TEST(CoordinatorHelloTest, ARankThatLostItsSessionWhileLoadingIsToldOfTheAbort) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Disconnect(1);
  daemon.Refuse(0, NackCode::kNoMemory);
  daemon.AbortStored();
  daemon.Take();
  daemon.Hello(CoordinatorHarness::MakeHello(1));
  EXPECT_THAT(daemon.Take(), ElementsAre("abort 1"));
  EXPECT_EQ(daemon.message[1].plan, kPlan);
  RankHello restarted = CoordinatorHarness::MakeHello(1);
  restarted.incarnation = 999;
  daemon.Hello(restarted);
  for (const std::string& text : daemon.Take()) EXPECT_NE(text, "abort 1");
}

TEST(CoordinatorHelloTest, ARankThatReturnsWithAnAbortedPlanIsToldOnce) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Prepared(1);
  daemon.Disconnect(1);
  daemon.Refuse(0, NackCode::kNoMemory);
  daemon.AbortStored();
  daemon.Take();
  RankHello hello = CoordinatorHarness::MakeHello(1);
  hello.held = kPlan;
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), ElementsAre("abort 1"));
}

TEST(CoordinatorHelloTest, APlanThatWasDoneBeforeTheRestartIsNotDoneAgain) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kIdle);
  RankHello hello = CoordinatorHarness::MakeHello(0, Plan(1, 3));
  hello.incarnation = 999;
  daemon.Hello(hello);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kCommitting);
  daemon.Prepared(0);
  daemon.Active(0, kDecided);
  daemon.Take();
  daemon.Retired(0);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
}

TEST(CoordinatorHelloTest, ARankThatReturnsDuringTheAbortIsToldWhenItIsStored) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kAborting);
  daemon.Disconnect(1);
  RankHello hello = CoordinatorHarness::MakeHello(1);
  hello.held = kPlan;
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.AbortStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("abort 0", "abort 1", "finished aborted: by hand"));
}

// How a rank can be ahead of the store, and what its detail must name.
struct AheadCase {
  const char* name;
  RankHello hello;
  const char* detail;
};

std::vector<AheadCase> AheadCases() {
  RankHello term = CoordinatorHarness::MakeHello(0);
  term.highest_term_seen = kTerm + 7;
  RankHello later = CoordinatorHarness::MakeHello(0, Plan(kTerm, 9));
  RankHello committed = CoordinatorHarness::MakeHello(0);
  committed.held = Plan(kTerm, 8);
  committed.held_is_committed = true;
  RankHello same_content = CoordinatorHarness::MakeHello(0, Plan(1, 3));
  same_content.held = PlanId{{1, 9}, kDecided.digest};
  same_content.held_is_committed = true;
  return {{"seen a later term", term, "has seen term 9, this daemon has term 2"},
          {"runs a later plan", later, "active is 2.9"},
          {"committed to an unknown plan", committed, "committed plan 2.8"},
          {"committed to an unknown version", same_content, "committed plan 1.9"}};
}

TEST(CoordinatorHelloTest, SendsNothingToARankAheadOfItsStoreAndNamesIt) {
  for (const AheadCase& test : AheadCases()) {
    CoordinatorHarness daemon(1);
    daemon.Hello(test.hello);
    daemon.Advance(absl::Hours(1));
    EXPECT_THAT(daemon.Take(), IsEmpty()) << test.name;
    EXPECT_EQ(daemon.state(0), RankState::kAhead) << test.name;
    EXPECT_THAT(daemon.detail(0), HasSubstr("runs ahead of this store")) << test.name;
    EXPECT_THAT(daemon.detail(0), HasSubstr(test.detail)) << test.name;
    EXPECT_THAT(daemon.coordinator.waiting_for(), HasSubstr("runs ahead")) << test.name;
    const absl::Status status = daemon.Propose();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << test.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("rank 0 runs ahead")) << test.name;
  }
}

TEST(CoordinatorHelloTest, ARankAheadEndsThePreparation) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kPreparing);
  RankHello hello = CoordinatorHarness::MakeHello(0);
  hello.highest_term_seen = kTerm + 1;
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
  EXPECT_THAT(daemon.last.reason, HasSubstr("rank 0 runs ahead of this store"));
}

TEST(CoordinatorHelloTest, AHeartbeatWithALaterPlanShowsARankAhead) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kIdle);
  daemon.Active(0, Plan(kTerm, 9));
  EXPECT_EQ(daemon.state(0), RankState::kAhead);
  EXPECT_THAT(daemon.detail(0), HasSubstr("active is 2.9"));
  EXPECT_THAT(daemon.Take(), IsEmpty());
}

TEST(CoordinatorHelloTest, ARankThatRefusesAnAbortIsAhead) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kAborting);
  daemon.AbortStored();
  daemon.Take();
  daemon.Refuse(0, NackCode::kBusy, "held");
  EXPECT_EQ(daemon.state(0), RankState::kAhead);
  EXPECT_THAT(daemon.detail(0), HasSubstr("refuses to abort: BUSY: held"));
  EXPECT_TRUE(absl::IsFailedPrecondition(daemon.Propose()));
}

TEST(CoordinatorHelloTest, ARefusedAbortEndsTheNextPlanToo) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kAborting);
  daemon.AbortStored();
  const std::uint64_t abort = daemon.nonce[0];
  ASSERT_TRUE(daemon.Propose(Plan(kTerm, 6)).ok());
  daemon.ProposalStored({kTerm, 6});
  daemon.Take();
  daemon.coordinator.OnNack(RankId(0), abort, Nack{NackCode::kBusy, "held"}, daemon.now,
                            &daemon.actions);
  ASSERT_EQ(daemon.actions.size(), 1u);
  EXPECT_EQ(daemon.actions[0].kind, CoordinatorAction::Kind::kPersistAbort);
  EXPECT_THAT(daemon.actions[0].reason, HasSubstr("rank 0 refuses to abort"));
}

TEST(CoordinatorHelloTest, ANewSessionForgetsThatARankWasAhead) {
  CoordinatorHarness daemon(1);
  RankHello hello = CoordinatorHarness::MakeHello(0);
  hello.highest_term_seen = kTerm + 1;
  daemon.Hello(hello);
  daemon.Hello(CoordinatorHarness::MakeHello(0));
  EXPECT_EQ(daemon.state(0), RankState::kSynced);
  EXPECT_EQ(daemon.detail(0), "");
}

TEST(CoordinatorHelloTest, TheEndOfAnOlderIncarnationIsIgnored) {
  CoordinatorHarness daemon(1);
  daemon.Hello(CoordinatorHarness::MakeHello(0));
  RankHello restarted = CoordinatorHarness::MakeHello(0);
  restarted.incarnation = 999;
  daemon.Hello(restarted);
  daemon.Disconnect(0, 100);
  EXPECT_EQ(daemon.state(0), RankState::kSynced);
  daemon.Disconnect(0, 999);
  EXPECT_EQ(daemon.state(0), RankState::kGone);
  EXPECT_EQ(daemon.coordinator.waiting_for(), "rank 0 missing");
}

TEST(CoordinatorHelloTest, MessagesOfAGoneRankAreIgnored) {
  CoordinatorHarness daemon(1);
  daemon.BringTo(PlanPhase::kPreparing);
  daemon.Disconnect(0);
  daemon.Prepared(0);
  daemon.Active(0, Plan(kTerm, 9));
  daemon.Refuse(0, NackCode::kNoMemory);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  EXPECT_EQ(daemon.state(0), RankState::kGone);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kPreparing);
}

TEST(CoordinatorHelloTest, ARankFarBehindWaitsForADecisionThatIsBeingStored) {
  CoordinatorHarness daemon(2);
  daemon.BringTo(PlanPhase::kDeciding);
  RankHello hello = CoordinatorHarness::MakeHello(1, InitialPlanId());
  hello.incarnation = 999;
  daemon.Hello(hello);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.DecisionStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 0", "prepare 1"));
  EXPECT_EQ(daemon.message[1].plan, kPlan);
}

// Answers everything as a healthy store and healthy ranks do, until nothing is asked for.
class HealthyGroup {
 public:
  explicit HealthyGroup(CoordinatorHarness& harness, int num_ranks)
      : harness_(harness), num_ranks_(num_ranks) {}

  void Serve() {
    for (int turn = 0; turn < 20; ++turn) {
      for (const std::string& asked : harness_.Take()) Answer(asked);
      const PlanId& decided = harness_.coordinator.decided();
      if (std::all_of(held_.begin(), held_.end(), [](bool held) { return held; })) {
        for (int rank = 0; rank < num_ranks_; ++rank) harness_.Active(rank, decided);
      }
    }
  }

 private:
  void Answer(const std::string& asked) {
    if (asked == "propose") harness_.ProposalStored();
    if (asked == "decide") harness_.DecisionStored();
    if (asked == "abort in store") harness_.AbortStored();
    for (int rank = 0; rank < num_ranks_; ++rank) {
      if (asked == absl::StrCat("prepare ", rank)) harness_.Prepared(rank);
      if (asked == absl::StrCat("retire ", rank)) harness_.Retired(rank);
      if (asked != absl::StrCat("commit ", rank)) continue;
      harness_.Held(rank);
      held_[rank] = true;
    }
  }

  CoordinatorHarness& harness_;
  const int num_ranks_;
  std::vector<bool> held_ = std::vector<bool>(3, false);
};

// A worker process dies in each phase, before and after its own part in it, and comes back
// as another one on the plan that the group serves then.
TEST(CoordinatorHelloTest, AWorkerMayBeLostInEveryPhaseAndComeBackAnew) {
  const PlanPhase phases[] = {PlanPhase::kIdle,     PlanPhase::kProposed,   PlanPhase::kPreparing,
                              PlanPhase::kDeciding, PlanPhase::kCommitting, PlanPhase::kRetiring,
                              PlanPhase::kAborting};
  for (const PlanPhase phase : phases) {
    for (const bool had_answered : {false, true}) {
      SCOPED_TRACE(absl::StrCat(PlanPhaseName(phase), had_answered ? ", answered" : ""));
      CoordinatorHarness harness(3);
      harness.BringTo(phase);
      if (had_answered && phase == PlanPhase::kPreparing) harness.Prepared(1);
      if (had_answered && phase == PlanPhase::kCommitting) harness.Held(1);
      if (had_answered && phase == PlanPhase::kRetiring) harness.Retired(1);
      harness.Disconnect(1);
      EXPECT_EQ(harness.state(1), RankState::kGone);
      // What BringTo() took away is still to be answered by the store and the others.
      std::vector<std::string> asked = harness.Take();
      if (phase == PlanPhase::kProposed) asked.push_back("propose");
      if (phase == PlanPhase::kDeciding) asked.push_back("decide");
      if (phase == PlanPhase::kAborting) asked.push_back("abort in store");
      for (const int rank : {0, 2}) {
        if (phase == PlanPhase::kPreparing) asked.push_back(absl::StrCat("prepare ", rank));
        if (phase == PlanPhase::kCommitting) asked.push_back(absl::StrCat("commit ", rank));
        if (phase == PlanPhase::kRetiring) asked.push_back(absl::StrCat("retire ", rank));
      }
      RankHello anew =
          CoordinatorHarness::MakeHello(1, phase == PlanPhase::kRetiring ? kPlan : kDecided);
      anew.incarnation = 999;
      harness.Hello(anew);
      asked.insert(asked.end(), harness.log.begin(), harness.log.end());
      harness.log = asked;
      HealthyGroup(harness, 3).Serve();
      const bool switches = phase != PlanPhase::kIdle && phase != PlanPhase::kAborting;
      EXPECT_EQ(harness.coordinator.decided(), switches ? kPlan : kDecided);
      EXPECT_EQ(harness.coordinator.phase(), PlanPhase::kIdle) << harness.coordinator.waiting_for();
      EXPECT_EQ(harness.coordinator.waiting_for(), "");
      for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(harness.state(rank), RankState::kSynced);
    }
  }
}

TEST(CoordinatorLeaveTest, ARankThatLeftIsNamedAndNoPlanBeginsWithoutIt) {
  CoordinatorHarness daemon(3);
  daemon.BringTo(PlanPhase::kIdle);
  daemon.Leave(1);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  EXPECT_EQ(daemon.state(1), RankState::kLeft);
  EXPECT_EQ(daemon.detail(1), "drained");
  EXPECT_EQ(daemon.coordinator.waiting_for(), "rank 1 left");
  EXPECT_FALSE(daemon.coordinator.all_connected());
  EXPECT_EQ(daemon.Propose(), absl::FailedPreconditionError("rank 1 left"));
  daemon.Disconnect(1);  // The end of its session, which comes later.
  EXPECT_EQ(daemon.state(1), RankState::kLeft);
  RankHello back = CoordinatorHarness::MakeHello(1);
  back.incarnation = 500;
  daemon.Hello(back);
  EXPECT_EQ(daemon.state(1), RankState::kSynced);
  EXPECT_TRUE(daemon.Propose().ok());
}

TEST(CoordinatorLeaveTest, AbortsAPlanThatIsNotDecided) {
  for (const PlanPhase phase : {PlanPhase::kProposed, PlanPhase::kPreparing}) {
    CoordinatorHarness daemon(3);
    daemon.BringTo(phase);
    daemon.Leave(1);
    if (phase == PlanPhase::kProposed) daemon.ProposalStored();
    EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kAborting);
    daemon.AbortStored();
    EXPECT_EQ(daemon.last.reason.find("aborted: rank 1 leaves the group: drained"), 0u)
        << daemon.last.reason;
    EXPECT_EQ(daemon.coordinator.decided(), kDecided);
  }
}

TEST(CoordinatorLeaveTest, ADecidedPlanIsNotTakenBack) {
  for (const PlanPhase phase : {PlanPhase::kDeciding, PlanPhase::kCommitting}) {
    CoordinatorHarness daemon(3);
    daemon.BringTo(phase);
    daemon.Leave(1);
    if (phase == PlanPhase::kDeciding) daemon.DecisionStored();
    EXPECT_EQ(daemon.coordinator.decided(), kPlan);
    EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kCommitting);
    daemon.Held(0);
    daemon.Held(2);
    EXPECT_EQ(daemon.coordinator.waiting_for(), "rank 1 left");
    RankHello back = CoordinatorHarness::MakeHello(1);
    back.incarnation = 500;
    daemon.Take();
    daemon.Hello(back);
    EXPECT_THAT(daemon.Take(), ElementsAre("prepare 1"));
  }
}

TEST(CoordinatorLeaveTest, RetiringDoesNotWaitForARankThatLeft) {
  CoordinatorHarness daemon(3);
  daemon.BringTo(PlanPhase::kRetiring);
  daemon.Retired(0);
  daemon.Retired(2);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kRetiring);
  daemon.Leave(1);
  EXPECT_EQ(daemon.coordinator.phase(), PlanPhase::kIdle);
}

}  // namespace
}  // namespace ballast
