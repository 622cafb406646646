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
#include "core/rollout/rollout_state.h"

namespace ballast {

struct CoordinatorAction {
  enum class Kind {
    kPersistProposal,  // Answer with OnProposalStored() or OnStoreFailed().
    kPersistDecision,  // Answer with OnDecisionStored() or OnStoreFailed().
    kPersistAbort,     // Answer with OnAbortStored() or OnStoreFailed().
    kSendPrepare,      // To `rank`: `plan` on top of `base`.
    kSendCommit,
    kSendAbort,
    kSendRetire,
    kFinished,  // `plan` came to its end: outcome in `reason` ("done", "aborted: ...").
  };
  Kind kind = Kind::kFinished;
  RankId rank;
  PlanId plan;
  PlanId base;                  // kSendPrepare: what the rank is known to run.
  bool peers_run_plan = false;  // kSendPrepare: other ranks are known to run `plan`.
  std::uint64_t nonce = 0;      // Of a send; the answer carries it back.
  std::string reason;
};

struct CoordinatorOptions {
  // From the first Prepare. The plan is aborted when a rank that is not prepared has
  // made no progress for so long, connected or not.
  absl::Duration prepare_timeout = absl::Seconds(60);
  // A rank that has not switched so long after the decision is named kLagging. One that
  // holds the plan and waits for others stays kHeld.
  absl::Duration lagging_after = absl::Seconds(10);
  // Pause before a message or store call is repeated after it was refused; doubles up
  // to retry_max. A rank that does not answer at all is sent the message again after
  // retry_max. Chosen: a freed page of memory or disk is noticed within seconds, and a
  // fault that stays costs two messages a minute.
  absl::Duration retry_min = absl::Seconds(1);
  absl::Duration retry_max = absl::Seconds(30);
};

// The daemon's end of a switch, for one EP group: events in, actions out. At most one
// plan is on its way. Before the decision a nack, a timeout, an operator or a rank that
// turns out to run another plan aborts it. After the decision it only rolls forward:
// every rank that connects is brought to the decided plan, and one that refuses is
// asked again. It does no IO, owns no thread and never reads a clock, so that a
// simulator runs it as it is. Answers that carry an old nonce are ignored: a nonce dies
// with its session, and no two daemons of one store use the same.
//
// Digests decide: a rank whose active digest is that of decided() is synced, whatever
// its version, and nothing is pushed to it. A rank that is ahead of this store (it has
// seen a later term, runs a later plan, or holds a committed plan that is not known
// here) is sent nothing either: somebody has restored a backup, and people decide.
//
// Once decided() runs everywhere, each rank is told Retire until it confirms; by a later
// daemon once more, which also frees ranks of what only an earlier one asked for.
//
// Not thread-safe: the publish thread owns it. Each call costs O(num_ranks).
class Coordinator {
 public:
  using Actions = std::vector<CoordinatorAction>;

  // `decided`: the newest decided plan of the store, or the initial plan. Plans that are
  // kPreparing in the store must have been aborted before. `term` in [1, 2^32).
  Coordinator(int num_ranks, PlanId decided, std::uint64_t term, const CoordinatorOptions& options);

  // What is timed from now on, what is under way too, goes by these.
  void SetOptions(const CoordinatorOptions& options) { options_ = options; }

