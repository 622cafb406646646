// Goal: workers with the same clock report at the same moments, once a period, whenever they
// were started and however late or early their timers are. Method: the schedule alone, driven
// through many periods with seeded lateness.

#include <cstdint>

#include "client/worker/report_schedule.h"
#include "core/base/random.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

absl::Time At(double seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); }

TEST(ReportScheduleTest, AimsAtTheNextMultipleOfThePeriod) {
  const absl::Duration period = absl::Milliseconds(100);
  EXPECT_EQ(UntilNextReport(At(5.0), period), period);
  EXPECT_EQ(UntilNextReport(At(5.025), period), absl::Milliseconds(75));
  EXPECT_EQ(UntilNextReport(At(5.075), period), absl::Milliseconds(25));
}

TEST(ReportScheduleTest, ATimerThatIsEarlyDoesNotReportTwice) {
  const absl::Duration period = absl::Milliseconds(100);
  EXPECT_EQ(UntilNextReport(At(5.098), period), absl::Milliseconds(102));
}

TEST(ReportScheduleTest, AClockBeforeTheEpochIsAClockToo) {
  const absl::Duration wait = UntilNextReport(At(-0.75), absl::Seconds(1));
  EXPECT_GE(wait, absl::Milliseconds(250));
  EXPECT_LT(wait, absl::Milliseconds(1250));
}

// 128 workers begin at their own times and wake up to a tenth of a period late.
TEST(ReportScheduleTest, WorkersReportTogetherAndOnceAPeriod) {
  const absl::Duration period = absl::Milliseconds(100);
  Random random(1);
  for (int worker = 0; worker < 128; ++worker) {
    absl::Time now = At(1000 + random.Uniform());
    std::int64_t last = 0;
    for (int n = 0; n < 50; ++n) {
      now += UntilNextReport(now, period) + 0.1 * random.Uniform() * period;
      const absl::Duration since_epoch = now - absl::UnixEpoch();
      EXPECT_LT(since_epoch % period, 0.1 * period);
      if (n > 0) {
        EXPECT_EQ(since_epoch / period, last + 1);
      }
      last = since_epoch / period;
    }
  }
}

}  // namespace
}  // namespace ballast
