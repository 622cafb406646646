// Goal: every store keeps each sentence of core/store/plan_store.h.
// Method: one suite, run for each implementation through a factory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/store/plan_store.h"
#include "core/store/plan_store_errors.h"
#include "tests/base/temp_folder.h"
#include "tests/contract/store_implementations.h"
#include "tests/store/plan_builder.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kWhen = absl::FromUnixSeconds(1700000001);

class PlanStoreContractTest : public ::testing::TestWithParam<StoreImplementation> {
 protected:
  PlanStoreContractTest() : store_(GetParam().make(folder_)), term_(*store_->BeginTerm()) {}

  PlanVersion Propose(int variant, PlanId base = {}, const std::string& ep_group = "decode") {
    const auto version = store_->Propose(TestRecord(variant, base, ep_group), term_);
    EXPECT_TRUE(version.ok()) << version.status();
    return version.value_or(PlanVersion());
  }

  // Proposes and decides; returns the new plan's name.
  PlanId Commit(int variant, PlanId base = {}, const std::string& ep_group = "decode") {
    const PlanVersion version = Propose(variant, base, ep_group);
    EXPECT_EQ(store_->Decide(ep_group, version, term_, kWhen), absl::OkStatus());
    return {version, TestRecord(variant).id.digest};
  }

  std::vector<std::uint64_t> Sequences(int limit = 100) const {
    std::vector<std::uint64_t> sequences;
    const std::vector<PlanRecord> history = *store_->History("decode", limit);
    for (const PlanRecord& record : history) {
      sequences.push_back(record.id.version.sequence);
    }
    return sequences;
  }

  TempFolder folder_;
  std::unique_ptr<PlanStore> store_;
  std::uint64_t term_;
};

void ExpectSameButState(const PlanRecord& got, const PlanRecord& want, PlanVersion version) {
  EXPECT_EQ(got.ep_group, want.ep_group);
  EXPECT_EQ(got.shape, want.shape);
  EXPECT_EQ(got.id, (PlanId{version, want.id.digest}));
  EXPECT_EQ(got.base, want.base);
  PlacementPlan plan = want.plan;
  plan.version = version;
  EXPECT_EQ(got.plan, plan);
  EXPECT_EQ(got.planner, want.planner);
  EXPECT_EQ(got.imbalance_before, want.imbalance_before);
  EXPECT_EQ(got.imbalance_after, want.imbalance_after);
  EXPECT_EQ(got.moved_slots, want.moved_slots);
  EXPECT_EQ(got.proposed, want.proposed);
}

TEST_P(PlanStoreContractTest, TermsBeginWithOneAndRiseByOne) {
  EXPECT_EQ(term_, 1);
  EXPECT_EQ(*store_->BeginTerm(), 2);
  EXPECT_EQ(*store_->BeginTerm(), 3);
}

TEST_P(PlanStoreContractTest, WritesOfALowerTermFail) {
  const PlanVersion version = Propose(1);
  ASSERT_EQ(*store_->BeginTerm(), 2);
  EXPECT_EQ(store_->Propose(TestRecord(1, {}, "prefill"), term_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Decide("decode", version, term_, kWhen).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Abort("decode", version, term_, "late").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Prune("decode", 1, term_).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Get("decode", version)->state, PlanState::kPreparing);
}

TEST_P(PlanStoreContractTest, WritesOfAHigherTermFail) {
  const absl::Status status = store_->Propose(TestRecord(1), 2).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("term 2 is not the store's, 1"));
}

TEST_P(PlanStoreContractTest, ANewTermDecidesWhatAnOlderTermPrepared) {
  const PlanVersion version = Propose(1);
  const std::uint64_t next = *store_->BeginTerm();
  EXPECT_EQ(store_->Decide("decode", version, next, kWhen), absl::OkStatus());
  EXPECT_EQ(store_->LatestDecided("decode")->id.version, version);
}

