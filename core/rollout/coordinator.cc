#include "core/rollout/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/fingerprint.h"

namespace ballast {
namespace {

using Kind = CoordinatorAction::Kind;

// Ranks that waiting_for() names one by one. Chosen: a line of a terminal.
constexpr int kNamedRanks = 4;

constexpr char kUnwanted[] = "this plan was not decided";

// The store has refused: nothing was written. Any other code leaves that open.
bool RefusedForCertain(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

std::string RankText(RankId rank) { return absl::StrCat("rank ", rank.value); }

}  // namespace

Coordinator::Coordinator(int num_ranks, PlanId decided, std::uint64_t term,
                         const CoordinatorOptions& options)
    : term_(term), options_(options), ranks_(num_ranks), decided_(decided) {
  BALLAST_CHECK(num_ranks > 0);
}

absl::Status Coordinator::Propose(const Digest& digest, absl::Duration now, Actions* actions) {
  Observe(now);
  if (phase_ != PlanPhase::kIdle) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a plan is on its way: ", PlanPhaseName(phase_), ", waits for ", waiting_for()));
  }
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) {
    if (Synced(ranks_[rank])) continue;
    return absl::FailedPreconditionError(WaitingFor(RankId(rank)));
  }
  if (digest == decided_.digest) {
    return absl::AlreadyExistsError(
        absl::StrCat("the plan equals the decided ", PlanIdText(decided_)));
  }
  Begin(digest, actions);
  return absl::OkStatus();
}

absl::Status Coordinator::ProposeOverAhead(const Digest& digest, absl::Duration now,
                                           Actions* actions) {
  Observe(now);
  if (phase_ != PlanPhase::kIdle) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a plan is on its way: ", PlanPhaseName(phase_), ", waits for ", waiting_for()));
  }
  const Digest& running = ranks_.front().active.digest;
  for (int i = 0; i < static_cast<int>(ranks_.size()); ++i) {
    const Rank& rank = ranks_[i];
    if (rank.ahead && RunsLater(rank) && rank.active.digest == running) continue;
    const std::string why = WaitingFor(RankId(i));
    return absl::FailedPreconditionError(
        why.empty() ? absl::StrCat(RankText(RankId(i)), " is not ahead of this store") : why);
  }
  if (digest == running) {
    return absl::AlreadyExistsError("the ranks run the content of this plan already");
  }
  overruled_ = running;
  for (Rank& rank : ranks_) rank.ahead = false;
  Begin(digest, actions);
  return absl::OkStatus();
}

void Coordinator::OnProposalStored(PlanVersion version, absl::Duration now, Actions* actions) {
  Observe(now);
  if (phase_ != PlanPhase::kProposed) return;
  candidate_->version = version;
  SetPhase(PlanPhase::kPreparing);
  for (Rank& rank : ranks_) {
    rank.progress_at = now;
    rank.pause = options_.retry_min;
    rank.nacked = false;
    if (!rank.ahead) rank.detail.clear();
  }
  if (give_up_.has_value()) {
    BeginAbort(*give_up_, actions);
    return;
  }
  AbortIfUnfit(actions);
  AdvanceAll(actions);
}

void Coordinator::OnDecisionStored(absl::Duration now, Actions* actions) {
  Observe(now);
  if (phase_ != PlanPhase::kDeciding) return;
  decided_ = *candidate_;
  candidate_.reset();
  overruled_.reset();
  done_told_ = false;
  retire_open_ = false;
  for (Rank& rank : ranks_) {
    rank.committed = false;
    rank.retired = false;
    rank.behind_since = now;
  }
  SetPhase(PlanPhase::kCommitting);
  AdvanceAll(actions);
  RollForward(actions);
}