  // Begins with the plan of this digest, whose base is decided(). FailedPrecondition if a
  // plan is on its way, or a rank is not connected or not synced: named in the message.
  // AlreadyExists if it is the decided digest: there is nothing to switch.
  // The version is not known yet (the store allots it in OnProposalStored).
  absl::Status Propose(const Digest& digest, absl::Duration now, Actions* actions);
  // An operator's way out when a backup was restored: the same for a group all of whose ranks
  // run one plan that is later than decided(). They prepare this one on top of that; if it is
  // aborted they are ahead again. FailedPrecondition, naming the rank, if one is not
  // connected, is ahead for another reason, or runs another plan than rank 0. AlreadyExists
  // if it is what they run.
  absl::Status ProposeOverAhead(const Digest& digest, absl::Duration now, Actions* actions);
  // The answers of the store, ignored in a phase that waits for something else.
  void OnProposalStored(PlanVersion version, absl::Duration now, Actions* actions);
  void OnDecisionStored(absl::Duration now, Actions* actions);
  void OnAbortStored(absl::Duration now, Actions* actions);
  // The pending store call failed. What follows depends on what is known:
  //   proposal  refused for certain: kFinished "refused: ...". Unknown: kPersistAbort with
  //             plan.version {0, 0}, which stands for all plans of the group that are
  //             kPreparing, and kFinished "refused: ..." once that is stored.
  //   decision  refused for certain: the abort path. Unknown: neither aborted nor
  //             committed; kPersistDecision is repeated from OnTick until it is known.
  //   abort     NotFound counts as stored; else repeated from OnTick until it is stored.
  // Certain are InvalidArgument, NotFound, AlreadyExists, FailedPrecondition, Aborted,
  // OutOfRange, PermissionDenied, Unimplemented and ResourceExhausted (disk full). Every
  // other code leaves open whether the store holds the row, and after one of those only
  // FailedPrecondition and NotFound are certain: the lost decision may have been written.
  void OnStoreFailed(const absl::Status& status, absl::Duration now, Actions* actions);

  // A session began; the newest of one rank wins. Brings it to decided() and into a plan
  // on its way: what it holds already counts, and what nobody wants it is told to abort.
  void OnHello(const RankHello& hello, absl::Duration now, Actions* actions);
  // The session of the newest OnHello ended. The caller keeps the end of a replaced
  // session to itself; one of another incarnation is ignored here too.
  void OnDisconnect(RankId rank, std::uint64_t incarnation, absl::Duration now, Actions* actions);

  // The rank leaves on purpose, which the caller has stored. A plan that is still undecided
  // is aborted, and none begins before the rank is back (OnHello). A decided one is not
  // taken back: the ranks that are there may still switch, if their engine goes on without
  // this one. Also for a rank that has left before this coordinator began.
  void OnLeave(RankId rank, const std::string& reason, absl::Duration now, Actions* actions);

  // Loading goes on: moves the rank's deadline.
  void OnProgress(RankId rank, std::uint64_t nonce, absl::Duration now);
  void OnPrepared(RankId rank, std::uint64_t nonce, absl::Duration now, Actions* actions);
  void OnNack(RankId rank, std::uint64_t nonce, const Nack& nack, absl::Duration now,
              Actions* actions);
  void OnHeld(RankId rank, std::uint64_t nonce, absl::Duration now, Actions* actions);
  // `active` as the rank reports it, from a status or a heartbeat; no nonce needed. A
  // version below one reported before in this session is an overtaken message: ignored.
  void OnActive(RankId rank, const PlanId& active, absl::Duration now, Actions* actions);
  void OnRetired(RankId rank, std::uint64_t nonce, absl::Duration now, Actions* actions);

  // An operator gives the plan up; only before the decision: FailedPrecondition once the
  // store was asked to decide, or if no plan is on its way.
  absl::Status Abort(const std::string& reason, absl::Duration now, Actions* actions);

  // Applies timeouts and repeats. Call it at least every 100 ms of use.
  void OnTick(absl::Duration now, Actions* actions);

  PlanPhase phase() const { return phase_; }
  absl::Duration phase_since() const { return phase_since_; }
  const PlanId& decided() const { return decided_; }  // What all ranks must run.
  // On its way, undecided; version {0, 0} while kProposed.
  std::optional<PlanId> candidate() const { return candidate_; }
  bool active_everywhere() const;  // All ranks connected and on decided().
  bool all_connected() const;
  RankState rank_state(RankId rank) const;
  std::string rank_detail(RankId rank) const;  // Nack text and the like; may be empty.
  // Newest plan it is known to have loaded; may be the one it runs.
  std::optional<PlanId> rank_held(RankId rank) const { return at(rank).held; }
  // In words who is waited for: "rank 17 missing", "rank 3 preparing"; empty if nobody.
  std::string waiting_for() const;

