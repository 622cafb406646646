#include "tests/simulation/rollout_simulation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "tests/simulation/simulated_world.h"

namespace ballast {
namespace {

PlanId InitialPlan() {
  PlanId plan;
  plan.digest.fill(0xee);
  return plan;
}

// After the faults the group must be at rest so soon, and again after the last plan.
// Twenty times the longest pause between two tries, and four slow loads.
constexpr Millis kRestWithin = 20000;

// Late messages of the fault phase are gone by then.
constexpr Millis kSettled = 1500;

constexpr std::size_t kTraceLines = 300;

// Bound of the queues: messages on their way per rank. A session holds a handful; the
// rest is what doubled or survived its session within one delay.
constexpr int kMessagesPerRank = 60;

}  // namespace

SimulatedWorld::SimulatedWorld(const SimulationOptions& options)
    : options_(options),
      random_(options.seed),
      initial_(InitialPlan()),
      store_(InitialPlan(), options.bug == PlantedBug::kLoseDecisions),
      restart_plan_(InitialPlan()) {
  DrawProfile();
}

void SimulatedWorld::DrawProfile() {
  report_.ranks = Between(2, 6);
  faults_end_ = Between(1500, 6000);
  daemon_session_.assign(report_.ranks, -1);
  left_.assign(report_.ranks, false);
  workers_.resize(report_.ranks);
  if (!options_.random_faults) return;
  profile_.harsh_network = Chance(500);
  profile_.ghosts = Chance(300);
  profile_.max_delay = Chance(200) ? 150 : 20;
  profile_.store_permille = Chance(400) ? Between(20, 300) : 0;
  profile_.point_permille = Chance(400) ? Between(2, 40) : 0;
  profile_.loader_permille = Chance(400) ? Between(5, 150) : 0;
  profile_.slow_permille = Chance(300) ? Between(5, 100) : 0;
  profile_.daemon_crashes = Chance(400);
  profile_.worker_crashes = Chance(500);
  profile_.disconnects = Chance(600);
  profile_.operator_aborts = Chance(200);
  profile_.repeats_plans = Chance(300);
  profile_.leaves = Chance(300);
  profile_.second_store = Chance(250);
}

SimulationReport SimulatedWorld::Run() {
  Trace("ranks ", report_.ranks, ", faults until ", faults_end_);
  StartDaemon();
  for (int rank = 0; rank < report_.ranks; ++rank) StartWorker(rank);
  Schedule(Between(20, 200), EventKind::kPropose);
  Schedule(Between(20, 200), EventKind::kFault);
  Millis rest_until = faults_end_ + kRestWithin;
  Digest last_plan{};
  while (!queue_.empty() && report_.violation.empty()) {
    std::pop_heap(queue_.begin(), queue_.end(), Later());
    const Event event = queue_.back();
    queue_.pop_back();
    now_ = event.at;
    ++report_.events;
    Handle(event);
    CheckAll();
    if (!faults_over_ && now_ >= faults_end_) EndFaults();
    if (!faults_over_ || now_ < faults_end_ + kSettled || !report_.violation.empty()) continue;
    if (AtRest()) {
      if (last_plan_proposed_) {
        if (store_.newest_decided().digest != last_plan) Fail("the last plan was not decided");
        break;
      }
      last_plan_proposed_ = true;
      rest_until = now_ + kRestWithin;
      Propose();
      last_plan = past_.back();
    } else if (now_ > rest_until) {
      Fail(absl::StrCat("no rest after the faults: ",
                        coordinator_.has_value() ? PlanPhaseName(coordinator_->phase()) : "down",
                        ", waits for ",
                        coordinator_.has_value() ? coordinator_->waiting_for() : "the daemon"));
    }
  }
  report_.steps = static_cast<int>(collectives_.size());
  return std::move(report_);
}

void SimulatedWorld::Schedule(Millis delay, EventKind kind, int rank, std::uint64_t ticket,
                              int message) {
  queue_.push_back({now_ + delay, ++order_, kind, rank, ticket, message});
  std::push_heap(queue_.begin(), queue_.end(), Later());
}

void SimulatedWorld::Handle(const Event& event) {
  Worker& worker = workers_[event.rank];
  switch (event.kind) {
    case EventKind::kDeliverToDaemon:
    case EventKind::kDeliverToWorker: {
      const SimulatedMessage message = messages_[event.message];
      free_messages_.push_back(event.message);
      if (event.kind == EventKind::kDeliverToDaemon) {
        ReceiveAtDaemon(message);
      } else {
        ReceiveAtWorker(message);
      }
      return;
    }
    case EventKind::kTick:
      if (event.ticket == life_ && coordinator_.has_value()) TickDaemon();
      return;
    case EventKind::kStoreExecutes:
      ExecuteInStore(static_cast<int>(event.ticket));
      return;
    case EventKind::kStoreAnswers:
      AnswerFromStore(store_calls_[event.ticket]);
      return;
    case EventKind::kStartDaemon:
      StartDaemon();
      return;
    case EventKind::kConnect:
      if (event.ticket == worker.incarnation) Connect(event.rank);
      return;
    case EventKind::kNoticeLoss:
      if (worker.alive && worker.session == static_cast<int>(event.ticket)) {
        CloseSession(event.rank);
      }
      return;
    case EventKind::kHeartbeat:
      SendHeartbeat(event.rank, static_cast<int>(event.ticket));
      return;
    case EventKind::kLoadTick:
      if (worker.alive && event.ticket == worker.load) ContinueLoad(event.rank);
      return;
    case EventKind::kEngine:
      if (worker.alive && event.ticket == worker.incarnation) RunEngine(event.rank);
      return;
    case EventKind::kWorkerReturns:
      StartWorker(event.rank);
      return;
    case EventKind::kFault:
      if (faults_over_) return;
      if (options_.random_faults) InjectFault();
      Schedule(Between(30, 300), EventKind::kFault);
      return;
    case EventKind::kPropose:
      if (faults_over_) return;
      if (coordinator_.has_value()) Propose();
      Schedule(Between(50, 400), EventKind::kPropose);
      return;
    case EventKind::kCopyCommits:
      if (!faults_over_) SendFromCopy(copy_plans_[event.ticket], SimulatedMessage::Kind::kCommit);
      return;
    case EventKind::kGiveUp:
      if (event.ticket == worker.incarnation) GiveUpAlone(event.rank);
      return;
  }
}

// A message on its way is kept outside of its event: events are moved about a lot.
int SimulatedWorld::Keep(const SimulatedMessage& message) {
  if (free_messages_.empty()) {
    messages_.push_back(message);
    return static_cast<int>(messages_.size()) - 1;
  }
  const int index = free_messages_.back();
  free_messages_.pop_back();
  messages_[index] = message;
  return index;
}

void SimulatedWorld::Post(const SimulatedMessage& message, bool to_daemon) {
  Session& session = sessions_[message.session];
  const EventKind kind = to_daemon ? EventKind::kDeliverToDaemon : EventKind::kDeliverToWorker;
  if (profile_.harsh_network) {
    const int copies = Chance(100) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      const int delay = Between(1, profile_.max_delay) * (Chance(50) ? 10 : 1);
      Schedule(delay, kind, message.rank, 0, Keep(message));
    }
    return;
  }
  Millis& last = to_daemon ? session.last_to_daemon : session.last_to_worker;
  last = std::max(last, now_ + Between(1, profile_.max_delay));
  Schedule(last - now_, kind, message.rank, 0, Keep(message));
}

