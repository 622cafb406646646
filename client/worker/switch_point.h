#ifndef BALLAST_CLIENT_WORKER_SWITCH_POINT_H_
#define BALLAST_CLIENT_WORKER_SWITCH_POINT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/worker/wakeup.h"
#include "client/worker/weight_loader.h"
#include "core/base/ids.h"
#include "core/model/placement_plan.h"
#include "core/rollout/nack.h"
#include "core/rollout/participant.h"
#include "core/rollout/vote.h"
#include "core/routing/load_counters.h"
#include "core/routing/placement_table.h"
#include "core/routing/replica_router.h"

namespace ballast {

// A checked plan with what serving it needs.
struct PlanInHand {
  PlanId id;
  std::shared_ptr<const PlacementPlan> plan;
  std::shared_ptr<const PlacementTable> table;
  std::uint64_t num_moves = 0;  // Slots of the own rank that change.
  bool peers_run_it = false;    // The other ranks serve it already.
};

// Where the engine thread and the connection thread meet: the Participant, and what
// changes with it. The engine's calls are wait-free but for the steps around a switch;
// then they take a mutex that guards a few assignments, never IO, checks or loading. They
// neither allocate nor free: the plan before the active one waits for TakeNews().
class SwitchPoint {
 public:
  struct Size {
    int num_layers = 0;
    int num_columns = 0;  // Of the counters: local slots or experts.
  };

  // Serves `active` from the start. `loader` must outlive it; only Activate() is called.
  SwitchPoint(PlanInHand active, const Size& size, const RouterOptions& router,
              WeightLoader& loader, std::shared_ptr<Wakeup> wakeup);

  // Engine thread; as in worker_session.h.
  bool BeginStep(std::uint64_t step);
  VoteWord Vote() const {
    const std::uint64_t low = vote_low_.load(std::memory_order_acquire);
    return low == 0 ? VoteWord{} : VoteWord{low, ~low};
  }
  VoteResult OnVote(const VoteWord& reduced);
  void EndStep(std::uint64_t step) { counters_.EndStep(step); }
  ReplicaRouter& router() { return router_; }
  LoadCounters& counters() { return counters_; }
  TableCell& tables() { return cell_; }

  // Connection thread: messages of the daemon and the end of a load. What follows from
  // them comes out of TakeNews().
  bool OnWelcome(std::uint64_t term);
  // `candidate` is used if the participant begins, or goes on, to load this plan.
  void OnPrepare(std::uint64_t nonce, PlanInHand candidate, const PlanId& base, std::uint64_t term,
                 const std::optional<Nack>& fault);
  void OnLoaded(const PlanId& plan, const std::optional<Nack>& fault);
  void OnCommit(std::uint64_t nonce, const PlanId& plan, std::uint64_t term);
  void OnAbort(std::uint64_t nonce, const PlanId& plan, std::uint64_t term);
  void OnRetire(std::uint64_t nonce, const PlanId& plan, std::uint64_t term);
  // What the moves of the plan in copying come to.
  void SetNumMoves(std::uint64_t num_moves);

  struct News {
    Participant::Actions actions;
    std::uint64_t disagreements = 0;  // Since construction, as the next two.
    std::uint64_t activations = 0;
  };
  // Also frees the plan that was active before the last switch.
  News TakeNews();

  struct View {
    PlanInHand active;
    std::optional<PlanInHand> candidate;
    std::optional<PlanId> held;  // As Participant::held().
    ParticipantState state = ParticipantState::kActive;
    std::uint64_t highest_term_seen = 0;
    std::uint64_t activations = 0;
    std::uint64_t active_since_step = 0;
    std::uint64_t moved_slots = 0;
    std::uint64_t disagreements = 0;
  };
  // Any thread.
  View Look() const;
  std::uint64_t step() const { return step_.load(std::memory_order_relaxed); }
  // Whether the counters belong to a plan: true once a first step began.
  bool counting() const { return counting_.load(std::memory_order_acquire); }
  std::uint64_t active_digest_prefix() const {
    return active_prefix_.load(std::memory_order_acquire);
  }

 private:
  void Switch(std::uint64_t step);
  void BeginCounting(std::uint64_t step);
  void PublishVote() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    vote_low_.store(participant_.Vote().low, std::memory_order_release);
  }

  WeightLoader& loader_;
  const std::shared_ptr<Wakeup> wakeup_;
  TableCell cell_;
  ReplicaRouter router_;
  LoadCounters counters_;
  // Engine thread only: what the last vote came to.
  bool switch_pending_ = false;
  bool disagreed_ = false;

  std::atomic<std::uint64_t> vote_low_{0};
  std::atomic<std::uint64_t> step_{0};
  std::atomic<std::uint64_t> active_prefix_{0};
  std::atomic<bool> counting_{false};

  mutable absl::Mutex mutex_;
  Participant participant_ ABSL_GUARDED_BY(mutex_);
  Participant::Actions actions_ ABSL_GUARDED_BY(mutex_);
  PlanInHand active_ ABSL_GUARDED_BY(mutex_);
  PlanInHand retired_ ABSL_GUARDED_BY(mutex_);  // Active before, not yet freed.
  std::optional<PlanInHand> candidate_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t activations_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t active_since_step_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t moved_slots_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_SWITCH_POINT_H_