TEST_P(PlanStoreContractTest, ProposeAppendsInPreparingWithTermAndNextSequence) {
  PlanRecord record = TestRecord(1);
  record.id.version = record.plan.version = {.term = 77, .sequence = 88};
  record.state = PlanState::kDecided;
  record.decided = kWhen;
  EXPECT_EQ(*store_->Propose(record, term_), (PlanVersion{.term = 1, .sequence = 1}));
  const PlanRecord got = *store_->Get("decode", {.term = 1, .sequence = 1});
  ExpectSameButState(got, record, {.term = 1, .sequence = 1});
  EXPECT_EQ(got.reason, record.reason);
  EXPECT_EQ(got.state, PlanState::kPreparing);
  EXPECT_EQ(got.decided, absl::InfinitePast());
}

TEST_P(PlanStoreContractTest, SequencesRiseOverAbortsAndTermsAndPerGroup) {
  const PlanVersion first = Propose(1);
  ASSERT_EQ(store_->Abort("decode", first, term_, "nack"), absl::OkStatus());
  EXPECT_EQ(Propose(2).sequence, 2);
  EXPECT_EQ(Propose(1, {}, "prefill").sequence, 1);
  term_ = *store_->BeginTerm();
  ASSERT_EQ(store_->Abort("decode", {.term = 1, .sequence = 2}, term_, "new term"),
            absl::OkStatus());
  EXPECT_EQ(Propose(3), (PlanVersion{.term = 2, .sequence = 3}));
}

TEST_P(PlanStoreContractTest, ProposeIsAbortedWhileAnotherPlanIsPreparing) {
  Propose(1);
  const absl::Status status = store_->Propose(TestRecord(2), term_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("EP group decode, plan 1.1 is preparing"));
  EXPECT_THAT(Sequences(), ElementsAre(1));
}

TEST_P(PlanStoreContractTest, ProposeTakesAnyBaseWhileNoneIsDecided) {
  const PlanId base{.version = {.term = 5, .sequence = 9}};
  EXPECT_EQ(Propose(1, base).sequence, 1);
  EXPECT_EQ(store_->Get("decode", {.term = 1, .sequence = 1})->base, base);
}

TEST_P(PlanStoreContractTest, ProposeIsAbortedUnlessTheBaseIsTheNewestDecidedPlan) {
  const PlanId first = Commit(1);
  const PlanId second = Commit(2, first);
  PlanId wrong_digest = second;
  wrong_digest.digest[31] ^= 1;
  for (const PlanId& base : {PlanId(), first, wrong_digest}) {
    EXPECT_EQ(store_->Propose(TestRecord(3, base), term_).status().code(),
              absl::StatusCode::kAborted);
  }
  EXPECT_EQ(Propose(3, second).sequence, 3);
}

TEST_P(PlanStoreContractTest, AnAbortedPlanIsNoBase) {
  const PlanId first = Commit(1);
  const PlanVersion aborted = Propose(2, first);
  ASSERT_EQ(store_->Abort("decode", aborted, term_, "nack"), absl::OkStatus());
  EXPECT_EQ(
      store_->Propose(TestRecord(3, {aborted, TestRecord(2).id.digest}), term_).status().code(),
      absl::StatusCode::kAborted);
  EXPECT_EQ(Propose(3, first).sequence, 3);
}

TEST_P(PlanStoreContractTest, ProposeRefusesWhatCanNotBeStored) {
  struct Case {
    std::function<void(PlanRecord&)> spoil;
    std::string message;
  };
  const Case cases[] = {
      {[](PlanRecord& r) { r.id.digest[0] ^= 1; }, "is not the plan's"},
      {[](PlanRecord& r) { r.ep_group = ""; }, "no EP group"},
      {[](PlanRecord& r) { r.shape.num_layers = 0; }, "layers 0"},
      {[](PlanRecord& r) { r.plan.num_slots = 0; }, "0 slots a layer"},
      {[](PlanRecord& r) { r.plan.share.pop_back(); }, "12 slots and 11 shares"},
      {[](PlanRecord& r) { r.plan.expert_in_slot[7] = ExpertId(4); },
       "layer 1, slot 1: expert 4 out of [0, 4)"},
      {[](PlanRecord& r) { r.plan.expert_in_slot[0] = ExpertId(-1); },
       "layer 0, slot 0: expert -1 out of"},
  };
  for (const Case& bad : cases) {
    PlanRecord record = TestRecord(1);
    bad.spoil(record);
    const absl::Status status = store_->Propose(record, term_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message));
  }
  EXPECT_THAT(Sequences(), IsEmpty());
}

