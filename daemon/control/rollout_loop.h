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
#include "daemon/control/plan_publisher.h"
#include "daemon/control/rank_claims.h"
#include "daemon/control/session_watch.h"
#include "daemon/control/steering.h"
#include "daemon/control/step_watch.h"
#include "daemon/control/worker_link.h"

namespace ballast {

// What a worker's session tells. The link names the session: events of a session
// that a newer one of the same rank has replaced are ignored.
struct SessionEvent {
  enum class Kind {
    kHello,
    kDisconnect,
    kReceived,  // Loading goes on.
    kPrepared,
    kHeld,
    kActive,
    kRetired,
    kAborted,
    kNack,
    kHeartbeat,
    kGoodbye,  // The rank leaves on purpose; why is in nack.detail.
  };
  Kind kind = Kind::kHello;
  RankId rank;
  std::shared_ptr<WorkerLink> link;
  RankHello hello;  // kHello
  std::uint64_t nonce = 0;
  PlanId plan;                       // Of the status; the active one in kActive and kHeartbeat.
  Nack nack;                         // kNack
  std::uint64_t step = 0;            // kActive, kHeartbeat
  std::uint64_t disagreements = 0;   // kHeartbeat: since the worker's start.
  std::uint64_t membership_gen = 0;  // kHello: the newest that the worker has heard of.
};

struct WorkerView {
  RankState state = RankState::kGone;
  std::uint64_t incarnation = 0;
  PlanId active;
  std::optional<PlanId> held;  // Loaded and not active.
  std::uint64_t step = 0;
  bool silent = false;  // Has a session and says nothing; `state` is kStale.
  std::string detail;
};

// What the rollout knows, copied out for status and metrics.
struct RolloutView {
  absl::Duration turned;  // Uptime of the loop's last turn.
  PlanId decided;
  absl::Time decided_when = absl::InfinitePast();  // InfinitePast: the initial plan.
  std::optional<PlanId> candidate;
  PlanPhase phase = PlanPhase::kIdle;
  absl::Duration phase_since;
  bool active_everywhere = false;
  bool behind = false;  // A rank is ahead of this store: see its detail.
  int connected = 0;
  std::string waiting_for;
  std::uint64_t plans_adopted = 0;  // Active everywhere, since this start.
  std::uint64_t moved_slots = 0;    // Of those plans.
  GroupPause pause;                 // By an operator.
  std::uint64_t membership_gen = 0;
  std::vector<WorkerView> workers;  // [num_ranks]
};

// The plan a group begins with after the store was read.
struct RolloutStart {
  PlanId decided;                             // What workers must run.
  std::shared_ptr<const PlacementPlan> plan;  // Of `decided`.
  absl::Time decided_when = absl::InfinitePast();
  PlanId store_base;           // Newest decided row of the store, or `decided`.
  GroupPause pause;            // As an operator left it.
  GroupMembership membership;  // Who has left the group.
};

// Whether a stored plan fits the shape and the topology that the configuration says.
bool IsMadeFor(const GroupConfig& config, const PlanRecord& record);

// Reads the group's last decision back: aborts proposals that a crash left undecided,
// and returns the newest decided plan, or the initial plan if there is none. A stored
// plan for another shape or fleet is left and named in `ignored`. Errors: the store's.
absl::StatusOr<RolloutStart> RecoverGroup(const GroupConfig& config, PlanStore& store,
                                          std::uint64_t term, std::string* ignored);

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

  // Thread-safe, never blocks. False, with the link closed, if the queue is full: the
  // session starts over. Its end, kDisconnect, is never lost.
  bool Submit(SessionEvent event);

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
  Coordinator coordinator_;
  DecisionRecorder recorder_;
  absl::Time decided_when_;
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
