#ifndef BALLAST_DAEMON_CONTROL_ROLLOUT_LOOP_H_
#define BALLAST_DAEMON_CONTROL_ROLLOUT_LOOP_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/bounded_queue.h"
#include "core/base/clock.h"
#include "core/rollout/coordinator.h"
#include "core/store/plan_store.h"
#include "daemon/control/crash_points.h"
#include "daemon/control/decision_recorder.h"
#include "daemon/control/group_config.h"
#include "daemon/control/group_observer.h"
#include "daemon/control/hello_refusals.h"
#include "daemon/control/plan_publisher.h"
#include "daemon/control/rank_claims.h"
#include "daemon/control/rank_quota.h"
#include "daemon/control/rollout_start.h"
#include "daemon/control/rollout_view.h"
#include "daemon/control/session_event.h"
#include "daemon/control/session_watch.h"
#include "daemon/control/steering.h"
#include "daemon/control/step_watch.h"
#include "daemon/control/worker_link.h"

namespace ballast {

// The publish thread of one EP group: owns the coordinator, talks to the store and to
// the workers' sessions. Nothing is sent before the store has accepted it.
// Thread-safe where said; Start() and Stop() belong to one owner.
class RolloutLoop final : public PlanPublisher {
 public:
  // All references must outlive the loop.
  struct Parts {
    const GroupConfig& config;
    PlanStore& store;
    GroupObserver& observer;
    Clock& clock;
    CrashPoints* crash_points = nullptr;  // Tests only.
  };
  RolloutLoop(const Parts& parts, const RolloutStart& start, std::uint64_t term);
  ~RolloutLoop() override;

  void Start();
  // Ends the thread and closes all sessions with `reason`. Idempotent.
  void Stop(const std::string& reason);

  // Thread-safe, never blocks. False, with the link closed, if the queue is full or holds too
  // much of this rank: the session starts over. Its end, kDisconnect, is never lost.
  bool Submit(SessionEvent event);

  // A Hello in the name of `rank` that was refused before it came here. Thread-safe.
  void Refuse(RankId rank, const std::string& reason);

  // Queues what an operator asks for; the ticket tells how it went, Unavailable if the
  // queue is full or the loop has ended. Thread-safe, never blocks. kForce: see ControlLoop.
  // For kRollback the content found goes to `receiver`, which must be set and judge it.
  void Steer(SteeringCall call, PlanReceiver receiver = nullptr);

  // Goes by the tuning of `config` (see TakeTuning) from its next turn on. Thread-safe.
  void Reconfigure(const GroupConfig& config);

  RolloutFacts Facts() const override;                           // Thread-safe.
  void Offer(PlanCandidate candidate) override;                  // Thread-safe.
  void Record(SolveRecord solve, std::string outcome) override;  // Thread-safe.
  RolloutView View() const;                                      // Thread-safe.
  std::uint64_t term() const { return term_; }
  // Another daemon leads this store: nothing is sent or stored any more. Thread-safe.
  bool deposed() const { return deposed_.load(std::memory_order_acquire); }

  void RunOnceForTest() { Turn(clock_.Uptime()); }  // One turn without a thread.

 private:
  struct SolveNote {
    SolveRecord solve;
    std::string outcome;
  };
  struct SteeringEvent {
    SteeringCall call;
    PlanReceiver receiver;
  };
  struct PendingAbort {
    std::shared_ptr<SteeringTicket> ticket;
    SteeringResult result;
  };
  static constexpr char kDeposedText[] = "another daemon leads this store now";

  using Event = std::variant<SessionEvent, PlanCandidate, SolveNote, SteeringEvent>;