void Coordinator::OnAbortStored(absl::Duration now, Actions* actions) {
  Observe(now);
  if (phase_ != PlanPhase::kAborting) return;
  const PlanId plan = *std::exchange(candidate_, std::nullopt);
  for (int i = 0; i < static_cast<int>(ranks_.size()); ++i) {
    const Rank& rank = ranks_[i];
    if (rank.offered == plan && rank.connected) {
      SendAbort(RankId(i), plan, abort_cause_, actions);
    }
  }
  EndOverrule();
  SetPhase(PlanPhase::kIdle);
  Finish(plan, abort_verdict_, actions);
  AdvanceAll(actions);
  RollForward(actions);
}

void Coordinator::OnStoreFailed(const absl::Status& status, absl::Duration now, Actions* actions) {
  Observe(now);
  // Once an answer is lost, a refusal of the repeated call says nothing about the first
  // one, unless it is about the row itself.
  const bool about_row = absl::IsFailedPrecondition(status) || absl::IsNotFound(status);
  const bool lost = phase_ == PlanPhase::kDeciding && decision_unknown_;
  const bool refused = lost ? about_row : RefusedForCertain(status);
  if (phase_ == PlanPhase::kProposed) {
    abort_cause_ = std::string(status.message());
    abort_verdict_ = absl::StrCat("refused: ", abort_cause_);
    if (refused) {
      const PlanId plan = *std::exchange(candidate_, std::nullopt);
      EndOverrule();
      SetPhase(PlanPhase::kIdle);
      Finish(plan, abort_verdict_, actions);
      AdvanceAll(actions);
      RollForward(actions);
      return;
    }
    SetPhase(PlanPhase::kAborting);
    Persist(Kind::kPersistAbort, abort_cause_, actions);
  } else if (phase_ == PlanPhase::kDeciding && refused) {
    BeginAbort(absl::StrCat("the store refuses the decision: ", status.message()), actions);
  } else if (phase_ == PlanPhase::kAborting && absl::IsNotFound(status)) {
    OnAbortStored(now, actions);
  } else if (phase_ == PlanPhase::kDeciding || phase_ == PlanPhase::kAborting) {
    if (phase_ == PlanPhase::kDeciding) decision_unknown_ = true;
    store_again_at_ = now + store_pause_;
    store_pause_ = std::min(2 * store_pause_, options_.retry_max);
  }
}

void Coordinator::OnHello(const RankHello& hello, absl::Duration now, Actions* actions) {
  Observe(now);
  Rank& rank = at(hello.rank);
  Rank fresh;
  fresh.connected = true;
  fresh.incarnation = hello.incarnation;
  fresh.active = hello.active;
  fresh.progress_at = rank.progress_at;  // Coming back is no progress of the load.
  fresh.behind_since = now;
  fresh.pause = options_.retry_min;
  if (rank.incarnation == hello.incarnation) {
    fresh.retired = rank.retired;
    fresh.offered = rank.offered;
  }
  rank = std::move(fresh);
  JudgeAhead(&rank, hello.held_is_committed ? hello.held : std::nullopt, hello.highest_term_seen);
  if (!rank.ahead) AdoptHeld(hello, actions);
  AbortIfUnfit(actions);
  DecideIfPrepared(actions);
  Advance(hello.rank, actions);
  RollForward(actions);
}

void Coordinator::OnDisconnect(RankId id, std::uint64_t incarnation, absl::Duration now,
                               Actions* actions) {
  Observe(now);
  Rank& rank = at(id);
  if (!rank.connected || rank.incarnation != incarnation) return;
  Rank gone;
  gone.incarnation = rank.incarnation;
  gone.retired = rank.retired;
  gone.offered = rank.offered;
  gone.progress_at = rank.progress_at;
  rank = std::move(gone);
  RollForward(actions);
}

void Coordinator::OnLeave(RankId id, const std::string& reason, absl::Duration now,
                          Actions* actions) {
  Observe(now);
  Rank left;
  left.left = true;
  left.incarnation = at(id).incarnation;
  left.progress_at = now;
  left.detail = reason;
  at(id) = std::move(left);
  const std::string cause = absl::StrCat(RankText(id), " leaves the group: ", reason);
  if (phase_ == PlanPhase::kProposed) give_up_ = cause;
  if (phase_ == PlanPhase::kPreparing) BeginAbort(cause, actions);
  RollForward(actions);
}