 private:
  // A message that the rank has not answered yet.
  struct Pending {
    CoordinatorAction::Kind kind = CoordinatorAction::Kind::kSendPrepare;
    PlanId plan;
    std::uint64_t nonce = 0;  // 0: nothing is pending.
  };
  struct Step {
    CoordinatorAction::Kind kind = CoordinatorAction::Kind::kSendPrepare;
    PlanId plan;
  };
  struct Rank {
    bool connected = false;
    bool left = false;       // On purpose; then not connected.
    bool ahead = false;      // Of this store: nothing is sent.
    bool nacked = false;     // Refused the last plan sent.
    bool committed = false;  // Confirmed the permission for held == decided_.
    bool retired = false;    // Confirmed Retire for decided_.
    std::uint64_t incarnation = 0;
    PlanId active;
    std::optional<PlanId> held;     // Newest plan it is known to have loaded.
    std::optional<PlanId> offered;  // Of the last Prepare in this incarnation.
    Pending pending;
    std::uint64_t abort_nonce = 0;
    absl::Duration progress_at;    // Last sign of work on a Prepare.
    absl::Duration behind_since;   // Begin of the session or of the decision.
    absl::Duration send_again_at;  // Nothing is repeated before.
    absl::Duration pause;          // After the next nack; short again for a new plan or session.
    std::string detail;
  };

  Rank& at(RankId rank);
  const Rank& at(RankId rank) const;
  bool RunsDecided(const Rank& rank) const;
  bool RunsBase(const Rank& rank) const;
  bool RunsLater(const Rank& rank) const;
  bool PeersRunDecided(RankId rank) const;
  bool Synced(const Rank& rank) const { return RunsDecided(rank) && !rank.ahead; }
  bool Fit(const Rank& rank) const { return RunsBase(rank) && !rank.ahead; }
  bool HoldsCandidate(const Rank& rank) const;
  bool Answers(const Rank& rank, std::uint64_t nonce) const;

  void Begin(const Digest& digest, Actions* actions);
  void SetPhase(PlanPhase phase);
  void Observe(absl::Duration now) { now_ = now; }
  void Persist(CoordinatorAction::Kind kind, const std::string& reason, Actions* actions);
  void PersistAgain(CoordinatorAction::Kind kind, Actions* actions);
  void Send(RankId rank, CoordinatorAction::Kind kind, const PlanId& plan, Actions* actions);
  void SendAbort(RankId rank, const PlanId& plan, const std::string& reason, Actions* actions);
  void BeginAbort(const std::string& reason, Actions* actions);
  void Finish(const PlanId& plan, const std::string& reason, Actions* actions);

  void JudgeAhead(Rank* rank, const std::optional<PlanId>& committed,
                  std::uint64_t highest_term_seen);
  void AdoptHeld(const RankHello& hello, Actions* actions);
  void EndOverrule();
  void AbortIfUnfit(Actions* actions);
  void AdvanceAll(Actions* actions);
  void Advance(RankId rank, Actions* actions);
  std::optional<Step> NextStep(const Rank& rank) const;
  void DecideIfPrepared(Actions* actions);
  void RollForward(Actions* actions);
  void ApplyDeadlines(Actions* actions);
  bool Lagging(const Rank& rank) const;
  std::string WaitingFor(RankId rank) const;

  const std::uint64_t term_;
  CoordinatorOptions options_;
  std::vector<Rank> ranks_;  // [num_ranks]
  PlanId decided_;
  std::optional<PlanId> candidate_;
  // Of ProposeOverAhead(), until the plan is decided or given up: what the ranks run.
  std::optional<Digest> overruled_;
  PlanPhase phase_ = PlanPhase::kIdle;
  absl::Duration phase_since_;
  absl::Duration now_;  // Of the newest event.
  std::uint64_t nonces_ = 0;
  bool done_told_ = false;              // decided_ was active everywhere and told so.
  bool retire_open_ = false;            // decided_ was active everywhere once.
  std::optional<std::string> give_up_;  // An abort asked for while the store proposes.
  std::string abort_cause_;             // For the store and the ranks.
  std::string abort_verdict_;           // "aborted: ..." or "refused: ...", for kFinished.
  absl::Duration store_pause_;
  bool decision_unknown_ = false;                 // A decision was asked for and its answer lost.
  std::optional<absl::Duration> store_again_at_;  // The store call is repeated then.
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROLLOUT_COORDINATOR_H_
