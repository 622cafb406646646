// Goal: a call that is repeated is done once, and what became of it can be asked for.
#include "daemon/admin/operation_registry.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "core/base/simulated_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;

OperationRequest Request(const std::string& id = "op1") {
  return {.id = id,
          .method = "Force",
          .ep_group = "demo",
          .arguments = "reason=x",
          .dry_run = false,
          .who = "local"};
}

const SteeringResult kResult = {{{1, 1}, {}}, {{1, 2}, {}}, "text"};

class OperationRegistryTest : public ::testing::Test {
 protected:
  SimulatedClock clock_;
  OperationRegistry registry_{clock_};
};

TEST_F(OperationRegistryTest, GoesFromRunningOverRollingOutToDone) {
  const auto ticket = *registry_.Begin(Request());
  ASSERT_NE(ticket, nullptr);
  EXPECT_EQ(registry_.Get("op1")->state, OperationState::kRunning);
  EXPECT_FALSE(registry_.Get("op1")->result.has_value());
  ticket->OnPlan(kResult);
  EXPECT_EQ(registry_.Get("op1")->state, OperationState::kRollingOut);
  EXPECT_EQ(registry_.Get("op1")->ended, absl::InfinitePast());
  ticket->OnEnd(absl::OkStatus(), kResult);
  EXPECT_EQ(registry_.Get("op1")->state, OperationState::kDone);
  EXPECT_EQ(registry_.Get("op1")->result->after, kResult.after);
  EXPECT_EQ(registry_.Get("op1")->ended, clock_.WallNow());
}

TEST_F(OperationRegistryTest, TheFirstEndCounts) {
  const auto ticket = *registry_.Begin(Request());
  ticket->OnEnd(absl::AbortedError("given up"), kResult);
  ticket->OnPlan(kResult);
  ticket->OnEnd(absl::OkStatus(), kResult);
  EXPECT_EQ(registry_.Get("op1")->state, OperationState::kFailed);
  EXPECT_EQ(registry_.Get("op1")->status, absl::AbortedError("given up"));
}

struct Repeat {
  const char* what;
  OperationRequest request;
  bool same;
};

TEST_F(OperationRegistryTest, TheSameIdIsTheSameCallOnlyWithTheSameArguments) {
  ASSERT_NE(*registry_.Begin(Request()), nullptr);
  std::vector<Repeat> table(7, Repeat{"nothing", Request(), true});
  table[1].what = "who";
  table[1].request.who = "somebody else";
  table[2].what = "method";
  table[2].request.method = "Abort";
  table[3].what = "group";
  table[3].request.ep_group = "prefill";
  table[4].what = "arguments";
  table[4].request.arguments = "reason=y";
  table[5].what = "dry run";
  table[5].request.dry_run = true;
  for (int i = 2; i <= 5; ++i) table[i].same = false;
  table[6].what = "nothing, after all the others";
  for (const Repeat& repeat : table) {
    const auto begun = registry_.Begin(repeat.request);
    if (repeat.same) {
      ASSERT_TRUE(begun.ok()) << repeat.what;
      EXPECT_EQ(*begun, nullptr) << repeat.what;
    } else {
      EXPECT_TRUE(absl::IsAlreadyExists(begun.status())) << repeat.what;
    }
  }
  EXPECT_EQ(registry_.List().size(), 1);
}

TEST_F(OperationRegistryTest, ARepeatedCallFindsTheEndOfTheFirst) {
  (*registry_.Begin(Request()))->OnEnd(absl::NotFoundError("no plan"), kResult);
  EXPECT_EQ(*registry_.Begin(Request()), nullptr);
  EXPECT_EQ(registry_.Await("op1", absl::Seconds(10))->status, absl::NotFoundError("no plan"));
}

TEST_F(OperationRegistryTest, KeepsTheNewestThatEndedAndAllThatAreOpen) {
  const auto open = *registry_.Begin(Request("open"));
  for (std::size_t i = 0; i < OperationRegistry::kEndedKept + 10; ++i) {
    (*registry_.Begin(Request(absl::StrCat("op", i))))->OnEnd(absl::OkStatus(), kResult);
  }
  EXPECT_LE(registry_.List().size(), OperationRegistry::kEndedKept);
  EXPECT_TRUE(registry_.Get("open").ok());
  EXPECT_TRUE(absl::IsNotFound(registry_.Get("op0").status()));
  EXPECT_EQ(registry_.List().front().request.id,
            absl::StrCat("op", OperationRegistry::kEndedKept + 9));
}

TEST_F(OperationRegistryTest, RefusesMoreOpenCallsThanItHasRoomFor) {
  for (std::size_t i = 0; i < OperationRegistry::kMaxOpen; ++i) {
    ASSERT_TRUE(registry_.Begin(Request(absl::StrCat("op", i))).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(registry_.Begin(Request("more")).status()));
}

TEST_F(OperationRegistryTest, AWaitEndsWithTheAnswerOrWithItsPatience) {
  OperationRegistry registry(RealClock());
  const auto ticket = *registry.Begin(Request());
  EXPECT_EQ(registry.Await("op1", absl::Milliseconds(1))->state, OperationState::kRunning);
  std::thread answers([&ticket] { ticket->OnEnd(absl::OkStatus(), kResult); });
  EXPECT_EQ(registry.Await("op1", absl::Hours(1))->state, OperationState::kDone);
  answers.join();
}

TEST_F(OperationRegistryTest, ClosingEndsWhatIsOpenAndWhatComesLater) {
  const auto first = *registry_.Begin(Request("first"));
  registry_.Close();
  EXPECT_TRUE(absl::IsUnavailable(registry_.Get("first")->status));
  first->OnEnd(absl::OkStatus(), kResult);
  EXPECT_EQ(registry_.Get("first")->state, OperationState::kFailed);
  ASSERT_TRUE(registry_.Begin(Request("late")).ok());
  EXPECT_TRUE(absl::IsUnavailable(registry_.Get("late")->status));
}

}  // namespace
}  // namespace ballast
