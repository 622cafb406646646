// The workers' side of the simulated world: sessions, loaders and the engine.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "tests/simulation/simulated_world.h"

namespace ballast {
namespace {

constexpr Millis kProgressPeriod = 100;

PlanId NextActive(const Participant& participant) {
  return participant.state() == ParticipantState::kSwitching ? *participant.held()
                                                             : participant.active();
}

}  // namespace

bool SimulatedWorld::GroupComplete() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const Worker& worker) { return worker.alive; });
}

// What the engine hands to a rank that joins: the plan of the ranks that went on. A
// collective that is complete is read by all survivors before anybody joins.
PlanId SimulatedWorld::GroupPlan() {
  std::optional<PlanId> plan;
  for (int rank = 0; rank < report_.ranks; ++rank) {
    Worker& worker = workers_[rank];
    if (!worker.alive) continue;
    if (worker.stage == Worker::Stage::kRead) ReadVote(rank);
    const PlanId next = NextActive(*worker.participant);
    if (plan.has_value() && next != *plan) {
      Fail(absl::StrCat("survivors go on with ", PlanIdText(*plan), " and ", PlanIdText(next)));
    }
    plan = next;
  }
  return plan.value_or(restart_plan_);
}

void SimulatedWorld::StartWorker(int rank) {
  Worker& worker = workers_[rank];
  if (worker.alive) return;
  const PlanId plan = options_.bug == PlantedBug::kJoinOnOldPlan ? restart_plan_ : GroupPlan();
  worker = Worker();
  worker.alive = true;
  worker.incarnation = ++incarnations_;
  worker.participant.emplace(plan);
  worker.loaded = {plan.digest};
  worker.last_active = plan;
  worker.step = static_cast<int>(collectives_.size());
  collectives_.emplace_back();
  Trace("rank ", rank, " joins on ", PlanIdText(plan));
  if (GroupComplete()) {
    // Broken steps are given up; all begin a new one together.
    const int step = static_cast<int>(collectives_.size());
    collectives_.emplace_back();
    for (Worker& member : workers_) {
      member.step = step;
      member.stage = Worker::Stage::kBegin;
    }
  }
  Schedule(Between(5, 100), EventKind::kConnect, rank, worker.incarnation);
  Schedule(Between(1, 30), EventKind::kEngine, rank, worker.incarnation);
}

void SimulatedWorld::CrashWorker(int rank) {
  Worker& worker = workers_[rank];
  if (!worker.alive) return;
  ++report_.worker_crashes;
  Trace("rank ", rank, " dies");
  CloseSession(rank);
  worker.alive = false;
  // A group that dies as a whole begins with what it has cached, or afresh.
  const bool any = std::any_of(workers_.begin(), workers_.end(),
                               [](const Worker& other) { return other.alive; });
  if (!any && options_.bug != PlantedBug::kJoinOnOldPlan) {
    restart_plan_ = Chance(500) ? NextActive(*worker.participant) : initial_;
  }
  Schedule(Between(20, 1500), EventKind::kWorkerReturns, rank);
}

// A drained process says goodbye and ends, whether it was heard or not.
void SimulatedWorld::LeaveWorker(int rank) {
  const Worker& worker = workers_[rank];
  if (!worker.alive || worker.session < 0) return;
  Trace("rank ", rank, " says goodbye");
  SimulatedMessage message;
  message.kind = Kind::kGoodbye;
  message.rank = rank;
  message.session = worker.session;
  Post(message, /*to_daemon=*/true);
  CrashWorker(rank);
}

void SimulatedWorld::Connect(int rank) {
  Worker& worker = workers_[rank];
  if (!worker.alive || worker.session >= 0) return;
  if (!coordinator_.has_value()) {
    Schedule(Between(20, 200), EventKind::kConnect, rank, worker.incarnation);
    return;
  }
  const Participant& participant = *worker.participant;
  worker.session = static_cast<int>(sessions_.size());
  sessions_.push_back({rank, life_, worker.incarnation});
  SimulatedMessage message;
  message.kind = Kind::kHello;
  message.rank = rank;
  message.session = worker.session;
  message.hello.rank = RankId(rank);
  message.hello.incarnation = worker.incarnation;
  message.hello.active = participant.active();
  message.hello.highest_term_seen = participant.highest_term_seen();
  if (participant.state() != ParticipantState::kCopying) message.hello.held = participant.held();
  message.hello.held_is_committed = participant.state() == ParticipantState::kHeld ||
                                    participant.state() == ParticipantState::kSwitching;
  Trace("rank ", rank, " connects, ", ParticipantStateName(participant.state()));
  Post(message, /*to_daemon=*/true);
  Schedule(Between(100, 600), EventKind::kHeartbeat, rank, worker.session);
}