void Coordinator::OnProgress(RankId id, std::uint64_t nonce, absl::Duration now) {
  Observe(now);
  Rank& rank = at(id);
  if (!Answers(rank, nonce)) return;
  rank.progress_at = now;
  rank.send_again_at = now + options_.retry_max;
}

void Coordinator::OnPrepared(RankId id, std::uint64_t nonce, absl::Duration now, Actions* actions) {
  Observe(now);
  Rank& rank = at(id);
  if (!Answers(rank, nonce) || rank.pending.kind != Kind::kSendPrepare) return;
  rank.pending.nonce = 0;
  rank.held = rank.pending.plan;
  rank.nacked = false;
  rank.detail.clear();
  DecideIfPrepared(actions);
  Advance(id, actions);
}

void Coordinator::OnNack(RankId id, std::uint64_t nonce, const Nack& nack, absl::Duration now,
                         Actions* actions) {
  Observe(now);
  Rank& rank = at(id);
  const std::string text = absl::StrCat(NackCodeName(nack.code), ": ", nack.detail);
  if (rank.connected && nonce != 0 && nonce == rank.abort_nonce) {
    // It was told to forget an undecided plan and says that this one is decided.
    rank.abort_nonce = 0;
    rank.ahead = true;
    rank.detail = absl::StrCat("refuses to abort: ", text);
    AbortIfUnfit(actions);
    return;
  }
  if (!Answers(rank, nonce)) return;
  rank.pending.nonce = 0;
  rank.detail = text;
  if (rank.pending.kind == Kind::kSendRetire) {
    rank.retired = true;
    RollForward(actions);
    return;
  }
  rank.nacked = true;
  rank.send_again_at = now + rank.pause;
  rank.pause = std::min(2 * rank.pause, options_.retry_max);
  if (rank.pending.kind == Kind::kSendCommit) {
    rank.held.reset();
    rank.committed = false;
  }
  if (phase_ == PlanPhase::kPreparing && rank.pending.plan == candidate_) {
    BeginAbort(absl::StrCat(RankText(id), " ", text), actions);
  }
}

void Coordinator::OnHeld(RankId id, std::uint64_t nonce, absl::Duration now, Actions* actions) {
  Observe(now);
  Rank& rank = at(id);
  if (!Answers(rank, nonce) || rank.pending.kind == Kind::kSendRetire) return;
  rank.pending.nonce = 0;
  rank.held = rank.pending.plan;
  rank.committed = rank.held == decided_;
  rank.nacked = false;
  rank.detail.clear();
  DecideIfPrepared(actions);
  Advance(id, actions);
}

void Coordinator::OnActive(RankId id, const PlanId& active, absl::Duration now, Actions* actions) {
  Observe(now);
  Rank& rank = at(id);
  if (!rank.connected || active.version < rank.active.version) return;
  const bool ran_decided = RunsDecided(rank);
  rank.active = active;
  if (!rank.ahead) JudgeAhead(&rank, std::nullopt, 0);
  if (RunsDecided(rank) && !ran_decided) {
    rank.held.reset();
    rank.committed = false;
    rank.pending.nonce = 0;
    rank.nacked = false;
    if (!rank.ahead) rank.detail.clear();
  }
  AbortIfUnfit(actions);
  Advance(id, actions);
  RollForward(actions);
}

void Coordinator::OnRetired(RankId id, std::uint64_t nonce, absl::Duration now, Actions* actions) {
  Observe(now);
  Rank& rank = at(id);
  if (!Answers(rank, nonce) || rank.pending.kind != Kind::kSendRetire) return;
  rank.pending.nonce = 0;
  rank.retired = true;
  RollForward(actions);
}

