#include "core/load/step_progress.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace ballast {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

TEST(StepProgressTest, TheMinimumIsZeroWhileARankHasNeverReported) {
  StepProgress progress(2);
  progress.Advance(RankId(0), 1, 50, true);
  EXPECT_FALSE(progress.all_reported());
  EXPECT_EQ(progress.MinLastStep(), 0);
  progress.Advance(RankId(1), 1, 40, true);
  EXPECT_TRUE(progress.all_reported());
  EXPECT_EQ(progress.MinLastStep(), 40);
}

TEST(StepProgressTest, CountingStartsBeforeTheFirstStepCountedOrAtTheBaseline) {
  StepProgress progress(3);
  progress.Advance(RankId(0), 31, 50, true);
  progress.Advance(RankId(1), 31, 60, false);
  progress.Advance(RankId(2), 0, 50, true);
  EXPECT_EQ(progress.MinStart(), 0);
  EXPECT_EQ(progress.MaxStart(), 60);
}

TEST(StepProgressTest, NoStepCountedFromStepZeroOnIsNoProgress) {
  StepProgress progress(1);
  progress.Advance(RankId(0), 0, kLargest, true);
  EXPECT_EQ(progress.MinLastStep(), 0);
  progress.Advance(RankId(0), 0, 5, true);
  EXPECT_EQ(progress.MinLastStep(), 5);
}

TEST(StepProgressTest, ARankThatCountsFromZeroAgainNeitherFallsBackNorHoldsTheOthersUp) {
  StepProgress progress(2);
  progress.Advance(RankId(0), 1, 100, true);
  progress.Advance(RankId(1), 1, 100, true);
  progress.Advance(RankId(0), 1, 3, true);
  EXPECT_EQ(progress.MinLastStep(), 100);
  progress.Advance(RankId(1), 1, 110, true);
  progress.Advance(RankId(0), 1, 13, true);
  EXPECT_EQ(progress.MinLastStep(), 110);
}

TEST(StepProgressTest, ARankThatWasAwayJoinsWhereTheOthersAre) {
  StepProgress progress(3);
  for (int rank = 0; rank < 3; ++rank) progress.Advance(RankId(rank), 1, 100, true);
  progress.Advance(RankId(1), 1, 9000, true);
  progress.Advance(RankId(2), 1, 9005, true);
  EXPECT_EQ(progress.MinLastStep(), 100);
  progress.Advance(RankId(0), 1, 7, true);
  EXPECT_EQ(progress.MinLastStep(), 9000);
}

TEST(StepProgressTest, ARankThatTakesOverTheCountOfTheGroupIsNoLongerMoved) {
  StepProgress progress(2);
  progress.Advance(RankId(0), 1, 5000, true);
  progress.Advance(RankId(1), 1, 5000, true);
  progress.Advance(RankId(0), 1, 0, true);
  progress.Advance(RankId(1), 1, 5100, true);
  progress.Advance(RankId(0), 5001, 5090, true);
  EXPECT_EQ(progress.MinLastStep(), 5090);
  progress.Advance(RankId(1), 1, 6000, true);
  progress.Advance(RankId(0), 5001, 5990, true);
  EXPECT_EQ(progress.MinLastStep(), 5990);
}

TEST(StepProgressTest, AWholeGroupThatRestartsGoesOnCounting) {
  StepProgress progress(2);
  for (int rank = 0; rank < 2; ++rank) progress.Advance(RankId(rank), 1, 800, true);
  for (std::uint64_t step : {10, 20, 30}) {
    for (int rank = 0; rank < 2; ++rank) progress.Advance(RankId(rank), 1, step, true);
  }
  EXPECT_EQ(progress.MinLastStep(), 820);
}

TEST(StepProgressTest, ALeadThatNobodyElseHadEndsWhenTheWorkerCountsAnew) {
  StepProgress progress(3);
  for (int rank = 0; rank < 3; ++rank) progress.Advance(RankId(rank), 1, 100 + rank, true);
  progress.Advance(RankId(0), 1, 900000, true);
  progress.Advance(RankId(0), 1, 110, true);
  EXPECT_EQ(progress.LastStep(RankId(0)), 110) << "as it says";
  EXPECT_EQ(progress.MinLastStep(), 101);
  progress.Advance(RankId(0), 1, 5, true);
  EXPECT_EQ(progress.LastStep(RankId(0)), 101) << "where the others are";
  EXPECT_EQ(progress.MinLastStep(), 101) << "never back";
  progress.Advance(RankId(0), 1, 7, true);
  EXPECT_EQ(progress.LastStep(RankId(0)), 103);
}

TEST(StepProgressTest, TheMedianIsTheLowerOneOfTheRanksThatHaveReported) {
  StepProgress progress(4);
  EXPECT_EQ(progress.MedianLastStep(), 0);
  progress.Advance(RankId(0), 1, 50, true);
  EXPECT_EQ(progress.MedianLastStep(), 50);
  progress.Advance(RankId(3), 1, 40, true);
  EXPECT_EQ(progress.MedianLastStep(), 40);
  progress.Advance(RankId(1), 1, 1000000, true);
  EXPECT_EQ(progress.MedianLastStep(), 50);
  progress.Advance(RankId(2), 1, 60, true);
  EXPECT_EQ(progress.MedianLastStep(), 50);
}

TEST(StepProgressTest, SumsOfStepsSaturate) {
  StepProgress progress(2);
  progress.Advance(RankId(0), 1, kLargest, true);
  progress.Advance(RankId(1), 1, kLargest - 5, true);
  progress.Advance(RankId(1), 1, 3, true);
  progress.Advance(RankId(1), 1, 50, true);
  EXPECT_EQ(progress.MinLastStep(), kLargest);
}

}  // namespace
}  // namespace ballast
