// Goal: a group that runs a plan which a restored store does not know is led back to a plan of
// that store, when an operator says so and not before, and never half of it.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rollout/coordinator_harness.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const PlanId kLater = Plan(1, 9);  // After kDecided, before kPlan.

absl::Status ProposeOverAhead(CoordinatorHarness& daemon, const PlanId& plan = kPlan) {
  Coordinator::Actions actions;
  const absl::Status status =
      daemon.coordinator.ProposeOverAhead(plan.digest, daemon.now, &actions);
  for (const CoordinatorAction& action : actions) {
    EXPECT_EQ(action.kind, CoordinatorAction::Kind::kPersistProposal);
    EXPECT_EQ(action.base, kDecided) << "the store's history goes on from its newest plan";
  }
  EXPECT_EQ(actions.size(), status.ok() ? 1u : 0u);
  return status;
}

void ExpectRefused(CoordinatorHarness& daemon, const std::string& why) {
  const absl::Status status = ProposeOverAhead(daemon);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  daemon.Advance(absl::Hours(1));
  EXPECT_THAT(daemon.Take(), IsEmpty());
}

TEST(CoordinatorAheadTest, AllRanksPrepareOnTopOfWhatTheyRunAndSwitchTogether) {
  CoordinatorHarness daemon(2);
  daemon.HelloAll(kLater);
  ASSERT_TRUE(ProposeOverAhead(daemon).ok());
  daemon.Advance(absl::Minutes(5));
  daemon.Active(0, kLater);
  EXPECT_THAT(daemon.Take(), IsEmpty()) << "nothing is sent before the store has it";
  daemon.ProposalStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 0", "prepare 1"));
  EXPECT_EQ(daemon.message[1].plan, kPlan);
  EXPECT_EQ(daemon.message[1].base, kLater);
  EXPECT_FALSE(daemon.message[1].peers_run_plan);
  EXPECT_EQ(daemon.state(0), RankState::kStale);
  daemon.Active(0, kLater);  // A heartbeat changes nothing.
  daemon.Prepared(0);
  EXPECT_EQ(daemon.state(0), RankState::kPrepared);
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.Prepared(1);
  EXPECT_THAT(daemon.Take(), ElementsAre("decide"));
  daemon.DecisionStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("commit 0", "commit 1"));
  for (int rank : {0, 1}) daemon.Held(rank);
  for (int rank : {0, 1}) daemon.Active(rank);
  for (int rank : {0, 1}) daemon.Retired(rank);
  EXPECT_THAT(daemon.Take(), ElementsAre("retire 0", "retire 1", "finished done"));
  EXPECT_EQ(daemon.state(0), RankState::kSynced);
  EXPECT_TRUE(daemon.Propose(Plan(kTerm, 6)).ok()) << "planning goes on";
}

TEST(CoordinatorAheadTest, TheContentOfTheDecidedPlanCanBeBroughtBack) {
  CoordinatorHarness daemon(1);
  daemon.HelloAll(kLater);
  const PlanId again = {kPlan.version, kDecided.digest};
  ASSERT_TRUE(ProposeOverAhead(daemon, again).ok());
  daemon.ProposalStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 0"));
  daemon.Prepared(0);
  daemon.DecisionStored();
  EXPECT_THAT(daemon.Take(), ElementsAre("decide", "commit 0"));
  EXPECT_EQ(daemon.coordinator.decided(), again);
}

TEST(CoordinatorAheadTest, RanksAreAheadAgainIfThePlanIsGivenUp) {
  CoordinatorHarness daemon(2);
  daemon.HelloAll(kLater);
  ASSERT_TRUE(ProposeOverAhead(daemon).ok());
  daemon.ProposalStored();
  daemon.Take();
  daemon.Refuse(1, NackCode::kNoMemory);
  EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
  daemon.Advance(absl::Minutes(5));
  EXPECT_THAT(daemon.Take(), IsEmpty());
  daemon.AbortStored();
  EXPECT_THAT(daemon.Take(),
              ElementsAre("abort 0", "abort 1", "finished aborted: rank 1 NO_MEMORY: why"));
  daemon.Advance(absl::Hours(1));
  EXPECT_THAT(daemon.Take(), IsEmpty()) << "the older plan is not pushed";
  for (int rank : {0, 1}) EXPECT_EQ(daemon.state(rank), RankState::kAhead);
  EXPECT_TRUE(ProposeOverAhead(daemon).ok()) << "it may be tried again";
}

