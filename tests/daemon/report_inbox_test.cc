// Goal: reports reach the reader whole, in order and without allocation; nobody waits, and no
// rank takes the room of others. Method: the inbox alone, one thread; a second one where it
// is about waking.

#include "daemon/control/report_inbox.h"

#include <thread>
#include <utility>
#include <vector>

#include "core/base/simulated_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;

LoadReport Report(int rank, std::uint64_t sequence, std::size_t counts = 1) {
  LoadReport report;
  report.rank = RankId(rank);
  report.sequence = sequence;
  report.counts.assign(counts, sequence);
  return report;
}

bool Put(ReportInbox& inbox, LoadReport report) { return inbox.TryPut(report); }

std::vector<std::uint64_t> Sequences(const std::vector<LoadReport>& reports) {
  std::vector<std::uint64_t> sequences;
  for (const LoadReport& report : reports) sequences.push_back(report.sequence);
  return sequences;
}

TEST(ReportInboxTest, HandsOutEverythingOldestFirst) {
  SimulatedClock clock;
  ReportInbox inbox(2);
  for (std::uint64_t sequence : {1, 2, 3}) ASSERT_TRUE(Put(inbox, Report(1, sequence)));
  std::vector<LoadReport> reports;
  inbox.TakeAll(clock, clock.Uptime(), reports);
  EXPECT_THAT(Sequences(reports), ElementsAre(1, 2, 3));
  EXPECT_THAT(reports[2].counts, ElementsAre(3));
  inbox.TakeAll(clock, clock.Uptime(), reports);
  EXPECT_TRUE(reports.empty());
}

TEST(ReportInboxTest, TheBufferOfAReportThatWasReadComesBackToAWriter) {
  SimulatedClock clock;
  ReportInbox inbox(1);
  LoadReport report = Report(0, 1, 1000);
  const std::uint64_t* buffer = report.counts.data();
  ASSERT_TRUE(inbox.TryPut(report));
  EXPECT_NE(report.counts.data(), buffer);
  std::vector<LoadReport> reports;
  inbox.TakeAll(clock, clock.Uptime(), reports);
  inbox.TakeAll(clock, clock.Uptime(), reports);  // Gives the first ones back.
  LoadReport next = Report(0, 2);
  ASSERT_TRUE(inbox.TryPut(next));
  EXPECT_EQ(next.counts.data(), buffer);
}

TEST(ReportInboxTest, ARankThatFloodsTakesNoRoomOfOthers) {
  SimulatedClock clock;
  ReportInbox inbox(2);
  for (int i = 0; i < ReportInbox::kMaxOfOneRank; ++i) ASSERT_TRUE(Put(inbox, Report(0, 1)));
  LoadReport refused = Report(0, 77);
  EXPECT_FALSE(inbox.TryPut(refused));
  EXPECT_THAT(refused.counts, ElementsAre(77));
  EXPECT_TRUE(Put(inbox, Report(1, 1)));
  EXPECT_EQ(inbox.dropped(), 1);
  std::vector<LoadReport> reports;
  inbox.TakeAll(clock, clock.Uptime(), reports);
  EXPECT_TRUE(Put(inbox, Report(0, 2))) << "the bound is on what waits, not on all there was";
}

TEST(ReportInboxTest, MemoryIsBoundedByCountsAndByReports) {
  ReportInbox inbox(4 * ReportInbox::kMaxReports);
  ASSERT_TRUE(Put(inbox, Report(0, 1, ReportInbox::kMaxCounts)));
  EXPECT_FALSE(Put(inbox, Report(1, 1)));
  SimulatedClock clock;
  std::vector<LoadReport> reports;
  inbox.TakeAll(clock, clock.Uptime(), reports);
  int taken = 0;
  while (Put(inbox, Report(taken, 1))) ++taken;
  EXPECT_EQ(taken, ReportInbox::kMaxReports);
}

TEST(ReportInboxTest, ABacklogDoesNotKeepItsMemory) {
  SimulatedClock clock;
  ReportInbox inbox(2);
  ASSERT_TRUE(Put(inbox, Report(0, 1, ReportInbox::kMaxSpareCounts + 1)));
  std::vector<LoadReport> reports;
  inbox.TakeAll(clock, clock.Uptime(), reports);
  inbox.TakeAll(clock, clock.Uptime(), reports);
  LoadReport next = Report(0, 2);
  ASSERT_TRUE(inbox.TryPut(next));
  EXPECT_EQ(next.counts.capacity(), 0);
}

