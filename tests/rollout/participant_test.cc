#include "core/rollout/participant.h"

#include <optional>
#include <string>
#include <vector>

#include "core/base/fingerprint.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rollout/plan_names.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = ParticipantAction::Kind;

constexpr std::uint64_t kTerm = 3;

const PlanId kBase = Plan(2, 4);
const PlanId kPlan = Plan(kTerm, 5);
const PlanId kOther = Plan(kTerm, 6);

VoteWord VoteFor(const PlanId& plan) { return MakeVote(DigestPrefix(plan.digest)); }

// One rank that runs kBase, and what it did since the last look.
class Rank {
 public:
  explicit Rank(PlanId active = kBase) : participant(active) {}

  void Prepare(std::uint64_t nonce, const PlanId& plan, const PlanId& base = kBase,
               std::uint64_t term = kTerm, std::optional<Nack> fault = std::nullopt) {
    participant.OnPrepare(nonce, plan, base, term, fault, &actions);
  }
  void Loaded(const PlanId& plan, std::optional<Nack> fault = std::nullopt) {
    participant.OnLoaded(plan, fault, &actions);
  }
  void Commit(std::uint64_t nonce, const PlanId& plan, std::uint64_t term = kTerm) {
    participant.OnCommit(nonce, plan, term, &actions);
  }
  void Abort(std::uint64_t nonce, const PlanId& plan, std::uint64_t term = kTerm) {
    participant.OnAbort(nonce, plan, term, &actions);
  }
  void Retire(std::uint64_t nonce, const PlanId& plan, std::uint64_t term = kTerm) {
    participant.OnRetire(nonce, plan, term, &actions);
  }
  // Brings kPlan to the state, by the straight path with nonces 1 and 2.
  void BringTo(ParticipantState state) {
    Prepare(1, kPlan);
    if (state != ParticipantState::kCopying) Loaded(kPlan);
    if (state == ParticipantState::kHeld || state == ParticipantState::kSwitching) {
      Commit(2, kPlan);
    }
    if (state == ParticipantState::kSwitching) participant.OnVote(VoteFor(kPlan));
    ASSERT_EQ(participant.state(), state);
    actions.clear();
  }
  std::vector<Kind> TakeKinds() {
    std::vector<Kind> kinds;
    for (const ParticipantAction& action : actions) kinds.push_back(action.kind);
    taken = std::exchange(actions, {});
    return kinds;
  }

  Participant participant;
  Participant::Actions actions;
  Participant::Actions taken;
};

TEST(ParticipantTest, ServesThePlanItWasBuiltWith) {
  Rank rank;
  EXPECT_EQ(rank.participant.state(), ParticipantState::kActive);
  EXPECT_EQ(rank.participant.active(), kBase);
  EXPECT_EQ(rank.participant.held(), std::nullopt);
  EXPECT_EQ(rank.participant.Vote(), VoteWord{});
}

TEST(ParticipantTest, WalksTheStraightPathAndAnswersWithTheNonceOfEachMessage) {
  Rank rank;
  rank.Prepare(11, kPlan);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kCopying);
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kStartLoading));
  EXPECT_EQ(rank.taken[0].plan, kPlan);

  rank.Loaded(kPlan);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kPrepared);
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendPrepared));
  EXPECT_EQ(rank.taken[0].nonce, 11u);

  rank.Commit(12, kPlan);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kHeld);
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendHeld));
  EXPECT_EQ(rank.taken[0].nonce, 12u);
  EXPECT_EQ(rank.participant.Vote(), VoteFor(kPlan));

  EXPECT_EQ(rank.participant.OnVote(VoteFor(kPlan)), VoteResult::kAgreed);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kSwitching);
  EXPECT_EQ(rank.participant.active(), kBase) << "the vote's own step still runs the old plan";

  EXPECT_TRUE(rank.participant.BeginStep(&rank.actions));
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendActive));
  EXPECT_EQ(rank.taken[0].plan, kPlan);
  EXPECT_EQ(rank.participant.active(), kPlan);
  EXPECT_EQ(rank.participant.held(), std::nullopt);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kActive);

  rank.Retire(13, kPlan);
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendRetired));
  EXPECT_EQ(rank.taken[0].nonce, 13u);
}