TEST_P(PlanStoreContractTest, DecideKeepsTheWholeRecordAndTheTime) {
  const PlanId id = Commit(1);
  const PlanRecord got = *store_->LatestDecided("decode");
  ExpectSameButState(got, TestRecord(1), id.version);
  EXPECT_EQ(got.reason, "steps");
  EXPECT_EQ(got.state, PlanState::kDecided);
  EXPECT_EQ(got.decided, kWhen);
}

TEST_P(PlanStoreContractTest, DecidingAgainIsOkAndKeepsTheFirstTime) {
  const PlanId id = Commit(1);
  EXPECT_EQ(store_->Decide("decode", id.version, term_, kWhen + absl::Hours(1)), absl::OkStatus());
  EXPECT_EQ(store_->Get("decode", id.version)->decided, kWhen);
}

TEST_P(PlanStoreContractTest, AnAbortedPlanCanNotBeDecided) {
  const PlanVersion version = Propose(1);
  ASSERT_EQ(store_->Abort("decode", version, term_, "nack"), absl::OkStatus());
  EXPECT_EQ(store_->Decide("decode", version, term_, kWhen).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Get("decode", version)->state, PlanState::kAborted);
}

TEST_P(PlanStoreContractTest, AbortKeepsItsReason) {
  const PlanVersion version = Propose(1);
  ASSERT_EQ(store_->Abort("decode", version, term_, "rank 3: NO_MEMORY"), absl::OkStatus());
  const PlanRecord got = *store_->Get("decode", version);
  ExpectSameButState(got, TestRecord(1), version);
  EXPECT_EQ(got.state, PlanState::kAborted);
  EXPECT_EQ(got.reason, "rank 3: NO_MEMORY");
}

TEST_P(PlanStoreContractTest, AbortingAgainIsOkAndKeepsTheFirstReason) {
  const PlanVersion version = Propose(1);
  ASSERT_EQ(store_->Abort("decode", version, term_, "first"), absl::OkStatus());
  EXPECT_EQ(store_->Abort("decode", version, term_, "second"), absl::OkStatus());
  EXPECT_EQ(store_->Get("decode", version)->reason, "first");
}

TEST_P(PlanStoreContractTest, ADecisionIsForEver) {
  const PlanId id = Commit(1);
  EXPECT_EQ(store_->Abort("decode", id.version, term_, "regret").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->LatestDecided("decode")->id, id);
}

