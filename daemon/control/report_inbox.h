#ifndef BALLAST_DAEMON_CONTROL_REPORT_INBOX_H_
#define BALLAST_DAEMON_CONTROL_REPORT_INBOX_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/load/load_report.h"

namespace ballast {

// Hands the reports of many streams to the control thread of one EP group, in order.
// Nothing is copied and, once it runs, nothing allocated: a producer trades its counts for
// a buffer that the reader has done with. The reader sleeps while it gathers, so a report
// costs no wakeup of its own. No producer ever waits for the reader.
//
// Thread-safe; one reader.
class ReportInbox {
 public:
  // Chosen: a stuck loop of 128 ranks at 10 reports a second fills it in 3 s.
  static constexpr std::size_t kMaxReports = 4096;
  // Chosen: 32 MiB; two rounds of 128 ranks that report 58 x 256 counts.
  static constexpr std::size_t kMaxCounts = std::size_t{4} << 20;
  // Chosen: 8 MiB of buffers are kept, so that a backlog does not hold its memory for ever.
  static constexpr std::size_t kMaxSpareCounts = std::size_t{1} << 20;
  // What is read at once. Chosen: 4 MiB of counts, 36 ranks' 58 x 256; where bursts of 128 ranks
  // were read whole the daemon took 119 to 125 MiB, 148 at first, instead of 113 to 116.
  static constexpr std::size_t kReadCounts = kMaxCounts / 8;
  static constexpr std::size_t kReadReports = kMaxReports / 2;
  // Chosen: 3 s of reports every 50 ms. One rank that floods can not take the room of others.
  static constexpr int kMaxOfOneRank = 64;

  explicit ReportInbox(int num_ranks) : waiting_of_(num_ranks, 0) {}

  // Moves the report in and leaves a used buffer in `report.counts`, of unspecified
  // content. False, with the report unchanged and one more in dropped(), if a bound is
  // reached or the inbox is closed. A rank out of range is taken; it has no bound of its own.
  bool TryPut(LoadReport& report);

  // Everything that waits, oldest first, swapped into `reports`; its old elements are the
  // buffers for later. Waits for the first report until `deadline` on `clock`, or Close().
  void TakeAll(Clock& clock, absl::Duration deadline, std::vector<LoadReport>& reports);

  // Lets reports gather: blocks until the deadline, Close(), or until as many wait as are
  // read at once, so that a burst of many ranks finds room and takes little of it.
  void Gather(Clock& clock, absl::Duration deadline);

  // Wakes the reader; later reports are dropped.
  void Close();
  bool closed() const;
  std::uint64_t dropped() const;  // Reports refused so far.

 private:
  int* WaitingOf(RankId rank) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Crowded() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Recycle(std::vector<LoadReport>& reports) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::vector<LoadReport> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> waiting_of_ ABSL_GUARDED_BY(mutex_);  // [num_ranks]
  std::vector<std::vector<std::uint64_t>> spares_ ABSL_GUARDED_BY(mutex_);
  std::size_t counts_ ABSL_GUARDED_BY(mutex_) = 0;        // In waiting_.
  bool crowding_ ABSL_GUARDED_BY(mutex_) = false;         // Enough to read waits.
  std::size_t spare_counts_ ABSL_GUARDED_BY(mutex_) = 0;  // In spares_, by capacity.
  std::uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  bool shut_ ABSL_GUARDED_BY(mutex_) = false;  // Closed, as producers see it.

  // What the reader waits for, under a lock of its own: a producer that finds others'
  // reports waiting does not touch it.
  mutable absl::Mutex wait_mutex_ ABSL_ACQUIRED_AFTER(mutex_);
  bool ready_ ABSL_GUARDED_BY(wait_mutex_) = false;    // A report waits, or closed.
  bool crowded_ ABSL_GUARDED_BY(wait_mutex_) = false;  // Enough to read waits, or closed.
  bool closed_ ABSL_GUARDED_BY(wait_mutex_) = false;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_REPORT_INBOX_H_