TEST(ParticipantTest, StepsWithoutAnAgreementChangeNothing) {
  for (const ParticipantState state :
       {ParticipantState::kCopying, ParticipantState::kPrepared, ParticipantState::kHeld}) {
    Rank rank;
    rank.BringTo(state);
    EXPECT_FALSE(rank.participant.BeginStep(&rank.actions));
    EXPECT_THAT(rank.actions, IsEmpty());
    EXPECT_EQ(rank.participant.active(), kBase);
    EXPECT_EQ(rank.participant.state(), state);
  }
}

TEST(ParticipantTest, VotesOnlyWithPermission) {
  for (const ParticipantState state :
       {ParticipantState::kCopying, ParticipantState::kPrepared, ParticipantState::kSwitching}) {
    Rank rank;
    rank.BringTo(state);
    EXPECT_EQ(rank.participant.Vote(), VoteWord{}) << ParticipantStateName(state);
  }
}

TEST(ParticipantTest, StaysHeldWhileAnyRankIsNotReady) {
  Rank rank;
  rank.BringTo(ParticipantState::kHeld);
  EXPECT_EQ(rank.participant.OnVote(VoteWord{}), VoteResult::kNotReady);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kHeld);
  EXPECT_EQ(rank.participant.disagreements(), 0u);
}

TEST(ParticipantTest, CountsADisagreementAndStays) {
  Rank rank;
  rank.BringTo(ParticipantState::kHeld);
  const VoteWord reduced = ReduceVotes(VoteFor(kPlan), VoteFor(kOther));
  EXPECT_EQ(rank.participant.OnVote(reduced), VoteResult::kDisagreed);
  EXPECT_EQ(rank.participant.OnVote(reduced), VoteResult::kDisagreed);
  EXPECT_EQ(rank.participant.disagreements(), 2u);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kHeld);
  EXPECT_EQ(rank.participant.OnVote(VoteFor(kPlan)), VoteResult::kAgreed);
}

TEST(ParticipantTest, TakesAnAgreementWithoutItsOwnVoteForABrokenCollective) {
  for (const ParticipantState state :
       {ParticipantState::kCopying, ParticipantState::kPrepared, ParticipantState::kHeld}) {
    Rank rank;
    rank.BringTo(state);
    EXPECT_EQ(rank.participant.OnVote(VoteFor(kOther)), VoteResult::kDisagreed);
    EXPECT_EQ(rank.participant.disagreements(), 1u);
    EXPECT_EQ(rank.participant.state(), state);
  }
  Rank prepared;
  prepared.BringTo(ParticipantState::kPrepared);
  EXPECT_EQ(prepared.participant.OnVote(VoteFor(kPlan)), VoteResult::kDisagreed);
  EXPECT_EQ(prepared.participant.state(), ParticipantState::kPrepared);
}

TEST(ParticipantTest, ReadsTheVoteOfOneStepTwiceWithoutHarm) {
  Rank rank;
  rank.BringTo(ParticipantState::kSwitching);
  EXPECT_EQ(rank.participant.OnVote(VoteFor(kPlan)), VoteResult::kAgreed);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kSwitching);
  EXPECT_EQ(rank.participant.disagreements(), 0u);
}

TEST(ParticipantTest, NacksAPlanOnAnotherBase) {
  Rank rank;
  rank.Prepare(1, kPlan, Plan(2, 3));
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack));
  EXPECT_EQ(rank.taken[0].nack.code, NackCode::kBaseMismatch);
  EXPECT_EQ(rank.taken[0].nonce, 1u);
  EXPECT_THAT(rank.taken[0].nack.detail, HasSubstr(PlanIdText(Plan(2, 3))));
  EXPECT_THAT(rank.taken[0].nack.detail, HasSubstr(PlanIdText(kBase)));
  EXPECT_EQ(rank.participant.state(), ParticipantState::kActive);
}

TEST(ParticipantTest, AcceptsABaseOfAnotherVersionWithTheSameDigest) {
  Rank rank;
  rank.Prepare(1, kPlan, PlanId{{9, 9}, kBase.digest});
  EXPECT_THAT(rank.TakeKinds(), ElementsAre(Kind::kStartLoading));
}

