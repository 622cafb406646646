#include "client/worker/session_driver.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"

namespace ballast {
namespace {

// A session that lived this long was a good one: the next wait is a short one again.
constexpr absl::Duration kGoodSession = absl::Seconds(5);
// Bounds what a daemon can ask for.
constexpr absl::Duration kShortestHeartbeat = absl::Milliseconds(10);
// How long the peer's last word is waited for once it has ended the stream.
constexpr absl::Duration kClosingTime = absl::Seconds(1);
// Answers that wait for a peer that does not read. More orders are not read meanwhile.
constexpr std::size_t kMaxOutbox = 64;

// Ranks that disagree do so in each step until somebody acts; one event a second says it.
constexpr absl::Duration kDisagreementPeriod = absl::Seconds(1);

// Of a goodbye; the protocol takes 256 bytes.
constexpr std::size_t kLongestReason = 200;

constexpr char kClientVersion[] = "ballast-worker 0.1.0";

std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments args;
  // Each worker of a process has a connection of its own.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Also the time that one attempt to connect may take.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  args.SetMaxReceiveMessageSize(16 << 20);  // The largest legal placement of 61 layers is 16 MB.
  args.SetMaxSendMessageSize(16 << 20);
  return grpc::CreateCustomChannel(
      address, credentials != nullptr ? credentials : grpc::InsecureChannelCredentials(), args);
}

LoadStream::Identity MakeIdentity(const WorkerOptions& options, const PlanIntake& intake,
                                  std::uint64_t incarnation) {
  LoadStream::Identity identity;
  identity.ep_group = options.ep_group;
  identity.num_layers = options.shape.num_layers;
  identity.num_columns = NumReportColumns(options, intake.topology());
  identity.padding_excluded = options.padding_excluded;
  identity.report.rank = options.rank;
  identity.report.incarnation = incarnation;
  identity.report.form = options.report_form;
  identity.report.counter_bits = options.counter_bits;
  return identity;
}

// Whether a daemon that ends a session before its Welcome means this worker's Hello.
bool IsRefusal(grpc::StatusCode code) {
  return code == grpc::StatusCode::INVALID_ARGUMENT || code == grpc::StatusCode::NOT_FOUND ||
         code == grpc::StatusCode::FAILED_PRECONDITION;
}

}  // namespace

SessionDriver::SessionDriver(const WorkerOptions& options, const Parts& parts, const Seeds& seeds)
    : options_(options),
      intake_(parts.intake),
      switch_point_(parts.switch_point),
      loader_(parts.loader),
      wakeup_(parts.wakeup),
      clock_(options.clock != nullptr ? *options.clock : RealClock()),
      incarnation_(seeds.incarnation),
      load_stream_(switch_point_.counters(), MakeIdentity(options, intake_, seeds.incarnation),
                   Backoff(options.reconnect_base, options.reconnect_cap, ~seeds.jitter),
                   options.report_period, wakeup_, clock_),
      backoff_(options.reconnect_base, options.reconnect_cap, seeds.jitter),
      heartbeat_period_(options.heartbeat_period),
      membership_gen_(options.membership_gen),
      thread_([this] { Run(); }) {}

SessionDriver::~SessionDriver() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  wakeup_->Signal();
  thread_.join();
}

bool SessionDriver::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void SessionDriver::Run() {
  while (!stopping()) {
    Turn(clock_.Uptime());
    wakeup_->Wait(clock_, NextDeadline());
  }
  if (link_ != nullptr) CloseSession(clock_.Uptime(), "worker stops");
  while (link_ != nullptr) {
    load_stream_.Pump(false, clock_.Uptime(), [](const std::string&) {});
    PumpSession(clock_.Uptime());
    if (link_ != nullptr) wakeup_->Wait(clock_, absl::InfiniteDuration());
  }
  // An activation that nobody has looked at yet decides whether the loader may drop.
  CarryOutNews(clock_.Uptime());
}

void SessionDriver::Turn(absl::Duration now) {
  TakeLoaded();
  CarryOutNews(now);
  if (phase_ == Phase::kWaiting && now >= retry_at_) Connect(now);
  SayGoodbye();
  // Before the session, which ends only once the load stream is gone.
  load_stream_.Pump(switch_point_.counting(), now, [this](const std::string& why) {
    Emit(WorkerEvent::Kind::kReportRejected, PlanId{}, why);
  });
  PumpSession(now);
  SendTimely(now);
  Flush();
}

