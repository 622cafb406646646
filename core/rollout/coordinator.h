#ifndef BALLAST_CORE_ROLLOUT_COORDINATOR_H_
#define BALLAST_CORE_ROLLOUT_COORDINATOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "core/rollout/nack.h"

namespace ballast {

// Phases of one plan, as metrics and the CLI name them.
enum class PlanPhase {
  kIdle,        // No plan on its way.
  kProposed,    // Waits for the store to accept the proposal.
  kPreparing,   // Stored; ranks load weights. May still be aborted.
  kDeciding,    // All ranks prepared; waits for the store to accept the decision.
  kCommitting,  // Decided; ranks get permission and switch together. No way back.
  kRetiring,    // Active on all ranks; old slots are being given up.
  kAborting,    // Waits for the store to record the abort.
};
const char* PlanPhaseName(PlanPhase phase);  // "idle", "proposed", ...

enum class RankState { kGone, kStale, kPrepared, kHeld, kSynced, kNacked, kLagging };
const char* RankStateName(RankState state);  // "gone", "stale", ...

// What a worker says when its session begins.
struct RankHello {
  RankId rank;
  std::uint64_t incarnation = 0;
  PlanId active;
  std::optional<PlanId> held;   // Loaded (prepared, or committed) but not active.
  bool held_is_committed = false;
  std::uint64_t highest_term_seen = 0;
};

struct CoordinatorAction {
  enum class Kind {
    kPersistProposal,  // Answer with OnProposalStored() or OnStoreFailed().
    kPersistDecision,  // Answer with OnDecisionStored() or OnStoreFailed().
    kPersistAbort,     // Answer with OnAbortStored() or OnStoreFailed().
    kSendPrepare,      // To `rank`: `plan` on top of `base`.
    kSendCommit,
    kSendAbort,
    kSendRetire,
    kFinished,         // `plan` came to its end: outcome in `reason` ("done", "aborted: ...").
  };
  Kind kind = Kind::kFinished;
  RankId rank;
  PlanId plan;
  PlanId base;                // kSendPrepare: what the rank is known to run.
  std::uint64_t nonce = 0;    // Of a send; the answer carries it back.
  std::string reason;
};

struct CoordinatorOptions {
  // From the first Prepare; without progress of the missing ranks the plan is aborted.
  absl::Duration prepare_timeout = absl::Seconds(60);
  // A rank that has not switched so long after the decision is named kLagging.
  absl::Duration lagging_after = absl::Seconds(10);
};

// The daemon's end of a switch, for one EP group: events in, actions out. At most one
// plan is on its way. After the decision it only rolls forward: every rank that
// connects is brought to the decided plan. It does no IO, owns no thread and never
// reads a clock, so that a simulator runs it as it is. Answers that carry an old
// nonce or come from an old incarnation are ignored.
//
// Not thread-safe: the publish thread owns it.
class Coordinator {
 public:
  using Actions = std::vector<CoordinatorAction>;

  // `decided`: the newest decided plan of the store, or the initial plan.
  Coordinator(int num_ranks, PlanId decided, std::uint64_t term, const CoordinatorOptions& options);

  // Begins with `plan`, whose base is decided(). FailedPrecondition if a plan is on
  // its way, or a rank is not connected or not synced: named in the message.
  // `plan.version` is not known yet (the store allots it in OnProposalStored).
  absl::Status Propose(const Digest& digest, absl::Duration now, Actions* actions);
  void OnProposalStored(PlanVersion version, absl::Duration now, Actions* actions);
  void OnDecisionStored(absl::Duration now, Actions* actions);
  void OnAbortStored(absl::Duration now, Actions* actions);
  // The pending store call failed for certain or is unknown; a proposal or decision
  // is given up, with kPersistAbort where the store may hold a row.
  void OnStoreFailed(const absl::Status& status, absl::Duration now, Actions* actions);

  // A session began; the newest of one rank wins. Brings it to decided() and into a plan on its way.
  void OnHello(const RankHello& hello, absl::Duration now, Actions* actions);
  void OnDisconnect(RankId rank, std::uint64_t incarnation, absl::Duration now, Actions* actions);

  void OnProgress(RankId rank, std::uint64_t nonce, absl::Duration now);
  void OnPrepared(RankId rank, std::uint64_t nonce, absl::Duration now, Actions* actions);
  void OnNack(RankId rank, std::uint64_t nonce, const Nack& nack, absl::Duration now,
              Actions* actions);
  void OnHeld(RankId rank, std::uint64_t nonce, absl::Duration now, Actions* actions);
  // `active` as the rank reports it, from a status or a heartbeat; no nonce needed.
  void OnActive(RankId rank, const PlanId& active, absl::Duration now, Actions* actions);
  void OnRetired(RankId rank, std::uint64_t nonce, absl::Duration now, Actions* actions);

  // An operator gives the plan up; only before the decision: FailedPrecondition otherwise.
  absl::Status Abort(const std::string& reason, absl::Duration now, Actions* actions);

  // Applies timeouts. Call it at least every 100 ms of use.
  void OnTick(absl::Duration now, Actions* actions);

  PlanPhase phase() const;
  absl::Duration phase_since() const;
  const PlanId& decided() const;               // What all ranks must run.
  std::optional<PlanId> candidate() const;     // On its way, undecided.
  bool active_everywhere() const;              // All ranks connected and on decided().
  bool all_connected() const;
  RankState rank_state(RankId rank) const;
  std::string rank_detail(RankId rank) const;  // Nack text and the like; may be empty.
  // In words who is waited for: "rank 17 missing", "rank 3 preparing"; empty if nobody.
  std::string waiting_for() const;
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROLLOUT_COORDINATOR_H_