absl::Status Coordinator::Abort(const std::string& reason, absl::Duration now, Actions* actions) {
  Observe(now);
  switch (phase_) {
    case PlanPhase::kIdle:
      return absl::FailedPreconditionError("no plan is on its way");
    case PlanPhase::kProposed:
      give_up_ = reason;  // The store must answer first, or a row would be left behind.
      return absl::OkStatus();
    case PlanPhase::kPreparing:
      BeginAbort(reason, actions);
      return absl::OkStatus();
    case PlanPhase::kAborting:
      return absl::OkStatus();
    case PlanPhase::kDeciding:
      return absl::FailedPreconditionError(
          absl::StrCat("plan ", PlanIdText(*candidate_), " is being decided"));
    default:
      return absl::FailedPreconditionError(
          absl::StrCat("plan ", PlanIdText(decided_), " is decided"));
  }
}

void Coordinator::OnTick(absl::Duration now, Actions* actions) {
  Observe(now);
  if (store_again_at_.has_value() && now >= *store_again_at_) {
    store_again_at_.reset();
    const bool decides = phase_ == PlanPhase::kDeciding;
    PersistAgain(decides ? Kind::kPersistDecision : Kind::kPersistAbort, actions);
  }
  ApplyDeadlines(actions);
  AdvanceAll(actions);
}

bool Coordinator::active_everywhere() const {
  return std::all_of(ranks_.begin(), ranks_.end(),
                     [this](const Rank& rank) { return RunsDecided(rank); });
}

bool Coordinator::all_connected() const {
  return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) { return rank.connected; });
}

RankState Coordinator::rank_state(RankId id) const {
  const Rank& rank = at(id);
  if (rank.left) return RankState::kLeft;
  if (!rank.connected) return RankState::kGone;
  if (rank.ahead) return RankState::kAhead;
  if (rank.nacked) return RankState::kNacked;
  if (RunsDecided(rank)) {
    return HoldsCandidate(rank) ? RankState::kPrepared : RankState::kSynced;
  }
  if (overruled_.has_value()) {
    return HoldsCandidate(rank) ? RankState::kPrepared : RankState::kStale;
  }
  if (Lagging(rank)) return RankState::kLagging;
  if (rank.committed) return RankState::kHeld;
  return rank.held == decided_ ? RankState::kPrepared : RankState::kStale;
}

std::string Coordinator::rank_detail(RankId rank) const { return at(rank).detail; }

std::string Coordinator::waiting_for() const {
  std::string text;
  int named = 0;
  for (int i = 0; i < static_cast<int>(ranks_.size()); ++i) {
    const std::string one = WaitingFor(RankId(i));
    if (one.empty() || ++named > kNamedRanks) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", one);
  }
  if (named > kNamedRanks) absl::StrAppend(&text, " and ", named - kNamedRanks, " more");
  if (phase_ == PlanPhase::kProposed || phase_ == PlanPhase::kDeciding ||
      phase_ == PlanPhase::kAborting) {
    return "the store";
  }
  if (phase_ == PlanPhase::kCommitting && text.empty()) return "the vote of the ranks";
  return text;
}

Coordinator::Rank& Coordinator::at(RankId rank) {
  BALLAST_CHECK(rank.valid() && rank.value < static_cast<int>(ranks_.size()));
  return ranks_[rank.value];
}

const Coordinator::Rank& Coordinator::at(RankId rank) const {
  return const_cast<Coordinator*>(this)->at(rank);
}

bool Coordinator::RunsDecided(const Rank& rank) const {
  return rank.connected && rank.active.digest == decided_.digest;
}

// What a plan on its way is prepared on top of.
bool Coordinator::RunsBase(const Rank& rank) const {
  return rank.connected && rank.active.digest == overruled_.value_or(decided_.digest);
}

bool Coordinator::RunsLater(const Rank& rank) const {
  return rank.active.version > decided_.version && rank.active.digest != decided_.digest;
}

