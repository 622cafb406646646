// Goal: every store keeps each sentence of core/store/plan_store.h about decisions.
// Method: one suite, run for each implementation through a factory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/store/plan_store.h"
#include "tests/base/temp_folder.h"
#include "tests/contract/store_implementations.h"
#include "tests/store/decision_builder.h"
#include "tests/store/plan_builder.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kKeep = 1000;

class DecisionContractTest : public ::testing::TestWithParam<StoreImplementation> {
 protected:
  DecisionContractTest() : store_(GetParam().make(folder_)), term_(*store_->BeginTerm()) {}

  std::uint64_t Append(const DecisionRecord& record, int keep = kKeep) {
    const auto number = store_->AppendDecision(record, keep, term_);
    EXPECT_TRUE(number.ok()) << number.status();
    return number.value_or(0);
  }

  std::vector<std::uint64_t> Numbers(const std::string& group = "decode", int limit = kKeep) const {
    std::vector<std::uint64_t> numbers;
    const std::vector<DecisionRecord> decisions = *store_->Decisions(group, limit);
    for (const DecisionRecord& record : decisions) numbers.push_back(record.number);
    return numbers;
  }

  TempFolder folder_;
  std::unique_ptr<PlanStore> store_;
  std::uint64_t term_;
};

TEST_P(DecisionContractTest, KeepsEveryFieldAndGivesTheNumber) {
  DecisionRecord record = TestDecision(1);
  record.number = 77;  // Ignored.
  record.plan = {.term = 3, .sequence = 42};
  EXPECT_EQ(Append(record), 1);
  record.number = 1;
  EXPECT_THAT(*store_->Decisions("decode", 1), ElementsAre(record));
}

TEST_P(DecisionContractTest, NumbersRiseByOnePerGroupAndOverTerms) {
  EXPECT_EQ(Append(TestDecision(1)), 1);
  EXPECT_EQ(Append(TestDecision(2)), 2);
  EXPECT_EQ(Append(TestDecision(1, "prefill")), 1);
  term_ = *store_->BeginTerm();
  EXPECT_EQ(Append(TestDecision(3)), 3);
  EXPECT_THAT(Numbers(), ElementsAre(3, 2, 1));
  EXPECT_THAT(Numbers("prefill"), ElementsAre(1));
}

TEST_P(DecisionContractTest, ListsTheNewestFirstUpToTheLimit) {
  for (int i = 0; i < 4; ++i) Append(TestDecision(i));
  EXPECT_THAT(Numbers("decode", 2), ElementsAre(4, 3));
  EXPECT_THAT(Numbers("decode", 0), IsEmpty());
  EXPECT_THAT(Numbers("unknown"), IsEmpty());
  EXPECT_EQ(store_->Decisions("decode", 1)->at(0).step, 1003);
}

TEST_P(DecisionContractTest, RemovesTheOldestOfItsGroupBeyondThoseKept) {
  Append(TestDecision(1, "prefill"));
  for (int i = 0; i < 5; ++i) Append(TestDecision(i), /*keep=*/3);
  EXPECT_THAT(Numbers(), ElementsAre(5, 4, 3));
  EXPECT_THAT(Numbers("prefill"), ElementsAre(1));
  EXPECT_EQ(Append(TestDecision(6), /*keep=*/1), 6);
  EXPECT_THAT(Numbers(), ElementsAre(6));
  EXPECT_EQ(Append(TestDecision(7), /*keep=*/1), 7);
}

TEST_P(DecisionContractTest, PruningPlansLeavesDecisions) {
  Append(TestDecision(1));
  ASSERT_EQ(store_->Prune("decode", 0, term_), absl::OkStatus());
  EXPECT_THAT(Numbers(), ElementsAre(1));
}

TEST_P(DecisionContractTest, ADecisionIsNoPlan) {
  Append(TestDecision(1));
  EXPECT_THAT(*store_->History("decode", 10), IsEmpty());
  EXPECT_EQ(store_->LatestDecided("decode").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->Propose(TestRecord(1), term_)->sequence, 1);
}