TEST(ParticipantTest, PassesOnEachFaultThatTheOwnerFound) {
  for (int code = 0; code < kNumNackCodes; ++code) {
    Rank rank;
    rank.Prepare(7, kPlan, kBase, kTerm, Nack{static_cast<NackCode>(code), "values"});
    ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack));
    EXPECT_EQ(rank.taken[0].nack.code, static_cast<NackCode>(code));
    EXPECT_EQ(rank.taken[0].nack.detail, "values");
    EXPECT_EQ(rank.taken[0].nonce, 7u);
    EXPECT_EQ(rank.participant.state(), ParticipantState::kActive);
  }
}

TEST(ParticipantTest, NamesEveryNackCodeDifferently) {
  std::vector<std::string> names;
  for (int code = 0; code < kNumNackCodes; ++code) {
    names.push_back(NackCodeName(static_cast<NackCode>(code)));
  }
  EXPECT_THAT(names, ElementsAre("BASE_MISMATCH", "EPOCH_STALE", "DIGEST_MISMATCH",
                                 "SHAPE_MISMATCH", "MODEL_MISMATCH", "MEMBERSHIP_MISMATCH",
                                 "NO_MEMORY", "WEIGHT_SOURCE_MISSING", "COPY_FAILED",
                                 "CANARY_FAILED", "BUSY", "UNSUPPORTED_MODE"));
}

TEST(ParticipantTest, NamesItsStates) {
  EXPECT_STREQ(ParticipantStateName(ParticipantState::kActive), "active");
  EXPECT_STREQ(ParticipantStateName(ParticipantState::kCopying), "copying");
  EXPECT_STREQ(ParticipantStateName(ParticipantState::kPrepared), "prepared");
  EXPECT_STREQ(ParticipantStateName(ParticipantState::kHeld), "held");
  EXPECT_STREQ(ParticipantStateName(ParticipantState::kSwitching), "switching");
}

TEST(ParticipantTest, DropsThePlanWhoseLoadingFailed) {
  Rank rank;
  rank.BringTo(ParticipantState::kCopying);
  rank.Loaded(kPlan, Nack{NackCode::kCanaryFailed, "layer 3, slot 1"});
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kDropPlan, Kind::kSendNack));
  EXPECT_EQ(rank.taken[1].nack.code, NackCode::kCanaryFailed);
  EXPECT_EQ(rank.taken[1].nonce, 1u);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kActive);
  EXPECT_EQ(rank.participant.held(), std::nullopt);
}

TEST(ParticipantTest, IgnoresALoadThatNobodyWaitsFor) {
  Rank rank;
  rank.Loaded(kPlan);
  EXPECT_THAT(rank.actions, IsEmpty());
  rank.BringTo(ParticipantState::kCopying);
  rank.Loaded(kOther);
  EXPECT_THAT(rank.actions, IsEmpty());
  EXPECT_EQ(rank.participant.state(), ParticipantState::kCopying);
  rank.Loaded(kPlan);
  rank.TakeKinds();
  rank.Loaded(kPlan, Nack{NackCode::kCopyFailed, "late"});
  EXPECT_THAT(rank.actions, IsEmpty());
  EXPECT_EQ(rank.participant.state(), ParticipantState::kPrepared);
}

TEST(ParticipantTest, ConfirmsAPreparedPlanAtOnceWhateverItsBase) {
  Rank rank;
  rank.BringTo(ParticipantState::kPrepared);
  rank.Prepare(21, kPlan, Plan(1, 1));
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendPrepared));
  EXPECT_EQ(rank.taken[0].nonce, 21u);
}

TEST(ParticipantTest, ConfirmsAHeldPlanWithHeld) {
  for (const ParticipantState state : {ParticipantState::kHeld, ParticipantState::kSwitching}) {
    Rank rank;
    rank.BringTo(state);
    rank.Prepare(21, kPlan);
    ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendHeld));
    EXPECT_EQ(rank.taken[0].nonce, 21u);
    EXPECT_EQ(rank.participant.state(), state);
  }
}

TEST(ParticipantTest, GoesOnLoadingWhenAskedAgainAndAnswersTheNewerMessage) {
  Rank rank;
  rank.BringTo(ParticipantState::kCopying);
  rank.Prepare(22, kPlan);
  EXPECT_THAT(rank.TakeKinds(), IsEmpty());
  rank.Loaded(kPlan);
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendPrepared));
  EXPECT_EQ(rank.taken[0].nonce, 22u);
}

