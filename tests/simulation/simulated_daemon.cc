// The daemon's side of the simulated world: its lives, its store calls, its messages.

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/fingerprint.h"
#include "tests/simulation/simulated_world.h"

namespace ballast {
namespace {

constexpr Millis kTick = 50;

// Short enough that a minute of protocol fits into a few simulated seconds.
CoordinatorOptions FastOptions() {
  CoordinatorOptions options;
  options.prepare_timeout = absl::Seconds(2);
  options.lagging_after = absl::Seconds(1);
  options.retry_min = absl::Milliseconds(100);
  options.retry_max = absl::Seconds(1);
  return options;
}

const char* MessageName(CoordinatorAction::Kind kind) {
  switch (kind) {
    case CoordinatorAction::Kind::kSendPrepare:
      return "Prepare";
    case CoordinatorAction::Kind::kSendCommit:
      return "Commit";
    case CoordinatorAction::Kind::kSendAbort:
      return "Abort";
    default:
      return "Retire";
  }
}

SimulatedMessage::Kind MessageKind(CoordinatorAction::Kind kind) {
  switch (kind) {
    case CoordinatorAction::Kind::kSendPrepare:
      return SimulatedMessage::Kind::kPrepare;
    case CoordinatorAction::Kind::kSendCommit:
      return SimulatedMessage::Kind::kCommit;
    case CoordinatorAction::Kind::kSendAbort:
      return SimulatedMessage::Kind::kAbort;
    default:
      return SimulatedMessage::Kind::kRetire;
  }
}

}  // namespace

void SimulatedWorld::StartDaemon() {
  if (coordinator_.has_value()) return;
  term_ = store_.BeginTerm();
  for (const PlanVersion& version : store_.Preparing()) {
    BALLAST_CHECK(store_.Abort(version, term_).ok());
  }
  ++life_;
  ++report_.daemon_lives;
  daemon_session_.assign(report_.ranks, -1);
  coordinator_.emplace(report_.ranks, store_.newest_decided(), term_, FastOptions());
  Coordinator::Actions actions;
  for (int rank = 0; rank < report_.ranks; ++rank) {
    if (left_[rank]) coordinator_->OnLeave(RankId(rank), "before", now(), &actions);
  }
  BALLAST_CHECK(actions.empty());
  Trace("daemon starts term ", term_, " on ", PlanIdText(store_.newest_decided()));
  Schedule(kTick, EventKind::kTick, 0, life_);
}

void SimulatedWorld::CrashDaemon() {
  if (!coordinator_.has_value()) return;
  Trace("daemon dies");
  coordinator_.reset();
  for (int rank = 0; rank < report_.ranks; ++rank) {
    const int session = workers_[rank].session;
    if (session >= 0 && sessions_[session].life == life_) {
      Schedule(Between(0, 150), EventKind::kNoticeLoss, rank, session);
    }
  }
  Schedule(Between(50, 1500), EventKind::kStartDaemon);
}

bool SimulatedWorld::DiesHere() {
  const bool counts = life_ == 1 && !faults_over_;
  const bool chosen = counts && ++report_.points == options_.crash_at_point;
  if (!chosen && !Chance(profile_.point_permille)) return false;
  CrashDaemon();
  return true;
}

void SimulatedWorld::Execute(Coordinator::Actions actions) {
  if (actions.size() > static_cast<std::size_t>(4 * report_.ranks + 4)) {
    Fail(absl::StrCat("one event asks for ", actions.size(), " actions"));
  }
  const std::uint64_t life = life_;
  for (const CoordinatorAction& action : actions) {
    if (!coordinator_.has_value() || life_ != life) return;
    switch (action.kind) {
      case CoordinatorAction::Kind::kPersistProposal:
      case CoordinatorAction::Kind::kPersistDecision:
      case CoordinatorAction::Kind::kPersistAbort:
        AskStore(action);
        break;
      case CoordinatorAction::Kind::kFinished:
        Trace("finished ", PlanIdText(action.plan), " ", action.reason);
        if (action.reason == "done") {
          ++report_.done;
          if (!store_.Decided(action.plan)) Fail("done, but not decided");
        } else if (action.reason.rfind("aborted", 0) == 0) {
          ++report_.aborted;
          if (store_.Decided(action.plan)) Fail("told aborted, but decided");
        } else {
          ++report_.refused;
        }
        break;
      default:
        ExecuteSend(action);
        break;
    }
  }
}

void SimulatedWorld::ExecuteSend(const CoordinatorAction& action) {
  using Action = CoordinatorAction::Kind;
  if (DiesHere()) return;
  const std::string name = absl::StrCat(MessageName(action.kind), " ", PlanIdText(action.plan),
                                        " to rank ", action.rank.value);
  // Nothing is said before the store has it, and nothing against what it holds.
  if (action.kind == Action::kSendPrepare && !store_.Known(action.plan)) {
    Fail(absl::StrCat(name, " before its proposal is stored"));
  }
  if (action.kind == Action::kSendCommit && !store_.Decided(action.plan)) {
    Fail(absl::StrCat(name, " before its decision is stored"));
  }
  if (action.kind == Action::kSendAbort && store_.Decided(action.plan)) {
    Fail(absl::StrCat(name, ", which is decided"));
  }
  SimulatedMessage message;
  message.kind = MessageKind(action.kind);
  message.rank = action.rank.value;
  message.session = daemon_session_[message.rank];
  if (left_[message.rank]) {
    Fail(absl::StrCat(name, ", which has left"));
    return;
  }
  if (message.session < 0) {
    Fail(absl::StrCat(name, ", which has no session"));
    return;
  }
  message.nonce = action.nonce;
  message.term = term_;
  message.plan = action.plan;
  message.base = action.base;
  Trace("send ", name);
  Post(message, /*to_daemon=*/false);
}

void SimulatedWorld::AskStore(const CoordinatorAction& action) {
  if (DiesHere()) return;
  for (int rank = 0; rank < report_.ranks; ++rank) {
    if (!left_[rank] || action.kind != CoordinatorAction::Kind::kPersistProposal) continue;
    Fail(absl::StrCat("proposes a plan for rank ", rank, ", which has left"));
  }
  StoreCall call;
  call.kind = action.kind;
  call.plan = action.plan;
  call.base = action.base;
  call.term = term_;
  call.life = life_;
  store_calls_.push_back(call);
  const bool hangs = Chance(profile_.store_permille / 4);
  Schedule(hangs ? Between(1000, 3000) : Between(0, 30), EventKind::kStoreExecutes, 0,
           store_calls_.size() - 1);
  if (options_.bug == PlantedBug::kCommitBeforeDecision &&
      action.kind == CoordinatorAction::Kind::kPersistDecision) {
    Coordinator::Actions actions;
    coordinator_->OnDecisionStored(now(), &actions);
    Execute(std::move(actions));
  }
}

// Runs even if the daemon that asked is dead: the call was on its way to the disk.
void SimulatedWorld::ExecuteInStore(int index) {
  StoreCall& call = store_calls_[index];
  const bool goes_wrong = Chance(profile_.store_permille);
  const bool has_effect = !goes_wrong || Chance(400);
  if (has_effect) {
    switch (call.kind) {
      case CoordinatorAction::Kind::kPersistProposal:
        call.status = store_.Propose(call.plan.digest, call.base, call.term, &call.version);
        break;
      case CoordinatorAction::Kind::kPersistDecision:
        call.status = store_.Decide(call.plan.version, call.term);
        break;
      default:
        call.status = store_.Abort(call.plan.version, call.term);
        break;
    }
  }
  if (goes_wrong) {
    call.status = has_effect || Chance(500) ? absl::UnavailableError("answer lost")
                                            : absl::ResourceExhaustedError("disk full");
  }
  Trace("store call ", static_cast<int>(call.kind), " ", PlanIdText(call.plan), ": ",
        call.status.ToString(), has_effect ? "" : " without effect");
  if (call.life != life_ || !coordinator_.has_value()) return;
  if (DiesHere()) return;
  Schedule(Between(0, 20), EventKind::kStoreAnswers, 0, index);
}

void SimulatedWorld::AnswerFromStore(const StoreCall& call) {
  if (call.life != life_ || !coordinator_.has_value()) return;
  Coordinator::Actions actions;
  const bool decides = call.kind == CoordinatorAction::Kind::kPersistDecision;
  if (!call.status.ok()) {
    const bool misread = decides && options_.bug == PlantedBug::kAbortUnknownDecision;
    coordinator_->OnStoreFailed(misread ? absl::AbortedError("misread") : call.status, now(),
                                &actions);
  } else if (decides) {
    coordinator_->OnDecisionStored(now(), &actions);
  } else if (call.kind == CoordinatorAction::Kind::kPersistProposal) {
    coordinator_->OnProposalStored(call.version, now(), &actions);
  } else {
    coordinator_->OnAbortStored(now(), &actions);
  }
  Execute(std::move(actions));
}

void SimulatedWorld::ReceiveAtDaemon(const SimulatedMessage& message) {
  if (!coordinator_.has_value() || sessions_[message.session].life != life_) return;
  const RankId rank(message.rank);
  const bool current = daemon_session_[message.rank] == message.session;
  Coordinator::Actions actions;
  switch (message.kind) {
    case Kind::kHello:
      // A doubled Hello, or one whose connection is dead already, begins nothing.
      if (current || workers_[message.rank].session != message.session) return;
      daemon_session_[message.rank] = message.session;
      left_[message.rank] = false;
      Welcome(message);
      coordinator_->OnHello(message.hello, now(), &actions);
      break;
    case Kind::kGoodbye:
      if (!current) return;
      ++report_.leaves;
      daemon_session_[message.rank] = -1;
      left_[message.rank] = true;
      if (options_.bug == PlantedBug::kIgnoreGoodbye) break;
      coordinator_->OnLeave(rank, "drained", now(), &actions);
      break;
    case Kind::kClosed:
      if (!current) return;
      daemon_session_[message.rank] = -1;
      coordinator_->OnDisconnect(rank, sessions_[message.session].incarnation, now(), &actions);
      break;
    case Kind::kActive:
      if (current) coordinator_->OnActive(rank, message.plan, now(), &actions);
      break;
    default:
      // The coordinator itself must tell answers of ended sessions by their nonce.
      if (!current && !profile_.ghosts) return;
      ReceiveAnswer(message, &actions);
      break;
  }
  Execute(std::move(actions));
}

void SimulatedWorld::ReceiveAnswer(const SimulatedMessage& message, Coordinator::Actions* actions) {
  const RankId rank(message.rank);
  switch (message.kind) {
    case Kind::kProgress:
      coordinator_->OnProgress(rank, message.nonce, now());
      return;
    case Kind::kPrepared:
      coordinator_->OnPrepared(rank, message.nonce, now(), actions);
      return;
    case Kind::kHeld:
      coordinator_->OnHeld(rank, message.nonce, now(), actions);
      return;
    case Kind::kRetired:
      coordinator_->OnRetired(rank, message.nonce, now(), actions);
      return;
    case Kind::kNack:
      coordinator_->OnNack(rank, message.nonce, Nack{message.nack, ""}, now(), actions);
      return;
    default:
      return;
  }
}

void SimulatedWorld::Welcome(const SimulatedMessage& hello) {
  SimulatedMessage message;
  message.kind = Kind::kWelcome;
  message.rank = hello.rank;
  message.session = hello.session;
  message.term = term_;
  Post(message, /*to_daemon=*/false);
}

Digest SimulatedWorld::NewContent() {
  Digest digest{};
  ++contents_;
  for (int byte = 0; byte < 8; ++byte) {
    digest[byte] = static_cast<std::uint8_t>(contents_ * 0x9e3779b97f4a7c15u >> (8 * byte));
  }
  return digest;
}

void SimulatedWorld::Propose() {
  const bool repeats = profile_.repeats_plans && past_.size() > 2 && Chance(500);
  const Digest digest = repeats ? past_[past_.size() - 1 - random_.Below(3)] : NewContent();
  Coordinator::Actions actions;
  const absl::Status status = coordinator_->Propose(digest, now(), &actions);
  if (!status.ok() && last_plan_proposed_) {
    Fail(absl::StrCat("at rest, but no plan can begin: ", status.message()));
  }
  past_.push_back(digest);
  Execute(std::move(actions));
}

// A daemon that slept while its store was copied, or the other way round, has a plan of its
// own under a version that the real store has given or will give to another one.
void SimulatedWorld::WakeCopy() {
  CopyPlan plan;
  plan.id.version = Chance(700) ? store_.newest_version() : store_.next_version();
  plan.id.digest = NewContent();
  const int spared = Between(0, report_.ranks - 1);
  for (int rank = 0; rank < report_.ranks; ++rank) {
    if (rank != spared && Chance(600)) plan.ranks.push_back(rank);
  }
  ++report_.second_plans;
  SendFromCopy(plan, Kind::kPrepare);
  Schedule(Between(20, 300), EventKind::kCopyCommits, 0, copy_plans_.size());
  copy_plans_.push_back(std::move(plan));
}

void SimulatedWorld::SendFromCopy(const CopyPlan& plan, Kind kind) {
  for (const int rank : plan.ranks) {
    const Worker& worker = workers_[rank];
    if (!worker.alive || worker.session < 0) continue;
    SimulatedMessage message;
    message.kind = kind;
    message.rank = rank;
    message.session = worker.session;
    message.nonce = ~std::uint64_t{0};  // Of no message of the real daemon.
    message.term = term_;
    message.plan = plan.id;
    message.base = worker.participant->active();
    message.from_copy = true;
    Trace("the copy sends ", kind == Kind::kPrepare ? "Prepare " : "Commit ", PlanIdText(plan.id),
          " to rank ", rank);
    Post(message, /*to_daemon=*/false);
  }
}

// No daemon may take back what a rank holds, so somebody must start the rank anew.
void SimulatedWorld::RestartHoldersOfCopies() {
  for (int rank = 0; rank < report_.ranks; ++rank) {
    const Worker& worker = workers_[rank];
    if (!worker.alive || !worker.participant->held().has_value()) continue;
    for (const CopyPlan& plan : copy_plans_) {
      if (worker.participant->held() != plan.id) continue;
      CrashWorker(rank);
      break;
    }
  }
}

void SimulatedWorld::TickDaemon() {
  Coordinator::Actions actions;
  coordinator_->OnTick(now(), &actions);
  Schedule(kTick, EventKind::kTick, 0, life_);
  Execute(std::move(actions));
}

}  // namespace ballast
