// The engine's side of a switch, without a network.

#include <memory>
#include <optional>
#include <vector>

#include "client/worker/backoff.h"
#include "client/worker/plan_intake.h"
#include "client/worker/switch_point.h"
#include "core/base/fingerprint.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/worker_fake_loader.h"
#include "tests/client/worker_test_plans.h"

namespace ballast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = ParticipantAction::Kind;

class SwitchPointTest : public testing::Test {
 protected:
  SwitchPointTest()
      : topology_(SmallTopology()),
        intake_(SmallShape(), topology_, RankId(1)),
        initial_(InitialPlan(SmallShape(), topology_)),
        loader_(topology_, RankId(1), initial_),
        point_(*intake_.Make(initial_), {2, 3}, RouterOptions{}, loader_,
               std::make_shared<Wakeup>()) {
    point_.OnWelcome(1);
  }

  PlanInHand Shifted(std::uint64_t sequence) const {
    return *intake_.Make(ShiftedPlan(SmallShape(), topology_, sequence));
  }
  void Prepare(const PlanInHand& plan) {
    point_.OnPrepare(1, plan, point_.Look().active.id, 1, std::nullopt);
    point_.SetNumMoves(6);
    point_.OnLoaded(plan.id, std::nullopt);
  }
  // Brings the point to the step before the switch.
  void AgreeOn(const PlanInHand& plan) {
    Prepare(plan);
    point_.OnCommit(2, plan.id, 1);
    ASSERT_EQ(point_.OnVote(point_.Vote()), VoteResult::kAgreed);
  }
  std::vector<Kind> NewsKinds() {
    std::vector<Kind> kinds;
    for (const auto& action : point_.TakeNews().actions) kinds.push_back(action.kind);
    return kinds;
  }

  const Topology topology_;
  const PlanIntake intake_;
  const PlacementPlan initial_;
  FakeLoader loader_;
  SwitchPoint point_;
};

TEST_F(SwitchPointTest, ServesTheStartPlanFromTheFirstStepOn) {
  EXPECT_FALSE(point_.counting());
  EXPECT_FALSE(point_.BeginStep(40));
  EXPECT_TRUE(point_.counting());
  const PlanId id = PlanIdOf(SmallShape(), initial_);
  EXPECT_EQ(point_.router().table().id(), id);
  EXPECT_EQ(point_.active_digest_prefix(), DigestPrefix(id.digest));
  EXPECT_EQ(point_.counters().Current().plan, id);
  EXPECT_EQ(point_.counters().Current().step_first, 40u);
  EXPECT_EQ(point_.step(), 40u);
}

TEST_F(SwitchPointTest, VotesOnlyOnceThePlanIsCommitted) {
  point_.BeginStep(1);
  const PlanInHand plan = Shifted(1);
  Prepare(plan);
  EXPECT_EQ(point_.Vote(), VoteWord{});
  point_.OnCommit(2, plan.id, 1);
  EXPECT_EQ(point_.Vote(), MakeVote(DigestPrefix(plan.id.digest)));
}

TEST_F(SwitchPointTest, SwitchesAtTheStepAfterAnAgreedVote) {
  point_.BeginStep(1);
  const PlanInHand plan = Shifted(1);
  AgreeOn(plan);
  EXPECT_EQ(point_.router().table().id(), PlanIdOf(SmallShape(), initial_));
  EXPECT_THAT(loader_.calls(), IsEmpty());
  EXPECT_TRUE(point_.BeginStep(2));
  EXPECT_THAT(loader_.calls(), ElementsAre("activate 1"));
  EXPECT_EQ(point_.router().table().id(), plan.id);
  EXPECT_EQ(point_.active_digest_prefix(), DigestPrefix(plan.id.digest));
  EXPECT_EQ(point_.counters().Current().plan, plan.id);
  EXPECT_EQ(point_.counters().Current().step_first, 2u);
  const auto view = point_.Look();
  EXPECT_EQ(view.active.id, plan.id);
  EXPECT_EQ(view.activations, 1u);
  EXPECT_EQ(view.moved_slots, 6u);
  EXPECT_EQ(view.active_since_step, 2u);
  EXPECT_THAT(NewsKinds(), ElementsAre(Kind::kStartLoading, Kind::kSendPrepared, Kind::kSendHeld,
                                       Kind::kSendActive));
  EXPECT_EQ(point_.Vote(), VoteWord{});
  EXPECT_FALSE(point_.BeginStep(3));
}