// Ranks switch together, so that one is as good as all.
bool Coordinator::PeersRunDecided(RankId id) const {
  for (int i = 0; i < static_cast<int>(ranks_.size()); ++i) {
    if (i != id.value && RunsDecided(ranks_[i])) return true;
  }
  return false;
}

bool Coordinator::HoldsCandidate(const Rank& rank) const {
  return rank.connected && candidate_.has_value() && rank.held == candidate_;
}

bool Coordinator::Answers(const Rank& rank, std::uint64_t nonce) const {
  return rank.connected && nonce != 0 && nonce == rank.pending.nonce;
}

void Coordinator::Begin(const Digest& digest, Actions* actions) {
  candidate_ = PlanId{{}, digest};
  give_up_.reset();
  SetPhase(PlanPhase::kProposed);
  Persist(Kind::kPersistProposal, "", actions);
}

void Coordinator::SetPhase(PlanPhase phase) {
  if (phase == phase_) return;
  phase_ = phase;
  phase_since_ = now_;
}

void Coordinator::Persist(Kind kind, const std::string& reason, Actions* actions) {
  store_pause_ = options_.retry_min;
  store_again_at_.reset();
  CoordinatorAction action;
  action.kind = kind;
  action.plan = *candidate_;
  action.base = decided_;
  action.reason = reason;
  actions->push_back(std::move(action));
}

// Keeps the pause that has grown so far.
void Coordinator::PersistAgain(Kind kind, Actions* actions) {
  const absl::Duration pause = store_pause_;
  Persist(kind, kind == Kind::kPersistAbort ? abort_cause_ : "", actions);
  store_pause_ = pause;
}

void Coordinator::Send(RankId id, Kind kind, const PlanId& plan, Actions* actions) {
  Rank& rank = at(id);
  CoordinatorAction action;
  action.kind = kind;
  action.rank = id;
  action.plan = plan;
  action.base = rank.active;
  action.peers_run_plan = kind == Kind::kSendPrepare && plan == decided_ && PeersRunDecided(id);
  action.nonce = (term_ << 32) | ++nonces_;
  rank.pending = {kind, plan, action.nonce};
  rank.send_again_at = now_ + options_.retry_max;
  if (kind == Kind::kSendPrepare) rank.offered = plan;
  actions->push_back(std::move(action));
}

// Nobody waits for the answer, so it does not become pending.
void Coordinator::SendAbort(RankId id, const PlanId& plan, const std::string& reason,
                            Actions* actions) {
  Rank& rank = at(id);
  if (rank.pending.plan == plan) rank.pending.nonce = 0;
  CoordinatorAction action;
  action.kind = Kind::kSendAbort;
  action.rank = id;
  action.plan = plan;
  action.nonce = rank.abort_nonce = (term_ << 32) | ++nonces_;
  action.reason = reason;
  actions->push_back(std::move(action));
}

void Coordinator::BeginAbort(const std::string& reason, Actions* actions) {
  SetPhase(PlanPhase::kAborting);
  abort_cause_ = reason;
  abort_verdict_ = absl::StrCat("aborted: ", reason);
  Persist(Kind::kPersistAbort, abort_cause_, actions);
}

void Coordinator::Finish(const PlanId& plan, const std::string& reason, Actions* actions) {
  CoordinatorAction action;
  action.kind = Kind::kFinished;
  action.plan = plan;
  action.reason = reason;
  actions->push_back(std::move(action));
}