void SimulatedWorld::CloseSession(int rank) {
  Worker& worker = workers_[rank];
  if (worker.session < 0) return;
  Trace("rank ", rank, " loses its session");
  SimulatedMessage message;
  message.kind = Kind::kClosed;
  message.rank = rank;
  message.session = worker.session;
  Post(message, /*to_daemon=*/true);
  worker.session = -1;
  Schedule(Between(5, 200), EventKind::kConnect, rank, worker.incarnation);
}

void SimulatedWorld::SendHeartbeat(int rank, int session) {
  Worker& worker = workers_[rank];
  if (!worker.alive || worker.session != session) return;
  SimulatedMessage message;
  message.kind = Kind::kActive;
  message.rank = rank;
  message.session = session;
  message.plan = worker.participant->active();
  Post(message, /*to_daemon=*/true);
  Schedule(Between(300, 600), EventKind::kHeartbeat, rank, session);
}

void SimulatedWorld::ReceiveAtWorker(const SimulatedMessage& message) {
  const int rank = message.rank;
  Worker& worker = workers_[rank];
  if (!worker.alive || sessions_[message.session].incarnation != worker.incarnation) return;
  if (message.from_copy && faults_over_) return;
  const bool current = worker.session == message.session;
  if (!current && (!profile_.ghosts || message.kind == Kind::kWelcome)) return;
  Participant& participant = *worker.participant;
  Participant::Actions actions;
  std::optional<Nack> fault;
  switch (message.kind) {
    case Kind::kWelcome:
      if (!participant.OnWelcome(message.term)) CloseSession(rank);
      return;
    case Kind::kPrepare:
      if (Chance(profile_.loader_permille / 2)) {
        fault = Nack{static_cast<NackCode>(Between(0, kNumNackCodes - 1)), "injected"};
      }
      worker.prepare_nonce = message.nonce;
      participant.OnPrepare(message.nonce, message.plan, message.base, message.term, fault,
                            &actions);
      break;
    case Kind::kCommit:
      participant.OnCommit(message.nonce, message.plan, message.term, &actions);
      if (options_.bug == PlantedBug::kSwitchOnCommit) participant.OnVote(participant.Vote());
      if (options_.bug == PlantedBug::kGiveUpAlone) {
        Schedule(200, EventKind::kGiveUp, rank, worker.incarnation);
      }
      break;
    case Kind::kAbort:
      participant.OnAbort(message.nonce, message.plan, message.term, &actions);
      break;
    case Kind::kRetire:
      participant.OnRetire(message.nonce, message.plan, message.term, &actions);
      break;
    default:
      break;
  }
  Act(rank, actions);
}

void SimulatedWorld::Act(int rank, const Participant::Actions& actions) {
  using Action = ParticipantAction::Kind;
  Worker& worker = workers_[rank];
  for (const ParticipantAction& action : actions) {
    SimulatedMessage message;
    switch (action.kind) {
      case Action::kStartLoading:
        BeginLoad(rank, action.plan);
        continue;
      case Action::kCancelLoading:
        worker.load = 0;
        continue;
      case Action::kDropPlan:
        // The weights that are being served are never given back with a plan.
        if (action.plan.digest != worker.participant->active().digest) {
          std::erase(worker.loaded, action.plan.digest);
        }
        continue;
      case Action::kSendPrepared:
        message.kind = Kind::kPrepared;
        break;
      case Action::kSendHeld:
        message.kind = Kind::kHeld;
        break;
      case Action::kSendActive:
        message.kind = Kind::kActive;
        break;
      case Action::kSendRetired:
        message.kind = Kind::kRetired;
        break;
      case Action::kSendAborted:
        message.kind = Kind::kAborted;
        break;
      case Action::kSendNack:
        message.kind = Kind::kNack;
        message.nack = action.nack.code;
        Trace("rank ", rank, " refuses ", PlanIdText(action.plan), " ",
              NackCodeName(action.nack.code), ": ", action.nack.detail);
        break;
    }
    if (worker.session < 0) continue;
    message.rank = rank;
    message.session = worker.session;
    message.plan = action.plan;
    message.nonce = action.nonce;
    Post(message, /*to_daemon=*/true);
  }
}