TEST_F(SwitchPointTest, StaysIfAnotherRankIsNotReady) {
  point_.BeginStep(1);
  const PlanInHand plan = Shifted(1);
  Prepare(plan);
  point_.OnCommit(2, plan.id, 1);
  EXPECT_EQ(point_.OnVote(ReduceVotes(point_.Vote(), VoteWord{})), VoteResult::kNotReady);
  EXPECT_FALSE(point_.BeginStep(2));
}

TEST_F(SwitchPointTest, StaysAndCountsIfRanksDisagree) {
  point_.BeginStep(1);
  const PlanInHand plan = Shifted(1);
  Prepare(plan);
  point_.OnCommit(2, plan.id, 1);
  const VoteWord other = MakeVote(DigestPrefix(plan.id.digest) + 1);
  EXPECT_EQ(point_.OnVote(ReduceVotes(point_.Vote(), other)), VoteResult::kDisagreed);
  EXPECT_FALSE(point_.BeginStep(2));
  EXPECT_EQ(point_.Look().disagreements, 1u);
  EXPECT_EQ(point_.TakeNews().disagreements, 1u);
}

TEST_F(SwitchPointTest, KeepsTheCountsOfTheOldPlanForALastReport) {
  point_.BeginStep(1);
  point_.counters().Add(LayerId(0), 0, 7);
  point_.EndStep(1);
  AgreeOn(Shifted(1));
  point_.BeginStep(2);
  LoadCounters::Snapshot last;
  ASSERT_TRUE(point_.counters().TakePrevious(&last));
  EXPECT_EQ(last.plan, PlanIdOf(SmallShape(), initial_));
  EXPECT_EQ(last.counts[0], 7u);
}

TEST_F(SwitchPointTest, ServesEqualContentUnderItsNewestVersion) {
  point_.BeginStep(1);
  const PlanInHand first = Shifted(1);
  const PlanInHand second = Shifted(5);
  ASSERT_EQ(first.id.digest, second.id.digest);
  Prepare(first);
  point_.OnPrepare(9, second, point_.Look().active.id, 1, std::nullopt);
  point_.OnCommit(10, second.id, 1);
  ASSERT_EQ(point_.OnVote(point_.Vote()), VoteResult::kAgreed);
  EXPECT_TRUE(point_.BeginStep(2));
  EXPECT_EQ(point_.router().table().id(), second.id);
  EXPECT_EQ(point_.Look().active.id, second.id);
  EXPECT_EQ(point_.Look().moved_slots, 6u);
}

TEST_F(SwitchPointTest, GoesByTheNewestVersionEvenIfItsMessageWasBroken) {
  point_.BeginStep(1);
  const PlanInHand first = Shifted(1);
  const PlanInHand second = Shifted(5);
  Prepare(first);
  point_.OnPrepare(9, {second.id, nullptr, nullptr, 0}, point_.Look().active.id, 1,
                   Nack{NackCode::kMembershipMismatch, ""});
  point_.OnCommit(10, second.id, 1);
  ASSERT_EQ(point_.OnVote(point_.Vote()), VoteResult::kAgreed);
  EXPECT_TRUE(point_.BeginStep(2));
  EXPECT_EQ(point_.Look().active.id, second.id);
  EXPECT_EQ(point_.counters().Current().plan, second.id);
}

TEST_F(SwitchPointTest, ForgetsAnAbortedPlan) {
  point_.BeginStep(1);
  const PlanInHand plan = Shifted(1);
  Prepare(plan);
  point_.OnAbort(3, plan.id, 1);
  EXPECT_FALSE(point_.Look().candidate.has_value());
  EXPECT_THAT(NewsKinds(), ElementsAre(Kind::kStartLoading, Kind::kSendPrepared, Kind::kDropPlan,
                                       Kind::kSendAborted));
}