// Has this worker seen a future that this daemon's store does not hold?
void Coordinator::JudgeAhead(Rank* rank, const std::optional<PlanId>& committed,
                             std::uint64_t highest_term_seen) {
  const bool runs_later = RunsLater(*rank) && rank->active.digest != overruled_;
  if (highest_term_seen > term_) {
    rank->detail = absl::StrCat("runs ahead of this store: has seen term ", highest_term_seen,
                                ", this daemon has term ", term_);
  } else if (committed.has_value() && committed != decided_) {
    rank->detail = absl::StrCat("runs ahead of this store: holds the committed plan ",
                                PlanIdText(*committed), ", decided here is ", PlanIdText(decided_));
  } else if (runs_later) {
    rank->detail = absl::StrCat("runs ahead of this store: active is ", PlanIdText(rank->active),
                                ", decided here is ", PlanIdText(decided_));
  } else {
    return;
  }
  rank->ahead = true;
}

// Makes use of what a worker brings along, and frees it of what nobody wants.
void Coordinator::AdoptHeld(const RankHello& hello, Actions* actions) {
  Rank& rank = at(hello.rank);
  if (hello.held == decided_) {
    rank.held = hello.held;
    rank.committed = hello.held_is_committed;
    if (rank.committed && !RunsDecided(rank)) {
      Send(hello.rank, Kind::kSendCommit, decided_, actions);
    }
  } else if (hello.held.has_value() && hello.held == candidate_) {
    rank.held = hello.held;
    rank.offered = hello.held;
  } else if (hello.held.has_value()) {
    SendAbort(hello.rank, *hello.held, kUnwanted, actions);
  }
  // It may have been loading an aborted plan when its session broke.
  const bool unwanted =
      rank.offered.has_value() && rank.offered != decided_ && rank.offered != candidate_;
  if (unwanted && rank.offered != hello.held)
    SendAbort(hello.rank, *rank.offered, kUnwanted, actions);
}

// The plan that was to take the place of a later one is given up.
void Coordinator::EndOverrule() {
  if (!overruled_.has_value()) return;
  overruled_.reset();
  for (Rank& rank : ranks_) {
    if (rank.connected && !rank.ahead) JudgeAhead(&rank, std::nullopt, 0);
  }
}

// A rank that does not run the plan's base cannot prepare it.
void Coordinator::AbortIfUnfit(Actions* actions) {
  if (phase_ != PlanPhase::kPreparing) return;
  for (int i = 0; i < static_cast<int>(ranks_.size()); ++i) {
    const Rank& rank = ranks_[i];
    if (!rank.connected || Fit(rank)) continue;
    const std::string why =
        rank.ahead
            ? rank.detail
            : absl::StrCat("runs ", PlanIdText(rank.active), " instead of ",
                           overruled_.has_value() ? "what the others run" : PlanIdText(decided_));
    BeginAbort(absl::StrCat(RankText(RankId(i)), " ", why), actions);
    return;
  }
}

void Coordinator::AdvanceAll(Actions* actions) {
  for (int i = 0; i < static_cast<int>(ranks_.size()); ++i) Advance(RankId(i), actions);
}

// Sends the rank what it needs next, unless that is under way or was refused just now.
void Coordinator::Advance(RankId id, Actions* actions) {
  Rank& rank = at(id);
  const std::optional<Step> step = NextStep(rank);
  if (!step.has_value()) return;
  const bool asked = rank.pending.nonce != 0 && rank.pending.kind == step->kind;
  if (rank.pending.plan == step->plan && (asked || rank.nacked) && now_ < rank.send_again_at) {
    return;
  }
  Send(id, step->kind, step->plan, actions);
}

std::optional<Coordinator::Step> Coordinator::NextStep(const Rank& rank) const {
  if (!rank.connected || rank.ahead) return std::nullopt;
  const bool undecided = phase_ == PlanPhase::kPreparing || phase_ == PlanPhase::kDeciding;
  // Until the plan is decided such a rank gets nothing else; an older plan least of all.
  if (overruled_.has_value() && !undecided) return std::nullopt;
  if (!RunsBase(rank)) {
    // While a decision is being stored it is not known which plan this rank needs.
    if (undecided || rank.committed) return std::nullopt;
    if (rank.held == decided_) return Step{Kind::kSendCommit, decided_};
    return Step{Kind::kSendPrepare, decided_};
  }
  if (undecided) {
    if (HoldsCandidate(rank)) return std::nullopt;
    return Step{Kind::kSendPrepare, *candidate_};
  }
  if (retire_open_ && !rank.retired) return Step{Kind::kSendRetire, rank.active};
  return std::nullopt;
}