TEST(ParticipantTest, TakesOverANewerVersionOfTheSameContentButNeverAnOlder) {
  Rank rank;
  rank.BringTo(ParticipantState::kPrepared);
  const PlanId newer = {{kTerm + 1, 9}, kPlan.digest};
  rank.Prepare(23, newer, kBase, kTerm + 1);
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendPrepared));
  EXPECT_EQ(rank.participant.held(), newer);
  rank.Prepare(24, kPlan, kBase, kTerm + 1);
  EXPECT_EQ(rank.participant.held(), newer);
  rank.TakeKinds();
  rank.Commit(25, kPlan, kTerm + 1);
  EXPECT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack)) << "permission for the old version";
  rank.Commit(26, newer, kTerm + 1);
  EXPECT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendHeld));
}

TEST(ParticipantTest, ReplacesAPlanInCopyingOrPreparedByTheNewest) {
  for (const ParticipantState state : {ParticipantState::kCopying, ParticipantState::kPrepared}) {
    Rank rank;
    rank.BringTo(state);
    rank.Prepare(31, kOther);
    const Kind drop = state == ParticipantState::kCopying ? Kind::kCancelLoading : Kind::kDropPlan;
    ASSERT_THAT(rank.TakeKinds(), ElementsAre(drop, Kind::kStartLoading));
    EXPECT_EQ(rank.taken[0].plan, kPlan);
    EXPECT_EQ(rank.taken[1].plan, kOther);
    EXPECT_EQ(rank.participant.held(), kOther);
    EXPECT_EQ(rank.participant.state(), ParticipantState::kCopying);
    rank.Loaded(kPlan);
    EXPECT_THAT(rank.actions, IsEmpty());
  }
}

TEST(ParticipantTest, ARefusedPlanLeavesThePreparedOneAlone) {
  Rank rank;
  rank.BringTo(ParticipantState::kPrepared);
  rank.Prepare(31, kOther, kBase, kTerm, Nack{NackCode::kNoMemory, "2 GiB short"});
  EXPECT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack));
  EXPECT_EQ(rank.participant.held(), kPlan);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kPrepared);
}

TEST(ParticipantTest, IsBusyForAnotherPlanOnceCommitted) {
  for (const ParticipantState state : {ParticipantState::kHeld, ParticipantState::kSwitching}) {
    Rank rank;
    rank.BringTo(state);
    rank.Prepare(41, kOther);
    ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack));
    EXPECT_EQ(rank.taken[0].nack.code, NackCode::kBusy);
    rank.Prepare(42, PlanId{{kTerm, 9}, kPlan.digest});
    ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack)) << "permission is per version";
    EXPECT_EQ(rank.taken[0].nack.code, NackCode::kBusy);
    EXPECT_EQ(rank.participant.held(), kPlan);
    EXPECT_EQ(rank.participant.state(), state);
  }
}

TEST(ParticipantTest, AnswersAPrepareOfTheActivePlanWithActive) {
  Rank rank;
  rank.Prepare(5, kBase, kBase);
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendActive));
  EXPECT_EQ(rank.taken[0].plan, kBase);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kActive);
}

TEST(ParticipantTest, RefusesAPlanThatIsNotNewerThanTheActive) {
  Rank rank;
  rank.Prepare(5, Plan(2, 3));
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack));
  EXPECT_EQ(rank.taken[0].nack.code, NackCode::kEpochStale);
  rank.Prepare(6, PlanId{{1, 2}, kBase.digest});
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack));
  EXPECT_EQ(rank.taken[0].nack.code, NackCode::kEpochStale);
}

TEST(ParticipantTest, SwitchesToANewVersionOfTheActiveContentLikeToAnyOther) {
  const PlanId again = {{kTerm, 5}, kBase.digest};
  Rank rank;
  rank.Prepare(1, again);
  EXPECT_THAT(rank.TakeKinds(), ElementsAre(Kind::kStartLoading));
  rank.Loaded(again);
  rank.Commit(2, again);
  EXPECT_EQ(rank.participant.OnVote(rank.participant.Vote()), VoteResult::kAgreed);
  EXPECT_TRUE(rank.participant.BeginStep(&rank.actions));
  EXPECT_EQ(rank.participant.active(), again);
}

