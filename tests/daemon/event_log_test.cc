#include "daemon/observe/event_log.h"

#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/simulated_clock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace ballast {
namespace {

TEST(EventLogTest, LogfmtQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(FormatEvent(false, "plan.decided",
                        {{"group", "demo"}, {"plan", "7.42 (a91f03c2)"}, {"empty", ""}}),
            "event=plan.decided group=demo plan=\"7.42 (a91f03c2)\" empty=\"\"");
}

TEST(EventLogTest, LogfmtKeepsALineALine) {
  EXPECT_EQ(FormatEvent(false, "a", {{"text", "two\nlines \"quoted\" a=b"}}),
            "event=a text=\"two\\nlines \\\"quoted\\\" a=b\"");
}

TEST(EventLogTest, LogfmtLetsNoControlCharacterThrough) {
  EXPECT_EQ(FormatEvent(false, "a", {{"esc", "\x1b[2J"}, {"del", "\x7f"}, {"bell", "\a"}}),
            "event=a esc=\"\\u001b[2J\" del=\"\\u007f\" bell=\"\\u0007\"");
}

TEST(EventLogTest, JsonIsJsonWhateverTheFieldsHold) {
  const std::string inside = FormatEvent(true, "a.b", {{"text", "\"\\\n\xff{}"}, {"n", "1"}});
  const nlohmann::json parsed = nlohmann::json::parse("{" + inside + "}");
  EXPECT_EQ(parsed["event"], "a.b");
  EXPECT_EQ(parsed["n"], "1");
}

// A log at `info` with a clock of its own.
class LimitedLogTest : public ::testing::Test {
 protected:
  void Write(int times, const std::string& event, const std::string& group = "demo",
             Severity severity = Severity::kWarn) {
    for (int i = 0; i < times; ++i) log_.Write(severity, event, {{"group", group}});
  }

  // Lines with this text since the last call of Clear().
  int Count(const std::string& text) const {
    int count = 0;
    const std::string lines = out_.str();
    for (absl::string_view line : absl::StrSplit(lines, '\n')) {
      count += absl::StrContains(line, text) ? 1 : 0;
    }
    return count;
  }

  void Clear() { out_.str(""); }

  const int burst_ = static_cast<int>(EventLimits().burst);
  SimulatedClock clock_;
  std::ostringstream out_;
  EventLog log_{"info", false, clock_, out_};
};

TEST_F(LimitedLogTest, AFloodIsCutAndCounted) {
  Write(burst_ + 700, "report.refused");
  EXPECT_EQ(Count("event=report.refused"), burst_);
  // The first that is left out is told at once, the rest after a while.
  EXPECT_EQ(Count("level=warning event=log.suppressed key=report.refused/demo count=1"), 1);
  clock_.Advance(EventLimits().tell_every);
  log_.TellSuppressed();
  EXPECT_EQ(Count("event=log.suppressed key=report.refused/demo count=699"), 1);
  EXPECT_EQ(Count("event=log.suppressed"), 2);
}

TEST_F(LimitedLogTest, TheRestIsToldBesideTheNextEventOfAnyName) {
  Write(burst_ + 5, "report.refused");
  Clear();
  clock_.Advance(EventLimits().tell_every);
  Write(1, "plan.decided");
  EXPECT_EQ(Count("event=log.suppressed key=report.refused/demo count=4"), 1);
}

TEST_F(LimitedLogTest, NamesAndGroupsDoNotSilenceEachOther) {
  Write(burst_ + 1, "report.refused", "demo");
  Clear();
  Write(1, "report.refused", "prefill");
  Write(1, "plan.decided", "demo");
  EXPECT_EQ(Count("event=report.refused group=prefill"), 1);
  EXPECT_EQ(Count("event=plan.decided"), 1);
  Write(1, "report.refused", "demo");
  EXPECT_EQ(Count("event=report.refused group=demo"), 0);
}

TEST_F(LimitedLogTest, TimeBringsRoomBack) {
  Write(burst_ + 100, "report.refused");
  Clear();
  clock_.Advance(absl::Seconds(2));
  Write(100, "report.refused");
  EXPECT_EQ(Count("event=report.refused"), static_cast<int>(2 * EventLimits().per_second));
  // Never more than a burst, however long it was quiet.
  clock_.Advance(absl::Hours(24));
  Clear();
  Write(burst_ + 100, "report.refused");
  EXPECT_EQ(Count("event=report.refused"), burst_);
}

TEST_F(LimitedLogTest, WhatSomebodyAskedForIsNotLimited) {
  ASSERT_TRUE(log_.SetLevel("debug").ok());
  Write(burst_ + 50, "plan.pushed", "demo", Severity::kDebug);
  EXPECT_EQ(Count("event=plan.pushed"), burst_ + 50);
}

TEST_F(LimitedLogTest, WhatTheLevelHidesIsNotCounted) {
  Write(burst_ + 50, "plan.pushed", "demo", Severity::kDebug);
  log_.TellSuppressed();
  EXPECT_EQ(out_.str(), "");
}

TEST_F(LimitedLogTest, LevelsGoRound) {
  EXPECT_EQ(log_.CycleLevel(), "debug");
  EXPECT_EQ(log_.CycleLevel(), "trace");
  EXPECT_EQ(log_.CycleLevel(), "info");
  ASSERT_TRUE(log_.SetLevel("error").ok());
  EXPECT_EQ(log_.CycleLevel(), "info");
}

TEST(EventLimiterTest, KeysBeyondTheLimitShareOne) {
  EventLimiter limiter(
      {.burst = 2, .per_second = 1, .tell_every = absl::Seconds(1), .max_keys = 2});
  const absl::Duration now = absl::Seconds(5);
  EXPECT_TRUE(limiter.Admit("a", now));
  EXPECT_TRUE(limiter.Admit("b", now));
  EXPECT_TRUE(limiter.Admit("c", now));
  EXPECT_TRUE(limiter.Admit("d", now));
  EXPECT_FALSE(limiter.Admit("e", now));
  EXPECT_TRUE(limiter.Admit("a", now));
  const auto suppressed = limiter.TakeSuppressed(now);
  ASSERT_EQ(suppressed.size(), 1);
  EXPECT_EQ(suppressed[0].key, "other");
  EXPECT_EQ(suppressed[0].count, 1);
  EXPECT_TRUE(limiter.TakeSuppressed(now + absl::Minutes(1)).empty());
}

}  // namespace
}  // namespace ballast
