#include "daemon/app/status_line.h"

#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

class StatusLineTest : public ::testing::Test {
 protected:
  StatusLineTest() {
    view_.decided.version = {7, 42};
    view_.workers.resize(4);
    for (WorkerView& worker : view_.workers) worker.state = RankState::kSynced;
    view_.active_everywhere = true;
    view_.phase_since = absl::Minutes(2);
  }

  std::string TextAt(absl::Duration now) const { return GroupStatusText(config_, view_, now); }

  const GroupConfig config_ = SmallGroup();
  RolloutView view_;
};

TEST_F(StatusLineTest, TellsThePlanAndHowLongItRuns) {
  EXPECT_EQ(TextAt(absl::Minutes(13) + absl::Seconds(59)), "demo 4/4 synced; plan 7.42 active 11m");
}

TEST_F(StatusLineTest, TellsWhomItWaitsFor) {
  view_.workers[3].state = RankState::kGone;
  view_.active_everywhere = false;
  view_.waiting_for = "rank 3 gone";
  EXPECT_EQ(TextAt(absl::Hours(1)), "demo 3/4 synced; plan 7.42 waits for rank 3 gone");
}

TEST_F(StatusLineTest, TellsThePlanOnItsWay) {
  view_.phase = PlanPhase::kPreparing;
  view_.candidate = PlanId{{7, 43}, {}};
  EXPECT_EQ(TextAt(absl::Seconds(158)), "demo 4/4 synced; plan 7.43 preparing 38s");
}

TEST(AgeTextTest, HasAtMostTwoUnits) {
  EXPECT_EQ(AgeText(-absl::Seconds(1)), "0s");
  EXPECT_EQ(AgeText(absl::Milliseconds(59999)), "59s");
  EXPECT_EQ(AgeText(absl::Seconds(60)), "1m");
  EXPECT_EQ(AgeText(absl::Minutes(184)), "3h4m");
  EXPECT_EQ(AgeText(absl::Hours(51) + absl::Minutes(30)), "2d3h");
}

}  // namespace
}  // namespace ballast
