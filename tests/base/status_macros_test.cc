#include "core/base/status_macros.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "core/base/check.h"

namespace ballast {
namespace {

absl::Status PassOn(const absl::Status& status, bool& reached_end) {
  BALLAST_RETURN_IF_ERROR(status);
  reached_end = true;
  return absl::OkStatus();
}

TEST(StatusMacrosTest, ReturnIfErrorReturnsErrorsOnly) {
  bool reached_end = false;
  EXPECT_EQ(PassOn(absl::AbortedError("x"), reached_end), absl::AbortedError("x"));
  EXPECT_FALSE(reached_end);
  EXPECT_EQ(PassOn(absl::OkStatus(), reached_end), absl::OkStatus());
  EXPECT_TRUE(reached_end);
}

absl::StatusOr<int> Sum(absl::StatusOr<std::unique_ptr<int>> a,
                        absl::StatusOr<std::unique_ptr<int>> b) {
  BALLAST_ASSIGN_OR_RETURN(const std::unique_ptr<int> first, std::move(a));
  BALLAST_ASSIGN_OR_RETURN(const std::unique_ptr<int> second, std::move(b));
  return *first + *second;
}

TEST(StatusMacrosTest, AssignOrReturnMovesTheValueOrReturnsTheError) {
  EXPECT_EQ(*Sum(std::make_unique<int>(2), std::make_unique<int>(3)), 5);
  EXPECT_EQ(Sum(std::make_unique<int>(2), absl::DataLossError("y")).status(),
            absl::DataLossError("y"));
}

TEST(CheckTest, AbortsWithConditionAndPlaceOnlyIfTheConditionFails) {
  const int value = 3;
  BALLAST_CHECK(value == 3);
  EXPECT_DEATH(BALLAST_CHECK(value == 4), "status_macros_test.cc:.*check failed: value == 4");
}

}  // namespace
}  // namespace ballast