absl::Duration SessionDriver::NextDeadline() const {
  absl::Duration next = std::min(deadline_, load_stream_.next_deadline());
  if (phase_ == Phase::kWaiting) next = std::min(next, retry_at_);
  if (phase_ == Phase::kOpen) next = std::min(next, heartbeat_at_);
  return next;
}

void SessionDriver::Connect(absl::Duration now) {
  const std::string address =
      next_address_.empty() ? options_.daemon_address : std::exchange(next_address_, "");
  channel_ = MakeChannel(address, options_.credentials);
  stub_ = v1::Placement::NewStub(channel_);
  link_ = std::make_unique<Link>(wakeup_);
  stub_->async()->Session(&link_->context(), link_.get());
  link_->Start();
  v1::WorkerMessage hello;
  EncodeHello(MakeHello(), hello.mutable_hello());
  link_->Write(std::move(hello));
  outbox_.clear();
  said_goodbye_ = false;
  phase_ = Phase::kGreeting;
  deadline_ = now + options_.welcome_timeout;
  opened_at_ = now;
}

WorkerHello SessionDriver::MakeHello() const {
  const SwitchPoint::View view = switch_point_.Look();
  const Topology& topology = intake_.topology();
  WorkerHello hello;
  hello.ep_group = options_.ep_group;
  hello.state.rank = options_.rank;
  hello.state.incarnation = incarnation_;
  hello.state.active = view.active.id;
  if (view.state != ParticipantState::kCopying) hello.state.held = view.held;
  hello.state.held_is_committed =
      view.state == ParticipantState::kHeld || view.state == ParticipantState::kSwitching;
  hello.state.highest_term_seen = view.highest_term_seen;
  hello.shape = options_.shape;
  hello.row = topology.row_of(options_.rank);
  hello.relative_speed = topology.relative_speed(options_.rank);
  hello.num_slots = topology.slots_of(options_.rank).count;
  hello.spare_slots = options_.spare_slots;
  hello.counter_bits = options_.counter_bits;
  hello.world_size = topology.num_ranks();
  {
    absl::MutexLock lock(&mutex_);
    hello.membership_gen = membership_gen_;
  }
  hello.model_fingerprint = options_.model_fingerprint;
  hello.topology_fingerprint = topology.fingerprint();
  hello.modes = {ActivationMode::kInBand};
  hello.client_version = kClientVersion;
  return hello;
}

void SessionDriver::PumpSession(absl::Duration now) {
  if (link_ == nullptr) return;
  v1::DaemonMessage message;
  while (phase_ != Phase::kClosing && outbox_.size() < kMaxOutbox && link_->Read(&message)) {
    std::string why;
    const bool goes_on = Handle(message, now, &why);
    CarryOutNews(now);
    if (!goes_on) CloseSession(now, why);
  }
  if (phase_ != Phase::kClosing && link_->ended()) {
    link_->Release();
    BeginClosing(now + kClosingTime);
  }
  if (phase_ == Phase::kGreeting && now >= deadline_) {
    CloseSession(
        now, absl::StrCat("no Welcome within ", absl::FormatDuration(options_.welcome_timeout)));
  }
  if (phase_ == Phase::kClosing && now >= deadline_) {
    link_->Close();
    deadline_ = absl::InfiniteDuration();
  }
  if (phase_ == Phase::kClosing && link_->finished() && load_stream_.closed()) FinishClosing(now);
}

void SessionDriver::CloseSession(absl::Duration now, const std::string& why) {
  if (closing_reason_.empty()) closing_reason_ = why;
  link_->Close();
  BeginClosing(now + kClosingTime);
}

void SessionDriver::BeginClosing(absl::Duration deadline) {
  welcomed_ = phase_ == Phase::kOpen || (phase_ == Phase::kClosing && welcomed_);
  phase_ = Phase::kClosing;
  deadline_ = deadline;
  load_stream_.Close();
  absl::MutexLock lock(&mutex_);
  connected_ = false;
}