TEST(ParticipantTest, NacksACommitOfAPlanThatIsNotPrepared) {
  Rank idle;
  idle.Commit(51, kPlan);
  ASSERT_THAT(idle.TakeKinds(), ElementsAre(Kind::kSendNack));
  EXPECT_EQ(idle.taken[0].nack.code, NackCode::kBaseMismatch);
  EXPECT_EQ(idle.taken[0].nonce, 51u);

  Rank copying;
  copying.BringTo(ParticipantState::kCopying);
  copying.Commit(52, kPlan);
  EXPECT_THAT(copying.TakeKinds(), ElementsAre(Kind::kSendNack));
  EXPECT_EQ(copying.participant.state(), ParticipantState::kCopying);

  Rank prepared;
  prepared.BringTo(ParticipantState::kPrepared);
  prepared.Commit(53, kOther);
  EXPECT_THAT(prepared.TakeKinds(), ElementsAre(Kind::kSendNack));
  EXPECT_EQ(prepared.participant.state(), ParticipantState::kPrepared);
}

TEST(ParticipantTest, CommitIsIdempotentInEveryLaterState) {
  for (const ParticipantState state : {ParticipantState::kHeld, ParticipantState::kSwitching}) {
    Rank rank;
    rank.BringTo(state);
    rank.Commit(61, kPlan);
    ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendHeld));
    EXPECT_EQ(rank.taken[0].nonce, 61u);
    EXPECT_EQ(rank.participant.state(), state);
  }
  Rank active;
  active.BringTo(ParticipantState::kSwitching);
  active.participant.BeginStep(&active.actions);
  active.TakeKinds();
  active.Commit(62, kPlan);
  EXPECT_THAT(active.TakeKinds(), ElementsAre(Kind::kSendActive));
  EXPECT_EQ(active.participant.state(), ParticipantState::kActive);
}

TEST(ParticipantTest, AbortDropsAnUndecidedPlan) {
  Rank copying;
  copying.BringTo(ParticipantState::kCopying);
  copying.Abort(71, kPlan);
  ASSERT_THAT(copying.TakeKinds(), ElementsAre(Kind::kCancelLoading, Kind::kSendAborted));
  EXPECT_EQ(copying.taken[1].nonce, 71u);
  copying.Loaded(kPlan);
  EXPECT_THAT(copying.actions, IsEmpty());
  EXPECT_EQ(copying.participant.state(), ParticipantState::kActive);

  Rank prepared;
  prepared.BringTo(ParticipantState::kPrepared);
  prepared.Abort(72, kPlan);
  ASSERT_THAT(prepared.TakeKinds(), ElementsAre(Kind::kDropPlan, Kind::kSendAborted));
  EXPECT_EQ(prepared.taken[0].plan, kPlan);
  EXPECT_EQ(prepared.participant.held(), std::nullopt);
}

TEST(ParticipantTest, AbortOfAPlanThatIsNotHereCountsAsDone) {
  Rank rank;
  rank.BringTo(ParticipantState::kPrepared);
  rank.Abort(73, kOther);
  EXPECT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendAborted));
  rank.Abort(74, PlanId{{kTerm, 4}, kPlan.digest});
  EXPECT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendAborted));
  EXPECT_EQ(rank.participant.held(), kPlan) << "an older version of the content was meant";
}

TEST(ParticipantTest, RefusesToAbortWhatWasDecided) {
  for (const ParticipantState state : {ParticipantState::kHeld, ParticipantState::kSwitching}) {
    Rank rank;
    rank.BringTo(state);
    rank.Abort(75, kPlan);
    ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack));
    EXPECT_EQ(rank.taken[0].nack.code, NackCode::kBusy);
    EXPECT_EQ(rank.taken[0].nonce, 75u);
    EXPECT_EQ(rank.participant.state(), state);
  }
  Rank active;
  active.Abort(76, kBase);
  EXPECT_THAT(active.TakeKinds(), ElementsAre(Kind::kSendNack));
}

TEST(ParticipantTest, NacksARetireThatIsNotForTheActivePlan) {
  Rank rank;
  rank.BringTo(ParticipantState::kHeld);
  rank.Retire(81, kPlan);
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendNack));
  EXPECT_EQ(rank.taken[0].nack.code, NackCode::kBaseMismatch);
}

