#include "daemon/control/session_watch.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

using Kind = SessionWatch::Finding::Kind;

class SessionWatchTest : public ::testing::Test {
 protected:
  SessionWatchTest() : watch_(3, {absl::Seconds(2), absl::Seconds(10)}) {
    watch_.Begin(RankId(1), link_, absl::ZeroDuration());
  }

  // The kinds found at `seconds`, with the worker heard of just before.
  std::vector<SessionWatch::Finding> HeardAt(int seconds) {
    watch_.Heard(RankId(1), absl::Seconds(seconds));
    return watch_.Check(absl::Seconds(seconds));
  }

  SessionWatch watch_;
  std::shared_ptr<RecordingLink> link_ = std::make_shared<RecordingLink>();
};

TEST_F(SessionWatchTest, AWriteThatStaysForTheDeadlineEndsTheSessionOnce) {
  link_->write = 7;
  EXPECT_TRUE(HeardAt(5).empty());
  EXPECT_TRUE(HeardAt(14).empty());
  const auto findings = HeardAt(15);
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].rank, RankId(1));
  EXPECT_EQ(findings[0].kind, Kind::kBlocked);
  EXPECT_EQ(findings[0].detail, "took nothing for 10s");
  EXPECT_EQ(link_->abandoned, 1);
  EXPECT_TRUE(HeardAt(40).empty());
  EXPECT_EQ(link_->abandoned, 1);
}

TEST_F(SessionWatchTest, AWorkerThatTakesOneWriteAfterTheOtherIsLeftAlone) {
  for (int second = 1; second < 60; second += 8) {
    ++link_->write;
    EXPECT_TRUE(HeardAt(second).empty());
  }
  link_->write = 0;  // All was taken.
  EXPECT_TRUE(HeardAt(70).empty());
  EXPECT_TRUE(HeardAt(90).empty());
  EXPECT_EQ(link_->abandoned, 0);
}

TEST_F(SessionWatchTest, AReplacedSessionIsWatchedUntilItsWriteIsThrough) {
  link_->write = 1;
  EXPECT_TRUE(HeardAt(1).empty());
  const auto newer = std::make_shared<RecordingLink>();
  watch_.Begin(RankId(1), newer, absl::Seconds(2));
  EXPECT_TRUE(HeardAt(10).empty());
  EXPECT_EQ(HeardAt(11).size(), 1);
  EXPECT_EQ(link_->abandoned, 1);
  EXPECT_EQ(newer->abandoned, 0);
  EXPECT_EQ(link_.use_count(), 1) << "an abandoned session is let go";
}

TEST_F(SessionWatchTest, AReplacedSessionWithoutAWriteIsLetGo) {
  watch_.Begin(RankId(1), std::make_shared<RecordingLink>(), absl::Seconds(2));
  EXPECT_TRUE(HeardAt(3).empty());
  EXPECT_EQ(link_.use_count(), 1);
}

TEST_F(SessionWatchTest, SilenceBeginsAfterThreePeriodsAndEndsWithAWord) {
  EXPECT_TRUE(watch_.Check(absl::Seconds(6)).empty());
  EXPECT_EQ(watch_.Silence(RankId(1), absl::Seconds(6)), std::nullopt);
  auto findings = watch_.Check(absl::Seconds(7));
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].kind, Kind::kSilent);
  EXPECT_EQ(findings[0].detail, "no heartbeat for 7s");
  EXPECT_TRUE(watch_.Check(absl::Seconds(12)).empty()) << "told once";
  EXPECT_EQ(watch_.Silence(RankId(1), absl::Milliseconds(12700)), "no heartbeat for 12s");
  findings = HeardAt(13);
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].kind, Kind::kSpeaksAgain);
  EXPECT_EQ(watch_.Silence(RankId(1), absl::Seconds(14)), std::nullopt);
}

TEST_F(SessionWatchTest, RanksWithoutASessionAreNotSilent) {
  watch_.End(RankId(1));
  EXPECT_TRUE(watch_.Check(absl::Hours(1)).empty());
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(watch_.Silence(RankId(rank), absl::Hours(1)), std::nullopt);
  }
}

TEST_F(SessionWatchTest, TakesANewWriteDeadlineOver) {
  link_->write = 7;
  EXPECT_TRUE(HeardAt(1).empty());
  watch_.SetOptions({absl::Seconds(60), absl::Seconds(3)});
  EXPECT_TRUE(HeardAt(3).empty());
  EXPECT_EQ(HeardAt(4).size(), 1);
  // The heartbeat period was told to the worker and stays.
  EXPECT_EQ(watch_.Check(absl::Seconds(11)).size(), 1);
}

}  // namespace
}  // namespace ballast