  void Run();
  void Turn(absl::Duration deadline);
  void TakeNextConfig();
  void Handle(SessionEvent& event);
  void HandleHello(SessionEvent& event);
  bool Admit(const SessionEvent& event);
  void HandleEnd(const SessionEvent& event);
  void EndSession(RankId rank);
  void HandleGoodbye(const SessionEvent& event);
  bool TakeBack(const SessionEvent& event);
  bool SetMembership(GroupMembership next);
  void SendMembership(RankId rank);
  void HandleStatus(const SessionEvent& event);
  void HandleOffer(PlanCandidate candidate);
  void RefuseOffer(const SolveRecord& solve, const std::string& reason);
  absl::Status Accept(const PlanCandidate& candidate);
  void HandleSteering(const SteeringEvent& event);
  void SetPause(const SteeringCall& call, SteeringResult result);
  void AbortPlan(const SteeringCall& call, SteeringResult result);
  absl::StatusOr<PlanRecord> ContentOf(const SteeringCall& call) const;
  absl::StatusOr<PlanVersion> VersionBefore() const;
  void EndSteering(const CoordinatorAction& action);
  void Execute();
  void Execute(const CoordinatorAction& action);
  void PersistProposal();
  void PersistDecision();
  void PersistAbort(const CoordinatorAction& action);
  absl::Status AbortLeftovers();
  void SendTo(const CoordinatorAction& action);
  void NoticeStoreCall(const char* call, const absl::Status& status, absl::Duration took);
  void StepDown(const absl::Status& status);
  void Reach(absl::string_view crash_point);
  void Finish(const CoordinatorAction& action);
  void NoticeActivation();
  void NoticeSessions();
  void NoticeState(RankId rank, RankState state, const std::string& detail);
  void UpdateView();
  std::optional<HelloRefusal> ShownRefusal(RankId rank, absl::Duration now) const;
  std::optional<PlanId> HeldBy(RankId rank) const;
  std::shared_ptr<const PlacementPlan> PlanOf(const Digest& digest) const;

  GroupConfig config_;  // Its tuning changes, on the publish thread.
  PlanStore& store_;
  GroupObserver& observer_;
  Clock& clock_;
  CrashPoints* const crash_points_;
  SentPoints sent_points_;
  const std::uint64_t term_;
  BoundedQueue<Event> queue_;
  RankQuota quota_;  // Of queue_; the end of a session needs none.
  Coordinator coordinator_;
  DecisionRecorder recorder_;
  absl::Time decided_when_;
  double imbalance_planned_;
  PlanId store_base_;
  std::shared_ptr<const PlacementPlan> decided_plan_;
  std::optional<PlanCandidate> candidate_;  // Until decided or finished.
  std::optional<PlanVersion> candidate_version_;
  bool store_uncertain_ = false;  // A call failed; an undecided row may be left.
  GroupPause pause_;
  GroupMembership membership_;
  std::vector<PendingAbort> aborts_;       // Asked for, not yet stored.
  std::optional<SolveRecord> activating_;  // Decided, not yet active everywhere.
  const absl::Duration started_;
  absl::Duration mark_;  // Of the last plan event, for durations.
  Coordinator::Actions actions_;
  std::vector<std::shared_ptr<WorkerLink>> links_;  // [num_ranks]; null: gone.
  SessionWatch watch_;
  StepWatch steps_;
  RankClaims claims_;
  HelloRefusals refusals_;
  std::atomic<bool> deposed_{false};
  std::vector<WorkerView> workers_;           // [num_ranks]
  std::vector<std::uint64_t> disagreements_;  // [num_ranks]
  std::uint64_t plans_adopted_ = 0;
  std::uint64_t moved_slots_ = 0;
  std::thread thread_;

  mutable absl::Mutex mutex_;
  std::vector<SessionEvent> ends_ ABSL_GUARDED_BY(mutex_);  // For which the queue had no room.
  RolloutView view_ ABSL_GUARDED_BY(mutex_);
  RolloutFacts facts_ ABSL_GUARDED_BY(mutex_);
  std::optional<GroupConfig> next_config_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_ROLLOUT_LOOP_H_