void SimulatedWorld::InjectFault() {
  if (profile_.second_store && Chance(300)) return WakeCopy();
  const int rank = Between(0, report_.ranks - 1);
  switch (Between(0, 4)) {
    case 0:
      if (profile_.daemon_crashes && Chance(300)) CrashDaemon();
      return;
    case 1:
      if (profile_.worker_crashes && Chance(500)) CrashWorker(rank);
      return;
    case 3:
      if (profile_.leaves && Chance(300)) LeaveWorker(rank);
      return;
    case 2:
      if (profile_.disconnects && workers_[rank].alive) CloseSession(rank);
      return;
    default:
      if (!profile_.operator_aborts || !coordinator_.has_value()) return;
      Coordinator::Actions actions;
      if (coordinator_->Abort("by hand", now(), &actions).ok()) Execute(std::move(actions));
      return;
  }
}

void SimulatedWorld::EndFaults() {
  Trace("the faults end");
  faults_over_ = true;
  leftovers_possible_ = profile_.harsh_network || profile_.ghosts || profile_.second_store;
  profile_ = FaultProfile();
  RestartHoldersOfCopies();
}

bool SimulatedWorld::AtRest() const {
  if (!coordinator_.has_value() || coordinator_->phase() != PlanPhase::kIdle) return false;
  if (!coordinator_->active_everywhere() || !GroupComplete()) return false;
  if (coordinator_->decided() != store_.newest_decided()) return false;
  for (const Worker& worker : workers_) {
    if (worker.participant->active().digest != store_.newest_decided().digest) return false;
    // A plan that nobody wants may only be left where messages overtook each other, and
    // only until the next plan takes its place.
    const bool left_over = worker.participant->held().has_value();
    if (left_over && (last_plan_proposed_ || !leftovers_possible_)) return false;
  }
  return true;
}

void SimulatedWorld::CheckAll() {
  for (int rank = 0; rank < report_.ranks; ++rank) {
    if (workers_[rank].alive) CheckWorker(rank);
  }
  if (!store_.violation().empty()) Fail(store_.violation());
  const auto on_their_way = messages_.size() - free_messages_.size();
  if (on_their_way > static_cast<std::size_t>(kMessagesPerRank * report_.ranks)) {
    Fail(absl::StrCat(on_their_way, " messages are on their way"));
  }
}

void SimulatedWorld::CheckWorker(int rank) {
  Worker& worker = workers_[rank];
  const Participant& participant = *worker.participant;
  if (participant.active() != worker.last_active) {
    if (participant.active().version < worker.last_active.version) {
      Fail(absl::StrCat("rank ", rank, " goes back to ", PlanIdText(participant.active())));
    }
    worker.last_active = participant.active();
  }
  if (!store_.Decided(participant.active())) {
    Fail(absl::StrCat("rank ", rank, " runs the undecided ", PlanIdText(participant.active())));
  }
  const bool committed = participant.state() == ParticipantState::kHeld ||
                         participant.state() == ParticipantState::kSwitching;
  const std::optional<PlanId> held = committed ? participant.held() : std::nullopt;
  if (worker.last_committed.has_value() && held != worker.last_committed &&
      participant.active() != worker.last_committed) {
    Fail(absl::StrCat("rank ", rank, " dropped the decided ", PlanIdText(*worker.last_committed)));
  }
  worker.last_committed = held;
}

void SimulatedWorld::Fail(const std::string& violation) {
  if (!report_.violation.empty()) return;
  report_.violation = absl::StrCat("at ", now_, " ms: ", violation);
  Trace("VIOLATION ", violation);
}

void SimulatedWorld::Note(const std::string& line) {
  if (report_.trace.size() >= kTraceLines) report_.trace.erase(report_.trace.begin());
  report_.trace.push_back(absl::StrCat(now_, ": ", line));
}

SimulationReport RunRolloutSimulation(const SimulationOptions& options) {
  return SimulatedWorld(options).Run();
}

}  // namespace ballast