void SessionDriver::FinishClosing(absl::Duration now) {
  const grpc::Status status = link_->status();
  std::string why = std::exchange(closing_reason_, "");
  const bool refused = why.empty() && !welcomed_ && IsRefusal(status.error_code());
  if (why.empty()) why = status.ok() ? "the daemon ended the session" : status.error_message();
  link_.reset();
  stub_.reset();
  channel_.reset();
  phase_ = Phase::kWaiting;
  deadline_ = absl::InfiniteDuration();
  if (welcomed_ && now - opened_at_ > kGoodSession) backoff_.Reset();
  retry_at_ =
      now + backoff_.Spread(std::exchange(retry_after_, absl::ZeroDuration())) + backoff_.Next();
  {
    absl::MutexLock lock(&mutex_);
    last_error_ = why;
    if (left_) retry_at_ = absl::InfiniteDuration();
  }
  Emit(refused ? WorkerEvent::Kind::kHelloRefused : WorkerEvent::Kind::kDisconnected, PlanId{},
       std::move(why));
}

void SessionDriver::Flush() {
  if (phase_ != Phase::kOpen || outbox_.empty() || !link_->writable()) return;
  link_->Write(std::move(outbox_.front()));
  outbox_.pop_front();
}

bool SessionDriver::Handle(const v1::DaemonMessage& message, absl::Duration now, std::string* why) {
  absl::Status status;
  if (message.has_welcome()) {
    status = HandleWelcome(message.welcome(), now);
  } else if (message.has_go_away()) {
    status = HandleGoAway(message.go_away());
  } else if (phase_ != Phase::kOpen) {
    status = absl::InvalidArgumentError("message before the Welcome");
  } else {
    status = HandleOrder(message);
  }
  *why = std::string(status.message());
  if (absl::IsInvalidArgument(status)) {
    Emit(WorkerEvent::Kind::kMalformedMessage, PlanId{}, *why);
  }
  return status.ok();
}

absl::Status SessionDriver::HandleWelcome(const v1::Welcome& message, absl::Duration now) {
  if (phase_ != Phase::kGreeting) return absl::InvalidArgumentError("second Welcome");
  const absl::StatusOr<DaemonWelcome> welcome = DecodeWelcome(message);
  if (!welcome.ok()) return welcome.status();
  if (welcome->protocol != kProtocolVersion) {
    return absl::InvalidArgumentError(absl::StrCat("Welcome.protocol: ", welcome->protocol,
                                                   ", worker speaks ", kProtocolVersion));
  }
  if (!switch_point_.OnWelcome(welcome->term)) {
    const std::string why =
        absl::StrCat("daemon of term ", welcome->term, ", term ",
                     switch_point_.Look().highest_term_seen, " was seen before");
    Emit(WorkerEvent::Kind::kStaleDaemon, PlanId{}, why);
    return absl::FailedPreconditionError(why);
  }
  phase_ = Phase::kOpen;
  deadline_ = absl::InfiniteDuration();
  if (welcome->heartbeat_period > absl::ZeroDuration()) {
    heartbeat_period_ = std::max(welcome->heartbeat_period, kShortestHeartbeat);
  }
  heartbeat_at_ = now + heartbeat_period_;
  load_stream_.SetPeriod(welcome->report_period, now);
  load_stream_.Open(channel_, now);
  {
    absl::MutexLock lock(&mutex_);
    connected_ = true;
    ++connects_;
    daemon_id_ = welcome->daemon_id;
  }
  Emit(WorkerEvent::Kind::kConnected, PlanId{},
       absl::StrCat("daemon ", welcome->daemon_id, ", term ", welcome->term));
  return absl::OkStatus();
}

absl::Status SessionDriver::HandleGoAway(const v1::GoAway& message) {
  const absl::StatusOr<DaemonGoAway> go_away = DecodeGoAway(message);
  if (!go_away.ok()) return go_away.status();
  retry_after_ = go_away->retry_after;
  next_address_ = go_away->leader_hint;
  if (go_away->for_good) {
    {
      absl::MutexLock lock(&mutex_);
      left_ = true;
    }
    Emit(WorkerEvent::Kind::kLeft, PlanId{}, go_away->reason);
  }
  return absl::UnavailableError(absl::StrCat("the daemon goes away: ", go_away->reason));
}

absl::Status SessionDriver::HandleBookmark(const v1::Bookmark& message) {
  const absl::StatusOr<DaemonBookmark> bookmark = DecodeBookmark(message);
  if (!bookmark.ok()) return bookmark.status();
  absl::MutexLock lock(&mutex_);
  membership_gen_ = std::max(membership_gen_, bookmark->membership_gen);
  return absl::OkStatus();
}

