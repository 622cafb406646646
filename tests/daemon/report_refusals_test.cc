// Goal: an operator hears of each refused rank and reason, and is not drowned in it.
// Method: the class alone, with times given to it.

#include "daemon/control/report_refusals.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;

class RefusalObserver final : public RecordingObserver {
 public:
  void OnReportRefused(const std::string& group, RankId rank, const std::string& result,
                       const std::string& reason, std::uint64_t suppressed) override {
    refused.push_back(group + " " + std::to_string(rank.value) + " " + result + " " + reason + " " +
                      std::to_string(suppressed));
  }
  std::vector<std::string> refused;
};

class ReportRefusalsTest : public ::testing::Test {
 protected:
  RefusalObserver observer_;
  ReportRefusals refusals_{"demo", 2, observer_};
};

TEST_F(ReportRefusalsTest, TellsOnceAMinuteForEachRankAndResult) {
  for (int second = 0; second < 60; ++second) {
    refusals_.Add(RankId(0), "reset", "back", absl::Seconds(second));
  }
  EXPECT_THAT(observer_.refused, ElementsAre("demo 0 reset back 0"));
  refusals_.Add(RankId(1), "reset", "back", absl::Seconds(30));
  refusals_.Add(RankId(0), "implausible", "far", absl::Seconds(59));
  refusals_.Add(RankId(0), "implausible", "far", absl::Seconds(119));
  EXPECT_THAT(observer_.refused,
              ElementsAre("demo 0 reset back 0", "demo 1 reset back 0", "demo 0 implausible far 0",
                          "demo 0 implausible far 0"));
  refusals_.Add(RankId(0), "reset", "back", absl::Seconds(120));
  EXPECT_EQ(observer_.refused.back(), "demo 0 reset back 59") << "of this result";
}

TEST_F(ReportRefusalsTest, ResultsThatTakeTurnsAreToldNoMoreOften) {
  for (int second = 0; second < 60; ++second) {
    refusals_.Add(RankId(0), second % 2 == 0 ? "reset" : "implausible", "", absl::Seconds(second));
  }
  EXPECT_THAT(observer_.refused, ElementsAre("demo 0 reset  0", "demo 0 implausible  0"));
  EXPECT_EQ(refusals_.TextOf(RankId(0), absl::Seconds(60)),
            "reports refused (implausible): , 1s ago");
}

TEST_F(ReportRefusalsTest, ARankOutOfTheGroupIsToldOfButNotShown) {
  refusals_.Add(RankId(9), "rejected_shape", "out", absl::ZeroDuration());
  EXPECT_THAT(observer_.refused, ElementsAre("demo 9 rejected_shape out 0"));
  EXPECT_EQ(refusals_.TextOf(RankId(9), absl::ZeroDuration()), std::nullopt);
}

TEST_F(ReportRefusalsTest, ShowsTheLastReasonForAMinute) {
  EXPECT_EQ(refusals_.TextOf(RankId(0), absl::ZeroDuration()), std::nullopt);
  refusals_.Add(RankId(0), "reset", "back", absl::Seconds(1));
  refusals_.Add(RankId(0), "implausible", "far", absl::Seconds(2));
  EXPECT_EQ(refusals_.TextOf(RankId(0), absl::Seconds(5)),
            "reports refused (implausible): far, 3s ago");
  EXPECT_EQ(refusals_.TextOf(RankId(1), absl::Seconds(5)), std::nullopt);
  EXPECT_EQ(refusals_.TextOf(RankId(0), absl::Seconds(63)), std::nullopt);
}

}  // namespace
}  // namespace ballast