TEST(ParticipantTest, MessagesOfAnOlderTermChangeNothing) {
  Rank rank;
  rank.BringTo(ParticipantState::kPrepared);
  ASSERT_TRUE(rank.participant.OnWelcome(kTerm + 2));
  rank.Prepare(91, kOther, kBase, kTerm + 1);
  rank.Commit(92, kPlan, kTerm + 1);
  rank.Abort(93, kPlan, kTerm + 1);
  rank.Retire(94, kBase, kTerm + 1);
  ASSERT_THAT(rank.TakeKinds(),
              ElementsAre(Kind::kSendNack, Kind::kSendNack, Kind::kSendNack, Kind::kSendNack));
  for (const ParticipantAction& action : rank.taken) {
    EXPECT_EQ(action.nack.code, NackCode::kEpochStale);
  }
  EXPECT_EQ(rank.participant.state(), ParticipantState::kPrepared);
  EXPECT_EQ(rank.participant.held(), kPlan);
  EXPECT_EQ(rank.participant.highest_term_seen(), kTerm + 2);
}

TEST(ParticipantTest, RefusesTheWelcomeOfAnOlderDaemon) {
  Rank rank;
  EXPECT_TRUE(rank.participant.OnWelcome(4));
  EXPECT_FALSE(rank.participant.OnWelcome(3));
  EXPECT_EQ(rank.participant.highest_term_seen(), 4u);
  EXPECT_TRUE(rank.participant.OnWelcome(4));
  EXPECT_TRUE(rank.participant.OnWelcome(5));
}

TEST(ParticipantTest, RaisesItsTermWithAMessageOfANewerDaemon) {
  Rank rank;
  rank.Commit(1, kPlan, 8);
  EXPECT_EQ(rank.participant.highest_term_seen(), 8u);
  EXPECT_FALSE(rank.participant.OnWelcome(7));
}

TEST(ParticipantTest, ANonceDiesWithItsSession) {
  Rank rank;
  ASSERT_TRUE(rank.participant.OnWelcome(kTerm));
  rank.Prepare(95, kPlan);
  ASSERT_TRUE(rank.participant.OnWelcome(kTerm));
  rank.TakeKinds();
  rank.Loaded(kPlan);
  ASSERT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendPrepared));
  EXPECT_EQ(rank.taken[0].nonce, 0u);
}

TEST(ParticipantTest, RetireOfANewerDaemonDropsWhatOnlyAnOlderOneAskedFor) {
  for (const ParticipantState state : {ParticipantState::kCopying, ParticipantState::kPrepared}) {
    Rank rank;
    rank.BringTo(state);
    ASSERT_TRUE(rank.participant.OnWelcome(kTerm + 1));
    rank.Retire(3, kBase, kTerm + 1);
    const Kind drop = state == ParticipantState::kCopying ? Kind::kCancelLoading : Kind::kDropPlan;
    EXPECT_THAT(rank.TakeKinds(), ElementsAre(drop, Kind::kSendRetired));
    EXPECT_EQ(rank.participant.state(), ParticipantState::kActive);
  }
}

TEST(ParticipantTest, RetireKeepsAPlanThatThePresentDaemonAskedFor) {
  Rank overtaken;
  overtaken.BringTo(ParticipantState::kPrepared);
  overtaken.Retire(3, kBase);
  EXPECT_THAT(overtaken.TakeKinds(), ElementsAre(Kind::kSendRetired));
  EXPECT_EQ(overtaken.participant.held(), kPlan);

  Rank asked_again;
  asked_again.BringTo(ParticipantState::kCopying);
  asked_again.Prepare(3, kPlan, kBase, kTerm + 1);
  asked_again.Retire(4, kBase, kTerm + 1);
  EXPECT_THAT(asked_again.TakeKinds(), ElementsAre(Kind::kSendRetired));
  EXPECT_EQ(asked_again.participant.held(), kPlan);
}

TEST(ParticipantTest, RetireNeverDropsACommittedPlan) {
  Rank rank;
  rank.BringTo(ParticipantState::kHeld);
  rank.Retire(3, kBase, kTerm + 1);
  EXPECT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendRetired));
  EXPECT_EQ(rank.participant.held(), kPlan);
  EXPECT_EQ(rank.participant.state(), ParticipantState::kHeld);
}

TEST(ParticipantTest, KeepsAPreparedPlanOverARestartOfTheDaemon) {
  Rank rank;
  rank.BringTo(ParticipantState::kPrepared);
  ASSERT_TRUE(rank.participant.OnWelcome(kTerm + 1));
  rank.Commit(1, kPlan, kTerm + 1);
  EXPECT_THAT(rank.TakeKinds(), ElementsAre(Kind::kSendHeld));
}

}  // namespace
}  // namespace ballast