void SessionDriver::SayGoodbye() {
  if (phase_ != Phase::kOpen || said_goodbye_) return;
  absl::MutexLock lock(&mutex_);
  if (goodbye_.empty() || left_) return;
  said_goodbye_ = true;
  outbox_.emplace_back().mutable_goodbye()->set_reason(goodbye_);
}

bool SessionDriver::Leave(const std::string& reason, absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  goodbye_ = reason.empty() ? "no reason given" : reason.substr(0, kLongestReason);
  wakeup_->Signal();
  return clock_.WaitUntil(mutex_, absl::Condition(&left_), clock_.Uptime() + patience);
}

absl::Status SessionDriver::HandlePrepare(const v1::Prepare& message) {
  const absl::StatusOr<PrepareOrder> order = DecodePrepare(message);
  if (!order.ok()) return order.status();
  PlanInHand candidate;
  std::uint64_t membership_gen = 0;
  {
    absl::MutexLock lock(&mutex_);
    membership_gen = membership_gen_;
  }
  const std::optional<Nack> fault = intake_.Check(*order, membership_gen, &candidate);
  switch_point_.OnPrepare(order->nonce, std::move(candidate), order->base, order->term, fault);
  // Progress goes under the nonce of the newest Prepare of the plan.
  if (loading_ && order->plan.digest == loading_plan_.digest) loading_nonce_ = order->nonce;
  return absl::OkStatus();
}

absl::Status SessionDriver::HandleOrder(const v1::DaemonMessage& message) {
  switch (message.body_case()) {
    case v1::DaemonMessage::kPrepare:
      return HandlePrepare(message.prepare());
    case v1::DaemonMessage::kBookmark:
      return HandleBookmark(message.bookmark());
    case v1::DaemonMessage::kCommit: {
      const absl::StatusOr<PlanOrder> order = DecodeCommit(message.commit());
      if (order.ok()) switch_point_.OnCommit(order->nonce, order->plan, order->term);
      return order.status();
    }
    case v1::DaemonMessage::kAbort: {
      const absl::StatusOr<PlanOrder> order = DecodeAbort(message.abort());
      if (order.ok()) switch_point_.OnAbort(order->nonce, order->plan, order->term);
      return order.status();
    }
    case v1::DaemonMessage::kRetire: {
      const absl::StatusOr<PlanOrder> order = DecodeRetire(message.retire());
      if (order.ok()) switch_point_.OnRetire(order->nonce, order->plan, order->term);
      return order.status();
    }
    default:
      // Resync asks for nothing; what a later release may add is skipped.
      return absl::OkStatus();
  }
}

void SessionDriver::TakeLoaded() {
  const std::optional<LoaderThread::Completion> done = loader_.TakeCompletion();
  if (!done.has_value()) return;
  loading_ = false;
  switch_point_.OnLoaded(done->plan, done->fault);
}

void SessionDriver::CarryOutNews(absl::Duration now) {
  for (;;) {
    const SwitchPoint::News news = switch_point_.TakeNews();
    if (news.activations != activations_seen_) {
      activations_seen_ = news.activations;
      const SwitchPoint::View view = switch_point_.Look();
      loader_.OnActivated(view.active.id);
      load_stream_.OnActivation(now);
      Emit(WorkerEvent::Kind::kPlanActivated, view.active.id,
           absl::StrCat("since step ", view.active_since_step, ", ", view.active.num_moves,
                        " slots moved"));
    }
    if (news.disagreements != disagreements_told_ &&
        now - disagreement_at_ >= kDisagreementPeriod) {
      disagreements_told_ = news.disagreements;
      disagreement_at_ = now;
      Emit(WorkerEvent::Kind::kDigestDisagreement, PlanId{},
           absl::StrCat(news.disagreements, " votes so far"));
    }
    if (news.actions.empty()) return;
    for (const ParticipantAction& action : news.actions) CarryOut(action);
  }
}

