#ifndef BALLAST_CLIENT_WORKER_LOAD_STREAM_H_
#define BALLAST_CLIENT_WORKER_LOAD_STREAM_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "ballast/v1/load.grpc.pb.h"
#include "client/worker/backoff.h"
#include "client/worker/report_queue.h"
#include "client/worker/stream_link.h"
#include "client/worker/wakeup.h"
#include "core/base/clock.h"
#include "core/load/load_report.h"
#include "core/routing/load_counters.h"

namespace ballast {

// The stream of load reports: one report each period, at the same moments as other workers
// (report_schedule.h), in flight at most one. It comes back by itself while the session lives; its
// end never ends the session.
//
// Not thread-safe: the connection thread owns it. sent() is for any thread.
class LoadStream {
 public:
  // What each report of this worker has in common.
  struct Identity {
    std::string ep_group;
    int num_layers = 0;
    int num_columns = 0;
    bool padding_excluded = true;
    LoadReport report;  // Rank, incarnation, form, counter_bits.
  };
  using Rejected = std::function<void(const std::string&)>;

  LoadStream(LoadCounters& counters, Identity identity, const Backoff& backoff,
             absl::Duration period, std::shared_ptr<Wakeup> wakeup, const Clock& clock);

  // A session was accepted: keep a stream on this channel until Close().
  void Open(const std::shared_ptr<grpc::Channel>& channel, absl::Duration now);
  void Close();
  // Whether everything of the last Open() is gone.
  bool closed() const { return link_ == nullptr && channel_ == nullptr; }

  // 0 keeps the period.
  void SetPeriod(absl::Duration period, absl::Duration now);
  // Another plan is counted for: secures the last counts of the one before and sends them.
  void OnActivation(absl::Duration now);

  // Does what is due; `counting`: the counters belong to a plan.
  void Pump(bool counting, absl::Duration now, const Rejected& rejected);
  // When Pump() has something to do without an event.
  absl::Duration next_deadline() const;

  std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }

 private:
  using Link = StreamLink<v1::Counters, v1::Credit>;

  void Start(absl::Duration now);
  void Finish(absl::Duration now);
  void ReadCredits(absl::Duration now, const Rejected& rejected);
  void Send(const LoadReport& report);

  ReportQueue queue_;
  const Identity identity_;
  Backoff backoff_;
  absl::Duration period_;
  const std::shared_ptr<Wakeup> wakeup_;
  const Clock& clock_;  // Of the machine's wall time; all else comes as `now`.

  std::shared_ptr<grpc::Channel> channel_;  // Null: no stream is wanted.
  std::unique_ptr<v1::Load::Stub> stub_;
  std::unique_ptr<Link> link_;
  absl::Duration start_at_ = absl::InfiniteDuration();
  absl::Duration started_at_;
  absl::Duration report_at_ = absl::InfiniteDuration();
  std::atomic<std::uint64_t> sent_{0};
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_LOAD_STREAM_H_