TEST_P(PlanStoreContractTest, WhatIsNotThereIsNotFound) {
  const PlanVersion version = Propose(1);
  const PlanVersion other_term{.term = 2, .sequence = version.sequence};
  const PlanVersion other_sequence{.term = version.term, .sequence = 2};
  for (const PlanVersion& missing : {other_term, other_sequence}) {
    EXPECT_EQ(store_->Decide("decode", missing, term_, kWhen).code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(store_->Abort("decode", missing, term_, "?").code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(store_->Get("decode", missing).status().code(), absl::StatusCode::kNotFound);
  }
  EXPECT_EQ(store_->Get("prefill", version).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->Decide("prefill", version, term_, kWhen).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->LatestDecided("decode").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->LatestDecided("prefill").status().code(), absl::StatusCode::kNotFound);
}

TEST_P(PlanStoreContractTest, LatestDecidedIsTheNewestAndNotAnAbortedOrPreparingOne) {
  const PlanId first = Commit(1);
  const PlanId second = Commit(2, first);
  ASSERT_EQ(store_->Abort("decode", Propose(3, second), term_, "nack"), absl::OkStatus());
  Propose(0, second);
  EXPECT_EQ(store_->LatestDecided("decode")->id, second);
}

TEST_P(PlanStoreContractTest, PreparingListsWhatIsNeitherDecidedNorAborted) {
  EXPECT_THAT(*store_->Preparing("decode"), IsEmpty());
  const PlanId first = Commit(1);
  EXPECT_THAT(*store_->Preparing("decode"), IsEmpty());
  const PlanVersion version = Propose(2, first);
  const std::vector<PlanRecord> preparing = *store_->Preparing("decode");
  ASSERT_EQ(preparing.size(), 1);
  ExpectSameButState(preparing[0], TestRecord(2, first), version);
  EXPECT_THAT(*store_->Preparing("prefill"), IsEmpty());
}

TEST_P(PlanStoreContractTest, HistoryIsNewestFirstOfAnyStateWithEmptyPlans) {
  const PlanId first = Commit(1);
  ASSERT_EQ(store_->Abort("decode", Propose(2, first), term_, "nack"), absl::OkStatus());
  Propose(3, first);
  const std::vector<PlanRecord> history = *store_->History("decode", 10);
  ASSERT_EQ(history.size(), 3);
  EXPECT_EQ(history[0].state, PlanState::kPreparing);
  EXPECT_EQ(history[1].state, PlanState::kAborted);
  EXPECT_EQ(history[2].state, PlanState::kDecided);
  EXPECT_EQ(history[2].id, first);
  PlacementPlan empty;
  empty.version = first.version;
  EXPECT_EQ(history[2].plan, empty);
  EXPECT_EQ(history[2].imbalance_after, 1.125);
}

TEST_P(PlanStoreContractTest, HistoryEndsAtItsLimit) {
  const PlanId first = Commit(1);
  Commit(3, Commit(2, first));
  EXPECT_THAT(Sequences(2), ElementsAre(3, 2));
  EXPECT_THAT(Sequences(0), IsEmpty());
  EXPECT_THAT(*store_->History("prefill", 10), IsEmpty());
}

TEST_P(PlanStoreContractTest, PruneKeepsTheNewestAndTheNewestDecided) {
  const PlanId first = Commit(1);
  const PlanId second = Commit(2, first);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(store_->Abort("decode", Propose(3, second), term_, "nack"), absl::OkStatus());
  }
  Commit(1, {}, "prefill");
  ASSERT_EQ(store_->Prune("decode", 2, term_), absl::OkStatus());
  EXPECT_THAT(Sequences(), ElementsAre(5, 4, 2));
  EXPECT_EQ(store_->LatestDecided("decode")->id, second);
  EXPECT_EQ(store_->History("prefill", 9)->size(), 1);
}

TEST_P(PlanStoreContractTest, PruneKeepsAPreparingPlan) {
  const PlanId first = Commit(1);
  const PlanVersion version = Propose(2, first);
  ASSERT_EQ(store_->Prune("decode", 0, term_), absl::OkStatus());
  EXPECT_THAT(Sequences(), ElementsAre(version.sequence, first.version.sequence));
}

TEST_P(PlanStoreContractTest, SequencesAreNotUsedAgainAfterAPrune) {
  const PlanId first = Commit(1);
  ASSERT_EQ(store_->Abort("decode", Propose(2, first), term_, "nack"), absl::OkStatus());
  ASSERT_EQ(store_->Prune("decode", 0, term_), absl::OkStatus());
  EXPECT_THAT(Sequences(), ElementsAre(1));
  EXPECT_EQ(Propose(2, first).sequence, 3);
}

TEST_P(PlanStoreContractTest, PruneRefusesANegativeNumberAndTakesAnUnknownGroup) {
  EXPECT_EQ(store_->Prune("decode", -1, term_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Prune("unknown", 1, term_), absl::OkStatus());
}

TEST_P(PlanStoreContractTest, AGroupThatNeverWasPausedIsNot) {
  EXPECT_EQ(*store_->Pause("decode"), GroupPause());
}

TEST_P(PlanStoreContractTest, APauseIsKeptForItsGroupUntilItIsLifted) {
  const GroupPause pause = {.paused = true, .reason = "node 3", .who = "uid 0", .when = kWhen};
  ASSERT_EQ(store_->SetPause("decode", pause, term_), absl::OkStatus());
  ASSERT_EQ(*store_->BeginTerm(), 2);
  EXPECT_EQ(*store_->Pause("decode"), pause);
  EXPECT_FALSE(store_->Pause("prefill")->paused);
  const GroupPause lifted = {.paused = false, .reason = "repaired", .who = "uid 1", .when = kWhen};
  ASSERT_EQ(store_->SetPause("decode", lifted, 2), absl::OkStatus());
  EXPECT_EQ(*store_->Pause("decode"), lifted);
}

TEST_P(PlanStoreContractTest, APauseOfAnotherTermOrOfNoGroupIsRefused) {
  const GroupPause pause = {.paused = true, .reason = "", .who = "", .when = kWhen};
  EXPECT_EQ(store_->SetPause("decode", pause, 2).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->SetPause("", pause, term_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(store_->Pause("decode")->paused);
}

TEST_P(PlanStoreContractTest, AllRanksAreMembersOfAGroupThatIsNew) {
  EXPECT_EQ(*store_->Membership("decode"), GroupMembership());
}

TEST_P(PlanStoreContractTest, WhoHasLeftIsKeptForItsGroupOverTerms) {
  const GroupMembership left = {.generation = 3, .left = {RankId(2), RankId(17)}};
  ASSERT_EQ(store_->SetMembership("decode", left, term_), absl::OkStatus());
  ASSERT_EQ(*store_->BeginTerm(), 2);
  EXPECT_EQ(*store_->Membership("decode"), left);
  EXPECT_EQ(*store_->Membership("prefill"), GroupMembership());
  const GroupMembership back = {.generation = 4, .left = {}};
  ASSERT_EQ(store_->SetMembership("decode", back, 2), absl::OkStatus());
  EXPECT_EQ(*store_->Membership("decode"), back);
}

TEST_P(PlanStoreContractTest, AMembershipOfAnotherTermOfNoGroupOrOfThePastIsRefused) {
  const GroupMembership left = {.generation = 3, .left = {RankId(2)}};
  ASSERT_EQ(store_->SetMembership("decode", left, term_), absl::OkStatus());
  EXPECT_TRUE(IsOtherTerm(store_->SetMembership("decode", left, 2)));
  EXPECT_EQ(store_->SetMembership("", left, term_).code(), absl::StatusCode::kInvalidArgument);
  const GroupMembership past = {.generation = 2, .left = {}};
  EXPECT_EQ(store_->SetMembership("decode", past, term_).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(*store_->Membership("decode"), left);
}

TEST_P(PlanStoreContractTest, ManyThreadsMakeOneLinearHistory) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this] {
      for (int i = 0; i < 10; ++i) {
        const auto latest = store_->LatestDecided("decode");
        const auto version =
            store_->Propose(TestRecord(i, latest.ok() ? latest->id : PlanId()), term_);
        if (version.ok()) {
          EXPECT_EQ(store_->Decide("decode", *version, term_, kWhen), absl::OkStatus());
        } else {
          EXPECT_EQ(version.status().code(), absl::StatusCode::kAborted) << version.status();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<PlanRecord> history = *store_->History("decode", 1000);
  ASSERT_FALSE(history.empty());
  for (std::size_t i = 0; i < history.size(); ++i) {
    EXPECT_EQ(history[i].state, PlanState::kDecided);
    EXPECT_EQ(history[i].id.version.sequence, history.size() - i);
    if (i > 0) {
      EXPECT_EQ(history[i - 1].base, history[i].id);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, PlanStoreContractTest, AllStores(), StoreName);

}  // namespace
}  // namespace ballast