void SessionDriver::CarryOut(const ParticipantAction& action) {
  using Kind = ParticipantAction::Kind;
  switch (action.kind) {
    case Kind::kStartLoading:
      return StartLoading(action);
    case Kind::kCancelLoading:
    case Kind::kDropPlan:
      loading_ = false;
      loader_.Drop();
      return Emit(WorkerEvent::Kind::kPlanDropped, action.plan, "");
    case Kind::kSendPrepared:
      Answer(action, WorkerPhase::kPrepared);
      return Emit(WorkerEvent::Kind::kPlanPrepared, action.plan, "");
    case Kind::kSendHeld:
      Answer(action, WorkerPhase::kHeld);
      return Emit(WorkerEvent::Kind::kPlanHeld, action.plan, "");
    case Kind::kSendActive:
      return Answer(action, WorkerPhase::kActive);
    case Kind::kSendRetired:
      loader_.Retire(action.plan);
      return Answer(action, WorkerPhase::kRetired);
    case Kind::kSendAborted:
      return Answer(action, WorkerPhase::kAborted);
    case Kind::kSendNack: {
      absl::MutexLock lock(&mutex_);
      ++plans_nacked_;
    }
      Answer(action, WorkerPhase::kNack);
      return Emit(WorkerEvent::Kind::kPlanNacked, action.plan,
                  absl::StrCat(NackCodeName(action.nack.code), ": ", action.nack.detail));
  }
}

void SessionDriver::StartLoading(const ParticipantAction& action) {
  const SwitchPoint::View view = switch_point_.Look();
  StageRequest request;
  request.plan = action.plan;
  request.expert_bytes = options_.shape.expert_bytes;
  const PlacementPlan& next = *view.candidate->plan;
  request.moves = MovesOfRank(intake_.topology(), options_.rank, *view.active.plan, next,
                              view.candidate->peers_run_it ? next : *view.active.plan);
  const int needed = SpareSlotsNeeded(request.moves);
  switch_point_.SetNumMoves(request.moves.size());
  Emit(WorkerEvent::Kind::kPlanReceived, action.plan,
       absl::StrCat(request.moves.size(), " slots to move, ", needed, " spare slots needed"));
  if (options_.spare_slots > 0 && needed > options_.spare_slots) {
    switch_point_.OnLoaded(action.plan,
                           Nack{NackCode::kNoMemory,
                                absl::StrCat("a layer needs ", needed, " spare slots, rank ",
                                             options_.rank.value, " has ", options_.spare_slots)});
    return;
  }
  loading_ = true;
  loading_plan_ = action.plan;
  loading_nonce_ = action.nonce;
  progress_sent_ = 0;
  loader_.Stage(std::move(request));
  Answer(action, WorkerPhase::kReceived);
}

// Without a session answers have no addressee: the next Hello says what they would.
void SessionDriver::Answer(const ParticipantAction& action, WorkerPhase phase) {
  if (phase_ != Phase::kOpen) return;
  WorkerAnswer answer;
  answer.nonce = action.nonce;
  answer.plan = action.plan;
  answer.phase = phase;
  if (phase == WorkerPhase::kActive) answer.step = switch_point_.Look().active_since_step;
  if (phase == WorkerPhase::kNack) answer.nack = action.nack;
  EncodeAnswer(answer, outbox_.emplace_back().mutable_status());
}

// Heartbeats and progress, which a later one makes worthless: none is queued behind others.
void SessionDriver::SendTimely(absl::Duration now) {
  if (phase_ != Phase::kOpen || now < heartbeat_at_) return;
  heartbeat_at_ = now + heartbeat_period_;
  if (!outbox_.empty()) return;
  const SwitchPoint::View view = switch_point_.Look();
  const std::uint64_t bytes = loader_.progress_bytes();
  if (loading_ && bytes != progress_sent_) {
    progress_sent_ = bytes;
    WorkerAnswer progress;
    progress.nonce = loading_nonce_;
    progress.plan = loading_plan_;
    progress.phase = WorkerPhase::kReceived;
    progress.progress_bytes = bytes;
    EncodeAnswer(progress, outbox_.emplace_back().mutable_status());
  }
  EncodeHeartbeat({switch_point_.step(), view.active.id, view.disagreements},
                  outbox_.emplace_back().mutable_heartbeat());
}

void SessionDriver::FillStatus(WorkerStatus* status) const {
  status->incarnation = incarnation_;
  status->reports_sent = load_stream_.sent();
  absl::MutexLock lock(&mutex_);
  status->connected = connected_;
  status->daemon_id = daemon_id_;
  status->connects = connects_;
  status->plans_nacked = plans_nacked_;
  status->membership_gen = membership_gen_;
  status->last_error = last_error_;
}

void SessionDriver::Emit(WorkerEvent::Kind kind, const PlanId& plan, std::string detail) const {
  if (options_.on_event) options_.on_event({kind, plan, std::move(detail)});
}

}  // namespace ballast