void Coordinator::DecideIfPrepared(Actions* actions) {
  if (phase_ != PlanPhase::kPreparing) return;
  for (const Rank& rank : ranks_) {
    if (!HoldsCandidate(rank)) return;
  }
  SetPhase(PlanPhase::kDeciding);
  decision_unknown_ = false;
  Persist(Kind::kPersistDecision, "", actions);
}

// Moves the phase of the decided plan along; ranks may also fall back, as when a worker
// restarts on an old plan.
void Coordinator::RollForward(Actions* actions) {
  if (phase_ == PlanPhase::kIdle || phase_ == PlanPhase::kRetiring) {
    const bool behind = std::any_of(ranks_.begin(), ranks_.end(), [this](const Rank& rank) {
      return rank.connected && !rank.ahead && !RunsDecided(rank);
    });
    if (behind) SetPhase(PlanPhase::kCommitting);
  }
  if (phase_ == PlanPhase::kCommitting && active_everywhere()) {
    SetPhase(PlanPhase::kRetiring);
    retire_open_ = true;
    AdvanceAll(actions);
  }
  if (phase_ == PlanPhase::kRetiring) {
    for (const Rank& rank : ranks_) {
      if (rank.connected && !rank.ahead && !rank.retired) return;
    }
    SetPhase(PlanPhase::kIdle);
    if (!std::exchange(done_told_, true)) Finish(decided_, "done", actions);
  }
  if (phase_ != PlanPhase::kIdle || retire_open_ || !active_everywhere()) return;
  done_told_ = true;  // By the daemon that decided it.
  // What that daemon may not have told every rank. The first daemon of a store has none
  // before it.
  if (term_ == 1) return;
  retire_open_ = true;
  AdvanceAll(actions);
}

void Coordinator::ApplyDeadlines(Actions* actions) {
  if (phase_ != PlanPhase::kPreparing) return;
  for (int i = 0; i < static_cast<int>(ranks_.size()); ++i) {
    const Rank& rank = ranks_[i];
    if (HoldsCandidate(rank) || now_ - rank.progress_at < options_.prepare_timeout) continue;
    BeginAbort(absl::StrCat(WaitingFor(RankId(i)), ", no progress for ",
                            absl::FormatDuration(now_ - rank.progress_at)),
               actions);
    return;
  }
}

bool Coordinator::Lagging(const Rank& rank) const {
  if (now_ - rank.behind_since < options_.lagging_after) return false;
  if (!rank.committed) return true;
  return std::all_of(ranks_.begin(), ranks_.end(), [this](const Rank& other) {
    return RunsDecided(other) || (other.connected && other.committed);
  });
}

// What this rank is waited for, or empty.
std::string Coordinator::WaitingFor(RankId id) const {
  const Rank& rank = at(id);
  const std::string name = RankText(id);
  if (!rank.connected) {
    if (phase_ == PlanPhase::kRetiring) return "";
    return absl::StrCat(name, rank.left ? " left" : " missing");
  }
  if (rank.ahead) return absl::StrCat(name, " ", rank.detail);
  if (phase_ == PlanPhase::kRetiring && RunsDecided(rank)) {
    return rank.retired ? "" : absl::StrCat(name, " retiring");
  }
  const bool preparing = phase_ == PlanPhase::kPreparing && !HoldsCandidate(rank);
  if (RunsDecided(rank) && !preparing) return "";
  if (rank.nacked) return absl::StrCat(name, " nacked ", rank.detail);
  if (rank.committed) return "";
  return absl::StrCat(name, rank.held == decided_ ? " committing" : " preparing");
}

}  // namespace ballast