TEST(PlanIntakeTest, RefusesWhatCanNotBeServedAndNamesTheReason) {
  const Topology topology = SmallTopology();
  const PlanIntake intake(SmallShape(), topology, RankId(0));
  const PlacementPlan good = ShiftedPlan(SmallShape(), topology, 3);
  PrepareOrder order;
  order.plan = PlanIdOf(SmallShape(), good);
  order.placement = good;
  order.membership_gen = 7;
  PlanInHand plan;
  EXPECT_FALSE(intake.Check(order, 7, &plan).has_value());
  EXPECT_EQ(plan.table->id(), order.plan);
  EXPECT_EQ(*plan.plan, good);

  PrepareOrder bad = order;
  bad.membership_gen = 8;
  EXPECT_EQ(intake.Check(bad, 7, &plan)->code, NackCode::kMembershipMismatch);
  EXPECT_EQ(intake.Check(bad, 7, &plan)->detail, "plan is for membership 8, worker has 7");
  bad = order;
  bad.placement->topology_fingerprint ^= 1;
  EXPECT_EQ(intake.Check(bad, 7, &plan)->code, NackCode::kMembershipMismatch);
  bad = order;
  bad.placement = absl::InvalidArgumentError("PlacementTable.share: 3 bytes, not 8");
  EXPECT_EQ(intake.Check(bad, 7, &plan)->code, NackCode::kShapeMismatch);
  bad = order;
  bad.placement->expert_in_slot.resize(12);
  bad.placement->share.resize(12);
  EXPECT_EQ(intake.Check(bad, 7, &plan)->code, NackCode::kShapeMismatch);
  bad = order;
  bad.placement->expert_in_slot[3] = ExpertId(4);
  EXPECT_EQ(intake.Check(bad, 7, &plan)->code, NackCode::kShapeMismatch);
  EXPECT_THAT(intake.Check(bad, 7, &plan)->detail, testing::HasSubstr("slot 3: expert 4"));
  bad = order;
  bad.plan.digest[0] ^= 1;
  EXPECT_EQ(intake.Check(bad, 7, &plan)->code, NackCode::kDigestMismatch);
  EXPECT_EQ(plan.id, bad.plan);
}

TEST(BackoffTest, WaitsWithFullJitterUpToACapThatDoubles) {
  Backoff backoff(absl::Milliseconds(100), absl::Seconds(5), 1);
  absl::Duration limit = absl::Milliseconds(100);
  for (int attempt = 0; attempt < 20; ++attempt) {
    const absl::Duration wait = backoff.Next();
    EXPECT_GT(wait, absl::ZeroDuration());
    EXPECT_LE(wait, limit);
    limit = std::min(absl::Seconds(5), 2 * limit);
  }
  absl::Duration longest;
  for (int attempt = 0; attempt < 100; ++attempt) longest = std::max(longest, backoff.Next());
  EXPECT_GT(longest, absl::Seconds(4));
  backoff.Reset();
  EXPECT_LE(backoff.Next(), absl::Milliseconds(100));
}

TEST(BackoffTest, SpreadsAWaitThatAllWereAskedFor) {
  // How many of 1000 workers come back in each tenth of the 5 s after a wait of 10 s.
  std::vector<int> tenths(10);
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Backoff backoff(absl::Milliseconds(100), absl::Seconds(5), seed);
    const absl::Duration wait = backoff.Spread(absl::Seconds(10));
    ASSERT_GE(wait, absl::Seconds(10));
    ASSERT_LT(wait, absl::Seconds(15));
    ++tenths[(wait - absl::Seconds(10)) / absl::Milliseconds(500)];
  }
  EXPECT_THAT(tenths, testing::Each(testing::AllOf(testing::Gt(60), testing::Lt(150))));
  EXPECT_EQ(Backoff(absl::Milliseconds(100), absl::Seconds(5), 1).Spread(absl::ZeroDuration()),
            absl::ZeroDuration());
}

}  // namespace
}  // namespace ballast