TEST(CoordinatorAheadTest, RanksAreAheadAgainIfTheStoreRefuses) {
  CoordinatorHarness daemon(1);
  daemon.HelloAll(kLater);
  ASSERT_TRUE(ProposeOverAhead(daemon).ok());
  daemon.StoreFailed(absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(daemon.Take(), ElementsAre("finished refused: disk full"));
  EXPECT_EQ(daemon.state(0), RankState::kAhead);
  daemon.Advance(absl::Hours(1));
  EXPECT_THAT(daemon.Take(), IsEmpty());
}

TEST(CoordinatorAheadTest, ARankMayLoseItsSessionMeanwhile) {
  CoordinatorHarness daemon(2);
  daemon.HelloAll(kLater);
  ASSERT_TRUE(ProposeOverAhead(daemon).ok());
  daemon.ProposalStored();
  daemon.Prepared(0);
  daemon.Disconnect(1);
  daemon.Take();
  daemon.Hello(CoordinatorHarness::MakeHello(1, kLater));
  EXPECT_THAT(daemon.Take(), ElementsAre("prepare 1"));
  daemon.Prepared(1);
  EXPECT_THAT(daemon.Take(), ElementsAre("decide"));
}

TEST(CoordinatorAheadTest, ARankThatTurnsOutToRunAnotherPlanEndsIt) {
  for (const PlanId& other : {Plan(1, 8), kDecided}) {
    CoordinatorHarness daemon(2);
    daemon.HelloAll(kLater);
    ASSERT_TRUE(ProposeOverAhead(daemon).ok());
    daemon.ProposalStored();
    daemon.Disconnect(1);
    daemon.Take();
    daemon.Hello(CoordinatorHarness::MakeHello(1, other));
    EXPECT_THAT(daemon.Take(), ElementsAre("abort in store"));
    EXPECT_THAT(daemon.last.reason, HasSubstr("rank 1 runs"));
  }
}

TEST(CoordinatorAheadTest, IsForGroupsOfWhichAllRanksRunOneLaterPlan) {
  CoordinatorHarness in_step(2);
  in_step.HelloAll();
  for (int rank : {0, 1}) in_step.Retired(rank);
  in_step.Take();
  ExpectRefused(in_step, "rank 0 is not ahead of this store");

  CoordinatorHarness missing(2);
  missing.Hello(CoordinatorHarness::MakeHello(0, kLater));
  ExpectRefused(missing, "rank 1 missing");

  CoordinatorHarness two_plans(2);
  two_plans.Hello(CoordinatorHarness::MakeHello(0, kLater));
  two_plans.Hello(CoordinatorHarness::MakeHello(1, Plan(1, 8)));
  ExpectRefused(two_plans, "rank 1 runs ahead of this store: active is 1.8");

  CoordinatorHarness held(1);
  RankHello hello = CoordinatorHarness::MakeHello(0);
  hello.held = kLater;
  hello.held_is_committed = true;
  held.Hello(hello);
  ExpectRefused(held, "holds the committed plan 1.9");

  CoordinatorHarness same(1);
  same.HelloAll(kLater);
  EXPECT_TRUE(absl::IsAlreadyExists(ProposeOverAhead(same, kLater)));
  EXPECT_EQ(same.state(0), RankState::kAhead);

  CoordinatorHarness busy(1);
  busy.BringTo(PlanPhase::kPreparing);
  const absl::Status status = ProposeOverAhead(busy);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a plan is on its way"));
}

}  // namespace
}  // namespace ballast
