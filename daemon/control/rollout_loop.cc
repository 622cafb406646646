#include "daemon/control/rollout_loop.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"
#include "core/store/plan_store_errors.h"

namespace ballast {
namespace {

// Chosen: all ranks of the largest fleet reconnecting at once, with a few statuses each.
constexpr std::size_t kQueueCapacity = 16384;

// Chosen: minutes of heartbeats while the store is slow, and room in the queue for all of 128.
constexpr int kQueuedOfRank = 128;

// Chosen: resolution of the coordinator's timeouts, which are seconds.
constexpr absl::Duration kTurn = absl::Milliseconds(50);

// Chosen: a worker that is not wanted asks rarely, and is back soon after its rank is free.
constexpr absl::Duration kStayOut = absl::Seconds(30);

// Chosen: far more changes of a membership than a store can have missed, and too few for a
// worker with a damaged number to use up those that are left.
constexpr std::uint64_t kLargestLeap = std::uint64_t{1} << 32;

// Chosen: above kStayOut, so that a twin that comes again and again is shown all the time.
constexpr absl::Duration kRefusalShownFor = absl::Minutes(1);

}  // namespace

RolloutLoop::RolloutLoop(const Parts& parts, const RolloutStart& start, std::uint64_t term)
    : config_(parts.config),
      store_(parts.store),
      observer_(parts.observer),
      clock_(parts.clock),
      crash_points_(parts.crash_points),
      sent_points_(parts.crash_points, parts.config.topology.num_ranks(), term),
      term_(term),
      queue_(kQueueCapacity),
      quota_(parts.config.topology.num_ranks(), kQueuedOfRank),
      coordinator_(parts.config.topology.num_ranks(), start.decided, term, parts.config.rollout),
      recorder_({config_, parts.store, parts.observer, parts.clock}, term),
      decided_when_(start.decided_when),
      imbalance_planned_(start.imbalance_planned),
      store_base_(start.store_base),
      decided_plan_(start.plan),
      pause_(start.pause),
      membership_(start.membership),
      started_(parts.clock.Uptime()),
      mark_(started_),
      links_(parts.config.topology.num_ranks()),
      watch_(parts.config.topology.num_ranks(), parts.config.session),
      steps_(parts.config.topology.num_ranks(), parts.config.rollout.lagging_after),
      claims_(parts.config.topology.num_ranks()),
      refusals_(parts.config.topology.num_ranks()),
      workers_(parts.config.topology.num_ranks()),
      disagreements_(parts.config.topology.num_ranks(), 0) {
  for (const RankId rank : membership_.left) {
    coordinator_.OnLeave(rank, "before this daemon began", started_, &actions_);
  }
  UpdateView();
}

RolloutLoop::~RolloutLoop() { Stop("the daemon ends"); }

void RolloutLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void RolloutLoop::Stop(const std::string& reason) {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
  // A session whose Hello came too late to be handled is open all the same.
  for (Event& event : queue_.PopAll(clock_, clock_.Uptime())) {
    const auto* session = std::get_if<SessionEvent>(&event);
    if (session != nullptr && session->link != nullptr) session->link->Close(reason);
  }
  for (std::shared_ptr<WorkerLink>& link : links_) {
    if (link != nullptr) link->Close(reason);
    link.reset();
  }
}

bool RolloutLoop::Submit(SessionEvent event) {
  const std::shared_ptr<WorkerLink> link = event.link;
  if (event.kind == SessionEvent::Kind::kDisconnect) {
    if (queue_.TryPush(event)) return true;
    absl::MutexLock lock(&mutex_);
    ends_.push_back(std::move(event));
    return true;
  }
  const RankId rank = event.rank;
  if (!quota_.Take(rank)) {
    if (link != nullptr) {
      link->Close(absl::StrCat("rank ", rank.value, " sends faster than it is heard; come back"));
    }
    return false;
  }
  if (queue_.TryPush(std::move(event))) return true;
  quota_.GiveBack(rank);
  if (link != nullptr) link->Close("the daemon's event queue is full; come back");
  return false;
}

void RolloutLoop::Refuse(RankId rank, const std::string& reason) {
  refusals_.Add(rank, reason, clock_.Uptime());
}

RolloutFacts RolloutLoop::Facts() const {
  absl::MutexLock lock(&mutex_);
  return facts_;
}

void RolloutLoop::Offer(PlanCandidate candidate) {
  const std::optional<SteeredPlan> steered = candidate.steered;
  const PlanId base = candidate.record.base;
  if (queue_.TryPush(std::move(candidate)) || !steered.has_value()) return;
  steered->ticket->OnEnd(absl::UnavailableError("the group's publish queue is full or closed"),
                         {base, base, ""});
}

void RolloutLoop::Record(SolveRecord solve, std::string outcome) {
  queue_.TryPush(SolveNote{std::move(solve), std::move(outcome)});
}

RolloutView RolloutLoop::View() const {
  absl::MutexLock lock(&mutex_);
  return view_;
}

void RolloutLoop::Run() {
  while (!queue_.closed()) Turn(clock_.Uptime() + kTurn);
}

void RolloutLoop::Reconfigure(const GroupConfig& config) {
  absl::MutexLock lock(&mutex_);
  next_config_ = config;
}

void RolloutLoop::TakeNextConfig() {
  std::optional<GroupConfig> next;
  {
    absl::MutexLock lock(&mutex_);
    next = std::exchange(next_config_, std::nullopt);
  }
  if (!next.has_value()) return;
  TakeTuning(*next, &config_);
  coordinator_.SetOptions(config_.rollout);
  watch_.SetOptions(config_.session);
  steps_.SetLaggingAfter(config_.rollout.lagging_after);
}

void RolloutLoop::Turn(absl::Duration deadline) {
  TakeNextConfig();
  // Taken before the queue is: what their sessions said before comes first.
  std::vector<SessionEvent> ends;
  {
    absl::MutexLock lock(&mutex_);
    ends.swap(ends_);
  }
  for (Event& event : queue_.PopAll(clock_, deadline)) {
    if (auto* worker = std::get_if<SessionEvent>(&event)) {
      if (worker->kind != SessionEvent::Kind::kDisconnect) quota_.GiveBack(worker->rank);
      Handle(*worker);
    } else if (auto* note = std::get_if<SolveNote>(&event)) {
      recorder_.Add(note->solve, std::move(note->outcome));
    } else if (auto* candidate = std::get_if<PlanCandidate>(&event)) {
      HandleOffer(std::move(*candidate));
    } else {
      HandleSteering(std::get<SteeringEvent>(event));
    }
    Execute();
  }
  for (SessionEvent& end : ends) {
    Handle(end);
    Execute();
  }
  coordinator_.OnTick(clock_.Uptime(), &actions_);
  Execute();
  NoticeSessions();
  UpdateView();
  // Last: nobody waits for it.
  if (deposed()) {
    recorder_.Forget();
  } else if (const absl::Status other_term = recorder_.Write(); !other_term.ok()) {
    StepDown(other_term);
  }
}

void RolloutLoop::Handle(SessionEvent& event) {
  if (event.kind == SessionEvent::Kind::kHello) {
    if (Admit(event) && TakeBack(event)) HandleHello(event);
    return;
  }
  if (links_[event.rank.value] != event.link) return;  // A newer session took over.
  watch_.Heard(event.rank, clock_.Uptime());
  if (event.kind == SessionEvent::Kind::kDisconnect) {
    HandleEnd(event);
  } else if (event.kind == SessionEvent::Kind::kGoodbye) {
    HandleGoodbye(event);
  } else {
    HandleStatus(event);
  }
}

void RolloutLoop::HandleEnd(const SessionEvent& event) {
  const int rank = event.rank.value;
  EndSession(event.rank);
  observer_.OnWorker(config_.name, event.rank, "disconnected", event.nack.detail);
  coordinator_.OnDisconnect(event.rank, workers_[rank].incarnation, clock_.Uptime(), &actions_);
}

void RolloutLoop::EndSession(RankId rank) {
  links_[rank.value].reset();
  watch_.End(rank);
  steps_.End(rank);
  claims_.End(rank);
}

// Whether the session may begin. Ends that of a process that it replaces.
bool RolloutLoop::Admit(const SessionEvent& event) {
  if (deposed()) {
    event.link->Close(kDeposedText, kStayOut);
    return false;
  }
  if (event.membership_gen > membership_.generation + kLargestLeap) {
    const std::string why =
        absl::StrCat("rank ", event.rank.value, ": knows membership generation ",
                     event.membership_gen, ", this store has ", membership_.generation);
    observer_.OnWorker(config_.name, event.rank, "refused_membership", why);
    event.link->Close(why, kStayOut);
    Refuse(event.rank, why);
    return false;
  }
  const int rank = event.rank.value;
  const std::uint64_t before = claims_.holder(event.rank);
  const std::string twice = absl::StrCat("two processes are rank ", rank, ": incarnation ",
                                         event.hello.incarnation, " and incarnation ", before);
  switch (claims_.Claim(event.rank, event.hello.incarnation)) {
    case RankClaims::Answer::kTakes:
      if (links_[rank] != nullptr) links_[rank]->Close("a newer session of this rank began");
      return true;
    case RankClaims::Answer::kReplaces:
      observer_.OnWorker(config_.name, event.rank, "replaced",
                         absl::StrCat(twice, ", which is out now"));
      links_[rank]->Close(absl::StrCat(twice, ": this one is older and stays out"), kStayOut);
      return true;
    case RankClaims::Answer::kRefused:
      observer_.OnWorker(config_.name, event.rank, "refused_twin",
                         absl::StrCat(twice, ", which is newer and stays"));
      event.link->Close(absl::StrCat(twice, ": this one is older and stays out"), kStayOut);
      Refuse(event.rank, absl::StrCat(twice, ", which is newer and stays"));
      return false;
  }
  return true;
}

void RolloutLoop::HandleHello(SessionEvent& event) {
  const int rank = event.rank.value;
  links_[rank] = std::move(event.link);
  watch_.Begin(event.rank, links_[rank], clock_.Uptime());
  steps_.Begin(event.rank);
  refusals_.Clear(event.rank);
  workers_[rank].incarnation = event.hello.incarnation;
  workers_[rank].active = event.hello.active;
  disagreements_[rank] = 0;
  observer_.OnWorker(config_.name, event.rank, "connected",
                     absl::StrCat("runs ", PlanIdText(event.hello.active)));
  // Before anything that the coordinator sends.
  if (event.membership_gen != membership_.generation) SendMembership(event.rank);
  coordinator_.OnHello(event.hello, clock_.Uptime(), &actions_);
}

void RolloutLoop::HandleStatus(const SessionEvent& event) {
  using Kind = SessionEvent::Kind;
  const absl::Duration now = clock_.Uptime();
  WorkerView& worker = workers_[event.rank.value];
  switch (event.kind) {
    case Kind::kReceived:
      coordinator_.OnProgress(event.rank, event.nonce, now);
      return;
    case Kind::kPrepared:
      coordinator_.OnPrepared(event.rank, event.nonce, now, &actions_);
      return;
    case Kind::kHeld:
      coordinator_.OnHeld(event.rank, event.nonce, now, &actions_);
      return;
    case Kind::kRetired:
      coordinator_.OnRetired(event.rank, event.nonce, now, &actions_);
      return;
    case Kind::kNack:
      observer_.OnNack(config_.name, event.rank, event.nack);
      coordinator_.OnNack(event.rank, event.nonce, event.nack, now, &actions_);
      return;
    case Kind::kHeartbeat:
      if (event.disagreements > disagreements_[event.rank.value]) {
        observer_.OnDigestDisagreements(config_.name, event.rank,
                                        event.disagreements - disagreements_[event.rank.value]);
        disagreements_[event.rank.value] = event.disagreements;
      }
      [[fallthrough]];
    case Kind::kActive:
      worker.active = event.plan;
      worker.step = event.step;
      steps_.Saw(event.rank, event.step, now);
      coordinator_.OnActive(event.rank, event.plan, now, &actions_);
      return;
    default:
      return;  // kAborted needs no answer: the abort was stored before it was sent.
  }
}

absl::Status RolloutLoop::Accept(const PlanCandidate& candidate) {
  if (deposed()) return absl::UnavailableError(kDeposedText);
  if (pause_.paused && !candidate.steered.has_value()) {
    return absl::FailedPreconditionError("the group is paused");
  }
  if (candidate.record.base != coordinator_.decided()) {
    return absl::AbortedError("another plan was decided meanwhile");
  }
  const Digest& digest = candidate.record.digest;
  if (candidate.steered.has_value() && candidate.steered->over_ahead) {
    return coordinator_.ProposeOverAhead(digest, clock_.Uptime(), &actions_);
  }
  return coordinator_.Propose(digest, clock_.Uptime(), &actions_);
}

void RolloutLoop::HandleOffer(PlanCandidate candidate) {
  const absl::Status status = Accept(candidate);
  if (!status.ok()) {
    RefuseOffer(candidate.record, std::string(status.message()));
    if (candidate.steered.has_value()) {
      const PlanId& decided = coordinator_.decided();
      candidate.steered->ticket->OnEnd(status, {decided, decided, ""});
    }
    return;
  }
  recorder_.Add(candidate.record, kDecisionOffered);
  mark_ = clock_.Uptime();
  candidate_ = std::move(candidate);
  candidate_version_.reset();
}

void RolloutLoop::RefuseOffer(const SolveRecord& solve, const std::string& reason) {
  const std::string outcome = absl::StrCat("refused: ", reason);
  observer_.OnPlanFinished(config_.name, {{}, solve.digest}, outcome);
  recorder_.Add(solve, outcome);
}

// Storing answers the coordinator, which may ask for more: until nothing is left.
void RolloutLoop::Execute() {
  NoticeActivation();  // Before any rank is told to free the old plan.
  while (!actions_.empty()) {
    const Coordinator::Actions batch = std::exchange(actions_, {});
    for (const CoordinatorAction& action : batch) Execute(action);
  }
}

void RolloutLoop::Execute(const CoordinatorAction& action) {
  using Kind = CoordinatorAction::Kind;
  // Who waits for an end is told of it all the same.
  if (deposed() && action.kind != Kind::kFinished) return;
  switch (action.kind) {
    case Kind::kPersistProposal:
      PersistProposal();
      return;
    case Kind::kPersistDecision:
      PersistDecision();
      return;
    case Kind::kPersistAbort:
      PersistAbort(action);
      return;
    case Kind::kFinished:
      Finish(action);
      return;
    default:
      SendTo(action);
      return;
  }
}

void RolloutLoop::PersistProposal() {
  PlanRecord record;
  record.ep_group = config_.name;
  record.shape = config_.shape;
  record.id.digest = candidate_->record.digest;
  record.base = store_base_;
  record.plan = *candidate_->plan;
  record.planner = candidate_->record.planner;
  record.reason =
      candidate_->steered.has_value()
          ? candidate_->steered->reason
          : absl::StrCat("gain ", std::round(candidate_->record.decision.gain * 1000) / 10,
                         " % at step ", candidate_->record.step);
  record.imbalance_before = candidate_->record.imbalance_now;
  record.imbalance_after = candidate_->record.imbalance_new;
  record.moved_slots = candidate_->record.moved_slots;
  record.proposed = clock_.WallNow();
  const absl::Duration begin = clock_.Uptime();
  // Where it fails the proposal fails too, for the same reason, and that is reported.
  if (store_uncertain_) AbortLeftovers().IgnoreError();
  Reach("propose.before");
  const absl::StatusOr<PlanVersion> version = store_.Propose(record, term_);
  const absl::Duration now = clock_.Uptime();
  NoticeStoreCall("propose", version.status(), now - begin);
  if (!version.ok()) {
    store_uncertain_ = true;
    coordinator_.OnStoreFailed(version.status(), now, &actions_);
    return;
  }
  Reach("propose.stored");
  PlacementPlan plan = *candidate_->plan;
  plan.version = *version;
  candidate_->plan = std::make_shared<const PlacementPlan>(std::move(plan));
  candidate_version_ = *version;
  recorder_.Proposed({*version, candidate_->record.digest});
  observer_.OnPlan(config_.name, "proposed", {*version, candidate_->record.digest}, now - mark_);
  mark_ = now;
  if (candidate_->steered.has_value()) {
    candidate_->steered->ticket->OnPlan({coordinator_.decided(),
                                         {*version, candidate_->record.digest},
                                         candidate_->steered->detail});
  }
  coordinator_.OnProposalStored(*version, now, &actions_);
}

void RolloutLoop::PersistDecision() {
  Reach("decide.before");
  const absl::Duration begin = clock_.Uptime();
  const absl::Time when = clock_.WallNow();
  const absl::Status status = store_.Decide(config_.name, *candidate_version_, term_, when);
  const absl::Duration now = clock_.Uptime();
  NoticeStoreCall("decide", status, now - begin);
  if (!status.ok()) {
    coordinator_.OnStoreFailed(status, now, &actions_);
    return;
  }
  Reach("decide.stored");
  decided_plan_ = candidate_->plan;
  decided_when_ = when;
  imbalance_planned_ = candidate_->record.imbalance_new;
  store_base_ = {*candidate_version_, candidate_->record.digest};
  activating_ = candidate_->record;
  observer_.OnPlan(config_.name, "decided", store_base_, now - mark_);
  mark_ = now;
  coordinator_.OnDecisionStored(now, &actions_);
  // The control loop must know the plan before the first report that was counted under it.
  UpdateView();
}

void RolloutLoop::PersistAbort(const CoordinatorAction& action) {
  Reach("abort.before");
  const absl::Duration begin = clock_.Uptime();
  // Without a version it is not known whether the store accepted the proposal.
  const absl::Status status =
      candidate_version_.has_value()
          ? store_.Abort(config_.name, *candidate_version_, term_, action.reason)
          : AbortLeftovers();
  const absl::Duration now = clock_.Uptime();
  NoticeStoreCall("abort", status, now - begin);
  if (status.ok()) {
    Reach("abort.stored");
    coordinator_.OnAbortStored(now, &actions_);
  } else {
    store_uncertain_ = true;
    coordinator_.OnStoreFailed(status, now, &actions_);
  }
}

// A store call that failed may have left a proposal behind, which would block the next one.
absl::Status RolloutLoop::AbortLeftovers() {
  BALLAST_ASSIGN_OR_RETURN(const std::vector<PlanRecord> preparing, store_.Preparing(config_.name));
  for (const PlanRecord& record : preparing) {
    BALLAST_RETURN_IF_ERROR(
        store_.Abort(config_.name, record.id.version, term_, "left behind by a failed store call"));
  }
  store_uncertain_ = false;
  return absl::OkStatus();
}

void RolloutLoop::SendTo(const CoordinatorAction& action) {
  using Kind = CoordinatorAction::Kind;
  const std::shared_ptr<WorkerLink>& link = links_[action.rank.value];
  if (link == nullptr) return;
  WorkerCommand command;
  command.nonce = action.nonce;
  command.term = term_;
  command.plan = action.plan;
  command.base = action.base;
  command.peers_run_plan = action.peers_run_plan;
  command.membership_gen = membership_.generation;
  command.deadline_hint = config_.rollout.prepare_timeout;
  command.reason = action.reason;
  absl::string_view message;
  switch (action.kind) {
    case Kind::kSendPrepare:
      command.kind = WorkerCommand::Kind::kPrepare;
      command.placement = PlanOf(action.plan.digest);
      if (command.placement == nullptr) return;
      observer_.OnPush(config_.name, action.rank, action.plan);
      message = "prepare";
      break;
    case Kind::kSendCommit:
      command.kind = WorkerCommand::Kind::kCommit;
      message = "commit";
      break;
    case Kind::kSendAbort:
      command.kind = WorkerCommand::Kind::kAbort;
      message = "abort";
      break;
    default:
      command.kind = WorkerCommand::Kind::kRetire;
      message = "retire";
      break;
  }
  if (!link->Send(command)) {
    observer_.OnSlowConsumer(config_.name, action.rank, "left its mailbox full");
  }
  sent_points_.Sent(message, action.plan, action.rank);
}

void RolloutLoop::Reach(absl::string_view crash_point) {
  if (crash_points_ != nullptr) crash_points_->Reach(crash_point);
}

void RolloutLoop::Finish(const CoordinatorAction& action) {
  observer_.OnPlanFinished(config_.name, action.plan, action.reason);
  recorder_.Finished(action.plan, action.reason);
  EndSteering(action);
  if (candidate_.has_value() && candidate_->record.digest == action.plan.digest) {
    candidate_.reset();
    candidate_version_.reset();
  }
  if (deposed()) return;
  const absl::Status pruned = store_.Prune(config_.name, config_.plans_kept, term_);
  if (!pruned.ok()) NoticeStoreCall("prune", pruned, absl::ZeroDuration());
}

void RolloutLoop::NoticeStoreCall(const char* call, const absl::Status& status,
                                  absl::Duration took) {
  observer_.OnStoreCall(call, status, took);
  if (IsOtherTerm(status) && !deposed()) StepDown(status);
}

// No write will be accepted any more, so nothing may be sent. The workers go on serving;
// they find the daemon that leads now, or wait for it.
void RolloutLoop::StepDown(const absl::Status& status) {
  deposed_.store(true, std::memory_order_release);
  for (int rank = 0; rank < static_cast<int>(links_.size()); ++rank) {
    if (links_[rank] == nullptr) continue;
    observer_.OnWorker(config_.name, RankId(rank), "sent_away", std::string(status.message()));
    links_[rank]->Close(kDeposedText, kStayOut);
  }
  // What they wait for will not come: neither a decision nor an abort is stored any more.
  const PlanId& decided = coordinator_.decided();
  for (const PendingAbort& abort : std::exchange(aborts_, {})) {
    abort.ticket->OnEnd(status, abort.result);
  }
  if (candidate_.has_value() && candidate_->steered.has_value()) {
    candidate_->steered->ticket->OnEnd(status, {decided, decided, ""});
  }
}

void RolloutLoop::NoticeActivation() {
  if (!activating_.has_value() || !coordinator_.active_everywhere()) return;
  if (activating_->digest != coordinator_.decided().digest) return;
  const absl::Duration now = clock_.Uptime();
  Reach("active");
  ++plans_adopted_;
  moved_slots_ += activating_->moved_slots;
  observer_.OnActive(config_.name, coordinator_.decided(), *activating_, now - mark_);
  mark_ = now;
  activating_.reset();
  if (candidate_.has_value() && candidate_->steered.has_value()) {
    candidate_->steered->ticket->OnEnd(
        absl::OkStatus(), {candidate_->record.base, coordinator_.decided(), "active on all ranks"});
  }
}

void RolloutLoop::NoticeSessions() {
  using Kind = SessionWatch::Finding::Kind;
  for (const SessionWatch::Finding& finding : watch_.Check(clock_.Uptime())) {
    if (finding.kind == Kind::kBlocked) {
      observer_.OnSlowConsumer(config_.name, finding.rank, finding.detail);
    } else {
      const char* event = finding.kind == Kind::kSilent ? "silent" : "speaks_again";
      observer_.OnWorker(config_.name, finding.rank, event, finding.detail);
    }
  }
}

// What people should hear of, once each time it begins.
void RolloutLoop::NoticeState(RankId rank, RankState state, const std::string& detail) {
  WorkerView& worker = workers_[rank.value];
  const bool worth_telling = state == RankState::kAhead || state == RankState::kLagging;
  if (worth_telling && worker.state != state) {
    observer_.OnWorker(config_.name, rank, RankStateName(state), detail);
  }
  worker.state = state;
  worker.detail = detail;
}

void RolloutLoop::UpdateView() {
  RolloutView view;
  view.turned = clock_.Uptime();
  view.decided = coordinator_.decided();
  view.decided_when = decided_when_;
  view.imbalance_planned = imbalance_planned_;
  view.candidate = coordinator_.candidate();
  view.phase = coordinator_.phase();
  // Before its first change the coordinator has seen no time at all.
  view.phase_since = std::max(coordinator_.phase_since(), started_);
  view.active_everywhere = coordinator_.active_everywhere();
  view.waiting_for = coordinator_.waiting_for();
  view.plans_adopted = plans_adopted_;
  view.moved_slots = moved_slots_;
  int silent = 0;
  view.pause = pause_;
  view.membership_gen = membership_.generation;
  for (int rank = 0; rank < static_cast<int>(workers_.size()); ++rank) {
    RankState state = coordinator_.rank_state(RankId(rank));
    std::string detail = coordinator_.rank_detail(RankId(rank));
    const auto lag = steps_.Lag(RankId(rank));
    if (lag.has_value() && (state == RankState::kSynced || state == RankState::kHeld ||
                            state == RankState::kPrepared)) {
      state = RankState::kLagging;
      detail = *lag;
    }
    workers_[rank].held = HeldBy(RankId(rank));
    workers_[rank].silent = false;
    workers_[rank].refused = ShownRefusal(RankId(rank), view.turned);
    if (const auto silence = watch_.Silence(RankId(rank), view.turned); silence.has_value()) {
      ++silent;
      if (view.waiting_for.empty()) view.waiting_for = absl::StrCat("rank ", rank, " ", *silence);
      workers_[rank].silent = true;
      detail = *silence;
      state = RankState::kStale;
    }
    NoticeState(RankId(rank), state, detail);
    view.behind = view.behind || state == RankState::kAhead;
    view.connected += links_[rank] == nullptr ? 0 : 1;
  }
  view.workers = workers_;
  RolloutFacts facts;
  facts.decided = coordinator_.decided();
  facts.decided_plan = decided_plan_;
  // A plan that a silent rank must load would only wait for its timeout.
  facts.all_connected = coordinator_.all_connected() && silent == 0 && !deposed();
  facts.idle = coordinator_.phase() == PlanPhase::kIdle && coordinator_.active_everywhere();
  facts.paused = pause_.paused;
  absl::MutexLock lock(&mutex_);
  view_ = std::move(view);
  facts_ = std::move(facts);
}

std::optional<HelloRefusal> RolloutLoop::ShownRefusal(RankId rank, absl::Duration now) const {
  const std::optional<HelloRefusal> refusal = refusals_.Of(rank);
  const bool is_missed = links_[rank.value] == nullptr && !config_.policy.observe_only;
  if (!refusal.has_value() || is_missed || now - refusal->at <= kRefusalShownFor) return refusal;
  return std::nullopt;
}

// What the rank has loaded, is to keep, and does not run yet.
std::optional<PlanId> RolloutLoop::HeldBy(RankId rank) const {
  const std::optional<PlanId> held = coordinator_.rank_held(rank);
  const bool wanted = held == coordinator_.decided() || held == coordinator_.candidate();
  return wanted && held != workers_[rank.value].active ? held : std::nullopt;
}

std::shared_ptr<const PlacementPlan> RolloutLoop::PlanOf(const Digest& digest) const {
  if (digest == coordinator_.decided().digest) return decided_plan_;
  if (candidate_.has_value() && candidate_->record.digest == digest) return candidate_->plan;
  return nullptr;
}

}  // namespace ballast
