#ifndef BALLAST_CLIENT_WORKER_REPORT_QUEUE_H_
#define BALLAST_CLIENT_WORKER_REPORT_QUEUE_H_

#include <cstdint>
#include <optional>

#include "core/load/load_report.h"
#include "core/routing/load_counters.h"

namespace ballast {

// Which load report comes next. After an activation the last counts of the plan before
// come first, and again after a reconnect or a drop until the daemon has acknowledged them:
// nothing else can replace them, whereas a report of the plan in force is cumulative.
//
// Not thread-safe: the connection thread owns it; the counters are safe beside the engine.
class ReportQueue {
 public:
  // `identity` has what does not change: rank, incarnation, form, counter_bits.
  ReportQueue(LoadCounters& counters, const LoadReport& identity);

  // Looks whether another plan is counted for and secures the counts of the one before.
  // Call it soon after each activation, connected or not.
  void NoteActivation();

  // A report interval has passed: the plan in force is reported too.
  void SetDue() { due_ = true; }

  // The next report, with its sequence; nullopt if there is none. A plan under which no
  // step has ended yet is not reported.
  std::optional<LoadReport> Next();

  // The daemon has taken everything up to this sequence.
  void OnAccepted(std::uint64_t sequence);
  // The daemon has not taken a report that came after those accepted, for want of room: the
  // last counts may be among them and go once more with the next report that is due.
  void OnDropped();
  // A new stream: what was not acknowledged may be lost.
  void OnReconnect();

  std::uint64_t sent() const { return sequence_; }

 private:
  // Counts of a finished plan; `sequence` 0: not sent yet on this stream, or to be sent again.
  struct Last {
    LoadCounters::Snapshot snapshot;
    std::uint64_t sequence = 0;
    bool waits_until_due = false;  // At once would meet the same full queue.
  };

  LoadReport Fill(LoadCounters::Snapshot snapshot);

  LoadCounters& counters_;
  const LoadReport identity_;
  std::optional<PlanId> counted_plan_;  // The plan of the last look at the counters.
  std::optional<Last> last_;
  bool due_ = false;
  std::uint64_t sequence_ = 0;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_REPORT_QUEUE_H_
