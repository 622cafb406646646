#include "daemon/control/step_watch.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

using ::testing::Optional;
using ::testing::StrEq;

// Four ranks whose heartbeats come every two seconds, half a second apart.
class StepWatchTest : public ::testing::Test {
 protected:
  StepWatchTest() {
    for (int rank = 0; rank < 4; ++rank) watch_.Begin(RankId(rank));
  }

  // A round of heartbeats; `still` of them shows no progress.
  void Round(int still = -1) {
    ++step_;
    for (int rank = 0; rank < 4; ++rank) {
      now_ += absl::Milliseconds(500);
      if (rank == still) continue;
      watch_.Saw(RankId(rank), step_, now_);
      for (int other = 0; other < 4; ++other) {
        if (other == still) continue;
        EXPECT_EQ(watch_.Lag(RankId(other)), std::nullopt) << "step " << step_;
      }
    }
  }

  StepWatch watch_{4, absl::Seconds(10)};
  absl::Duration now_ = absl::Hours(1);
  std::uint64_t step_ = 0;
};

TEST_F(StepWatchTest, NamesARankThatStandsWhileOthersGoOn) {
  Round();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(watch_.Lag(RankId(2)), std::nullopt);
    Round(/*still=*/2);
  }
  EXPECT_THAT(watch_.Lag(RankId(2)),
              Optional(StrEq("stands at step 1 while others went on for 10s")));
  watch_.Saw(RankId(2), 2, now_);
  EXPECT_EQ(watch_.Lag(RankId(2)), std::nullopt);
}

TEST_F(StepWatchTest, AfterAPauseOfAllNobodyLags) {
  Round();
  now_ += absl::Minutes(10);
  Round();
  Round();
}

TEST_F(StepWatchTest, ARankThatLeftDoesNotLag) {
  Round();
  watch_.End(RankId(2));
  for (int i = 0; i < 10; ++i) Round(/*still=*/2);
  EXPECT_EQ(watch_.Lag(RankId(2)), std::nullopt);
  watch_.Begin(RankId(2));
  EXPECT_EQ(watch_.Lag(RankId(2)), std::nullopt) << "what it did before counts";
}

}  // namespace
}  // namespace ballast