TEST(ReportInboxTest, TheFirstReportWakesTheReader) {
  ReportInbox inbox(1);
  std::vector<LoadReport> reports;
  std::thread reader(
      [&] { inbox.TakeAll(RealClock(), RealClock().Uptime() + absl::Minutes(1), reports); });
  ASSERT_TRUE(Put(inbox, Report(0, 5)));
  reader.join();
  // Woken by the report, or there after it: either way long before the deadline.
  EXPECT_THAT(Sequences(reports), ElementsAre(5));
}

// Gather() without a deadline returns only where the bound cuts it short.
TEST(ReportInboxTest, ABurstOfManyRanksCutsTheGatheringShort) {
  constexpr int kRanks = 500;
  constexpr std::size_t kCounts = 58 * 256;
  ReportInbox inbox(kRanks);
  std::vector<LoadReport> reports;
  std::size_t read = 0;
  int put = 0;
  while (put < kRanks) {
    const std::size_t enough = (ReportInbox::kReadCounts + kCounts - 1) / kCounts;
    for (std::size_t i = 0; i < enough && put < kRanks; ++i, ++put) {
      ASSERT_TRUE(Put(inbox, Report(put, 1, kCounts))) << put;
    }
    if (put < kRanks) inbox.Gather(RealClock(), absl::InfiniteDuration());
    inbox.TakeAll(RealClock(), absl::InfiniteDuration(), reports);
    read += reports.size();
  }
  EXPECT_EQ(read, kRanks);
  SimulatedClock clock;
  ASSERT_TRUE(Put(inbox, Report(0, 2)));
  inbox.Gather(clock, clock.Uptime());  // Taken again: the bound is on what waits.
  EXPECT_EQ(inbox.dropped(), 0);
}

TEST(ReportInboxTest, ManySmallReportsCutTheGatheringShort) {
  ReportInbox inbox(ReportInbox::kMaxReports);
  for (int i = 0; i < static_cast<int>(ReportInbox::kReadReports); ++i) {
    ASSERT_TRUE(Put(inbox, Report(i, 1)));
  }
  inbox.Gather(RealClock(), absl::InfiniteDuration());
}

TEST(ReportInboxTest, ClosingWakesTheReaderAndRefusesWhatComesLater) {
  ReportInbox inbox(1);
  ASSERT_TRUE(Put(inbox, Report(0, 1)));
  std::thread closer([&] { inbox.Close(); });
  inbox.Gather(RealClock(), absl::InfiniteDuration());
  closer.join();
  EXPECT_TRUE(inbox.closed());
  EXPECT_FALSE(Put(inbox, Report(0, 2)));
  std::vector<LoadReport> reports;
  inbox.TakeAll(RealClock(), absl::InfiniteDuration(), reports);
  EXPECT_THAT(Sequences(reports), ElementsAre(1)) << "what was taken is still handed out";
  inbox.TakeAll(RealClock(), absl::InfiniteDuration(), reports);  // Does not block.
  EXPECT_TRUE(reports.empty());
}

TEST(ReportInboxTest, EveryReportOfManyThreadsIsHandedOutOrCounted) {
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  ReportInbox inbox(kThreads);
  std::vector<std::thread> writers;
  for (int rank = 0; rank < kThreads; ++rank) {
    writers.emplace_back([&inbox, rank] {
      LoadReport report;
      for (int i = 0; i < kEach; ++i) {
        report.rank = RankId(rank);
        report.counts.assign(3, static_cast<std::uint64_t>(i));
        inbox.TryPut(report);
      }
    });
  }
  std::thread closer([&] {
    for (std::thread& writer : writers) writer.join();
    inbox.Close();
  });
  std::uint64_t read = 0;
  std::vector<LoadReport> reports;
  bool last = false;
  while (!last) {
    last = inbox.closed();
    inbox.TakeAll(RealClock(), absl::InfiniteDuration(), reports);
    for (const LoadReport& report : reports) {
      EXPECT_EQ(report.counts.size(), 3);
      ++read;
    }
  }
  closer.join();
  EXPECT_EQ(read + inbox.dropped(), kThreads * kEach);
}

}  // namespace
}  // namespace ballast
