#ifndef BALLAST_DAEMON_CONTROL_CONTROL_LOOP_H_
#define BALLAST_DAEMON_CONTROL_CONTROL_LOOP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/bounded_queue.h"
#include "core/base/clock.h"
#include "core/load/load_window.h"
#include "core/policy/rebalance_policy.h"
#include "core/solver/planner.h"
#include "daemon/control/group_config.h"
#include "daemon/control/group_observer.h"
#include "daemon/control/load_snapshot.h"
#include "daemon/control/plan_publisher.h"
#include "daemon/control/report_inbox.h"
#include "daemon/control/report_refusals.h"
#include "daemon/control/steering.h"

namespace ballast {

// What the control loop knows, copied out for status and metrics.
struct LoadView {
  absl::Duration turned;  // Uptime of the loop's last turn.
  std::uint64_t min_last_step = 0;
  double coverage = 0;
  SolveHold hold = SolveHold::kRanksMissing;
  std::uint64_t solves = 0;
  std::uint64_t solve_step = 0;  // min_last_step at the last solve; 0 before the first.
  absl::Duration solve_time;     // Uptime of it; of the loop's start before the first.
  std::uint64_t batches = 0;
  std::uint64_t total_picks = 0;
  std::uint64_t reports_dropped = 0;        // Queue full.
  double imbalance_measured = 1;            // Mean over layers, last batch.
  std::vector<double> layer_imbalance;      // [num_layers]; empty before a batch.
  std::vector<double> layer_predicted;      // [num_layers] of the live plan; empty if initial.
  std::vector<double> rank_load_ratio;      // [num_ranks], rank / mean; empty before a batch.
  std::vector<absl::Duration> last_report;  // [num_ranks], uptime; InfinitePast-like if never.
  std::vector<std::uint64_t> last_step;     // [num_ranks]
  std::optional<SolveRecord> last_solve;
};

// The nearline loop of one EP group: reports in, candidates out. It owns the load
// window and the policy and runs the planner on its own thread, so a slow solve or a
// full queue of one group never delays another.
//
// Thread-safe where said; Start() and Stop() belong to one owner.
class ControlLoop {
 public:
  // `publisher`, `observer` and `clock` must outlive the loop. The planner name in
  // `config` must be known; checked in all builds (the configuration refuses others).
  ControlLoop(const GroupConfig& config, PlanPublisher& publisher, GroupObserver& observer,
              Clock& clock);
  ~ControlLoop();

  void Start();
  // Ends the thread after the events in hand. Idempotent.
  void Stop();

  // Thread-safe, never blocks; false if the queue was full and the report is lost
  // (counters are cumulative: the next one makes up for it). Leaves a buffer of unspecified
  // content in `report.counts`, good for the next report.
  bool Submit(LoadReport&& report);

  // For a report that was refused before it came to Submit(): counts and remembers it.
  // `result` as in GroupObserver::OnReport(). Thread-safe.
  void Refuse(RankId rank, const char* result, const std::string& reason);
  // Why reports of `rank` were refused lately, in words. Thread-safe.
  std::optional<std::string> RefusalOf(RankId rank) const {
    return refusals_.TextOf(rank, clock_.Uptime());
  }

  // Queues a call that makes a plan; the ticket tells how it went, Unavailable if the queue
  // is full or the loop has ended. `content` is the earlier plan that a kRollback brings
  // back; null for kForce, which solves. Thread-safe, never blocks.
  void Steer(SteeringCall call, std::shared_ptr<const PlanRecord> content = nullptr);

  // Goes by the tuning of `config` (see TakeTuning) from its next turn on. Thread-safe.
  void Reconfigure(const GroupConfig& config);

  LoadView View() const;  // Thread-safe.

  // The loads of the last closed batch; null before the first. Thread-safe.
  std::shared_ptr<const LoadSnapshot> Snapshot() const;

  // One turn without a thread, for tests: takes what is queued and acts on it.
  void RunOnceForTest() { Turn(clock_.Uptime()); }

 private:
  struct SteeringRequest {
    SteeringCall call;
    std::shared_ptr<const PlanRecord> content;
  };

  struct Prediction {
    Digest plan{};
    std::vector<double> layers;  // [num_layers], max/mean.
  };

  void Run();
  void Turn(absl::Duration deadline);
  void TakeNextConfig();
  void Ingest(LoadReport&& report, absl::Duration now);
  void NameDriftingRanks(absl::Duration now);
  void Solve(const RolloutFacts& facts, absl::Duration now);
  PlanRequest RequestOf(const RolloutFacts& facts) const;
  // What is known before the result is.
  SolveRecord BeginRecord(const RolloutFacts& facts, const PlanRequest& request) const;
  void Judge(const RolloutFacts& facts, const PlanResult& result, absl::Duration now,
             SolveRecord* record) const;
  PolicyInput InputOf(const RolloutFacts& facts, absl::Duration now) const;
  void Serve(const SteeringRequest& request, const RolloutFacts& facts, absl::Duration now);
  absl::Status CheckRequest(const SteeringRequest& request, const RolloutFacts& facts,
                            absl::Duration now) const;
  absl::StatusOr<PlanResult> Answer(const SteeringRequest& request, const RolloutFacts& facts,
                                    absl::Duration now, SolveRecord* record);
  void Adopt(PlanResult result, const SolveRecord& record, std::optional<SteeredPlan> steered,
             absl::Duration now);
  void UpdateSnapshot(absl::Duration now);
  void UpdateView(SolveHold hold, const RolloutFacts& facts, absl::Duration now);

  GroupConfig config_;  // Its tuning changes, on the control thread.
  PlanPublisher& publisher_;
  GroupObserver& observer_;
  Clock& clock_;
  const std::unique_ptr<Planner> planner_;
  const PlacementPlan initial_plan_;
  ReportRefusals refusals_;
  absl::Duration drift_checked_;
  ReportInbox inbox_;
  std::vector<LoadReport> reports_;         // Of this turn; kept for its buffers.
  BoundedQueue<SteeringRequest> requests_;  // Looked at once a turn.
  LoadWindow window_;
  RebalancePolicy policy_;
  std::uint64_t snapshot_batches_ = 0;  // Of snapshot_.
  PlanId known_plan_;                   // The decided plan that the window was told last.
  std::uint64_t solves_ = 0;
  std::uint64_t solve_step_ = 0;
  absl::Duration solve_time_;
  std::vector<absl::Duration> last_report_;  // [num_ranks]
  std::vector<std::uint64_t> last_step_;     // [num_ranks]
  std::optional<SolveRecord> last_solve_;
  std::uint64_t measured_batches_ = 0;  // Batches when the next three were made.
  double imbalance_measured_ = 1;       // These three as in LoadView.
  std::vector<double> layer_imbalance_;
  std::vector<double> rank_load_ratio_;
  Prediction predicted_;  // Of the decided plan, if this loop made it.
  Prediction offered_;    // Of the plan offered last.
  std::thread thread_;

  mutable absl::Mutex mutex_;
  LoadView view_ ABSL_GUARDED_BY(mutex_);
  std::optional<GroupConfig> next_config_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const LoadSnapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_CONTROL_LOOP_H_