void SimulatedWorld::BeginLoad(int rank, const PlanId& plan) {
  Worker& worker = workers_[rank];
  worker.load = ++loads_;
  worker.loading = plan;
  const bool slow = Chance(profile_.slow_permille);
  worker.load_ends = now_ + (slow ? Between(2000, 5000) : Between(2, 150));
  worker.load_stalls = slow && Chance(500);
  worker.load_fault.reset();
  if (Chance(profile_.loader_permille)) {
    worker.load_fault = Chance(500) ? NackCode::kCopyFailed : NackCode::kCanaryFailed;
  }
  ScheduleLoadTick(rank);
}

void SimulatedWorld::ScheduleLoadTick(int rank) {
  const Worker& worker = workers_[rank];
  const Millis delay = std::min(kProgressPeriod, worker.load_ends - now_);
  Schedule(delay, EventKind::kLoadTick, rank, worker.load);
}

void SimulatedWorld::ContinueLoad(int rank) {
  Worker& worker = workers_[rank];
  if (now_ < worker.load_ends) {
    if (!worker.load_stalls && worker.session >= 0) {
      SimulatedMessage message;
      message.kind = Kind::kProgress;
      message.rank = rank;
      message.session = worker.session;
      message.nonce = worker.prepare_nonce;
      Post(message, /*to_daemon=*/true);
    }
    ScheduleLoadTick(rank);
    return;
  }
  worker.load = 0;
  Participant::Actions actions;
  std::optional<Nack> fault;
  if (worker.load_fault.has_value()) {
    fault = Nack{*worker.load_fault, "injected"};
  } else {
    worker.loaded.push_back(worker.loading.digest);
  }
  worker.participant->OnLoaded(worker.loading, fault, &actions);
  Act(rank, actions);
}

// One thing at a time, so that anything may happen between two of them.
void SimulatedWorld::RunEngine(int rank) {
  Worker& worker = workers_[rank];
  switch (worker.stage) {
    case Worker::Stage::kBegin:
      BeginStep(rank);
      worker.stage = Worker::Stage::kVote;
      break;
    case Worker::Stage::kVote: {
      Collective& collective = collectives_[worker.step];
      collective.reduced = ReduceVotes(collective.reduced, VoteOf(rank));
      ++collective.votes;
      worker.stage = Worker::Stage::kRead;
      break;
    }
    case Worker::Stage::kRead:
      ReadVote(rank);
      break;
  }
  Schedule(Between(1, 30), EventKind::kEngine, rank, worker.incarnation);
}

VoteWord SimulatedWorld::VoteOf(int rank) const {
  const Participant& participant = *workers_[rank].participant;
  const VoteWord vote = participant.Vote();
  if (options_.bug != PlantedBug::kVoteByVersion || vote == VoteWord{}) return vote;
  return MakeVote(participant.held()->version.sequence);
}

// Waits if not all ranks have voted.
void SimulatedWorld::ReadVote(int rank) {
  Worker& worker = workers_[rank];
  const Collective& collective = collectives_[worker.step];
  if (collective.votes < report_.ranks) return;
  const bool is_own = collective.reduced == VoteOf(rank);
  const VoteWord reduced = is_own ? worker.participant->Vote() : collective.reduced;
  if (worker.participant->OnVote(reduced) == VoteResult::kDisagreed) ++report_.disagreements;
  worker.stage = Worker::Stage::kBegin;
  ++worker.step;
  if (worker.step == static_cast<int>(collectives_.size())) collectives_.emplace_back();
}

void SimulatedWorld::BeginStep(int rank) {
  Worker& worker = workers_[rank];
  Participant::Actions actions;
  if (worker.participant->BeginStep(&actions)) {
    ++report_.switches;
    const Digest& active = worker.participant->active().digest;
    Trace("rank ", rank, " switches to ", PlanIdText(worker.participant->active()), " at step ",
          worker.step);
    if (std::find(worker.loaded.begin(), worker.loaded.end(), active) == worker.loaded.end()) {
      Fail(absl::StrCat("rank ", rank, " serves ", PlanIdText(worker.participant->active()),
                        ", which it has not loaded"));
    }
    worker.loaded = {active};
    Act(rank, actions);
  }
  std::optional<Digest>& served = collectives_[worker.step].served;
  const Digest& active = worker.participant->active().digest;
  if (served.has_value() && *served != active) {
    Fail(absl::StrCat("step ", worker.step, " runs with ", DigestHex(*served, 4), " and, on rank ",
                      rank, ", ", DigestHex(active, 4)));
  }
  served = active;
}

void SimulatedWorld::GiveUpAlone(int rank) {
  Worker& worker = workers_[rank];
  if (!worker.alive || worker.participant->state() != ParticipantState::kHeld) return;
  worker.participant.emplace(worker.participant->active());
}

}  // namespace ballast