TEST_P(DecisionContractTest, AppendRefusesWhatCanNotBeKept) {
  EXPECT_EQ(store_->AppendDecision(TestDecision(1), 0, term_).status().code(),
            absl::StatusCode::kInvalidArgument);
  DecisionRecord record = TestDecision(1);
  record.ep_group = "";
  EXPECT_EQ(store_->AppendDecision(record, kKeep, term_).status().code(),
            absl::StatusCode::kInvalidArgument);
  record = TestDecision(1);
  record.benefit_seconds = std::numeric_limits<double>::infinity();
  const absl::Status infinite = store_->AppendDecision(record, kKeep, term_).status();
  EXPECT_EQ(infinite.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(infinite.message()), HasSubstr("benefit_seconds is inf"));
  record = TestDecision(1);
  record.cross_row_bytes = -1;
  const absl::Status negative = store_->AppendDecision(record, kKeep, term_).status();
  EXPECT_EQ(negative.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(negative.message()), HasSubstr("cross_row_bytes -1 is below 0"));
  EXPECT_THAT(Numbers(), IsEmpty());
}

TEST_P(DecisionContractTest, TheOutcomeGoesToTheDecisionOfThatPlanAndLeavesTheRest) {
  DecisionRecord first = TestDecision(1);
  first.plan = {.term = 1, .sequence = 1};
  first.outcome = kDecisionOffered;
  DecisionRecord second = first;
  second.plan.sequence = 2;
  Append(first);
  Append(second);
  Append(TestDecision(3));
  ASSERT_EQ(store_->UpdateDecisionOutcome("decode", first.plan, "aborted: rank 3", term_),
            absl::OkStatus());
  const std::vector<DecisionRecord> decisions = *store_->Decisions("decode", 3);
  EXPECT_EQ(decisions[0].outcome, kDecisionDeclined);
  EXPECT_EQ(decisions[1].outcome, kDecisionOffered);
  first.number = 1;
  first.outcome = "aborted: rank 3";
  EXPECT_EQ(decisions[2], first);
  EXPECT_EQ(store_->UpdateDecisionOutcome("decode", first.plan, "done", term_), absl::OkStatus());
  EXPECT_EQ(store_->Decisions("decode", 3)->at(2).outcome, "done");
}

TEST_P(DecisionContractTest, AnOutcomeWithoutItsDecisionIsNotFound) {
  DecisionRecord record = TestDecision(1);
  record.plan = {.term = 1, .sequence = 1};
  Append(record);
  Append(TestDecision(2));  // Of plan 0.0, which is none.
  for (const PlanVersion& plan : {PlanVersion{}, PlanVersion{1, 2}, PlanVersion{2, 1}}) {
    EXPECT_EQ(store_->UpdateDecisionOutcome("decode", plan, "done", term_).code(),
              absl::StatusCode::kNotFound);
  }
  EXPECT_EQ(store_->UpdateDecisionOutcome("prefill", record.plan, "done", term_).code(),
            absl::StatusCode::kNotFound);
}

TEST_P(DecisionContractTest, WritesOfAnotherTermFail) {
  DecisionRecord record = TestDecision(1);
  record.plan = {.term = 1, .sequence = 1};
  Append(record);
  ASSERT_EQ(*store_->BeginTerm(), 2);
  EXPECT_EQ(store_->AppendDecision(record, kKeep, term_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->UpdateDecisionOutcome("decode", record.plan, "done", term_).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Numbers(), ElementsAre(1));
  EXPECT_EQ(store_->Decisions("decode", 1)->at(0).outcome, kDecisionDeclined);
}

INSTANTIATE_TEST_SUITE_P(Stores, DecisionContractTest, AllStores(), StoreName);

}  // namespace
}  // namespace ballast
