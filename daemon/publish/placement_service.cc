#include "daemon/publish/placement_service.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "ballast/v1/placement.grpc.pb.h"
#include "daemon/publish/hello_check.h"
#include "daemon/publish/session_mailbox.h"
#include "proto/wire/placement_wire.h"
#include "proto/wire/session_wire.h"

namespace ballast {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

void EncodeCommand(const WorkerCommand& command, v1::DaemonMessage* message) {
  message->Clear();
  const PlanOrder order{command.nonce, command.term, command.plan, command.reason};
  switch (command.kind) {
    case WorkerCommand::Kind::kPrepare: {
      PrepareOrder prepare;
      prepare.nonce = command.nonce;
      prepare.term = command.term;
      prepare.plan = command.plan;
      prepare.base = command.base;
      prepare.placement = *command.placement;
      EncodePrepare(prepare, message->mutable_prepare());
      return;
    }
    case WorkerCommand::Kind::kCommit:
      EncodeCommit(order, message->mutable_commit());
      return;
    case WorkerCommand::Kind::kAbort:
      EncodeAbort(order, message->mutable_abort());
      return;
    case WorkerCommand::Kind::kRetire:
      EncodeRetire(order, message->mutable_retire());
      return;
  }
}

SessionEvent::Kind KindOf(WorkerPhase phase) {
  switch (phase) {
    case WorkerPhase::kReceived:
      return SessionEvent::Kind::kReceived;
    case WorkerPhase::kPrepared:
      return SessionEvent::Kind::kPrepared;
    case WorkerPhase::kHeld:
      return SessionEvent::Kind::kHeld;
    case WorkerPhase::kActive:
      return SessionEvent::Kind::kActive;
    case WorkerPhase::kRetired:
      return SessionEvent::Kind::kRetired;
    case WorkerPhase::kNack:
      return SessionEvent::Kind::kNack;
    case WorkerPhase::kAborted:
      return SessionEvent::Kind::kAborted;
  }
  return SessionEvent::Kind::kAborted;
}

using Reactor = grpc::ServerBidiReactor<v1::WorkerMessage, v1::DaemonMessage>;

// The writing side of a session. It outlives the reactor where the rollout loop still
// holds it; after Detach() everything is a no-op.
//
// gRPC calls made under the lock do not call back into us on the same thread.
class SessionWriter final : public WorkerLink {
 public:
  explicit SessionWriter(Reactor* reactor) : reactor_(reactor) {}

  void Send(const WorkerCommand& command) override {
    absl::MutexLock lock(&mutex_);
    if (reactor_ == nullptr || finishing_) return;
    if (!mailbox_.Put(command)) {
      FinishLocked(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                "the worker does not read its session; come back"));
      return;
    }
    WriteNextLocked();
  }

  void Close(const std::string& reason) override {
    absl::MutexLock lock(&mutex_);
    if (reactor_ == nullptr || finishing_) return;
    v1::GoAway* go_away = farewell_.mutable_go_away();
    EncodeGoAway({reason, absl::Milliseconds(200), ""}, go_away);
    finishing_ = true;
    if (writing_) {
      say_farewell_ = true;
    } else {
      reactor_->StartWriteAndFinish(&farewell_, grpc::WriteOptions(), grpc::Status::OK);
    }
  }

  void Welcome(const DaemonWelcome& welcome) {
    absl::MutexLock lock(&mutex_);
    if (reactor_ == nullptr || finishing_) return;
    EncodeWelcome(welcome, out_.mutable_welcome());
    writing_ = true;
    reactor_->StartWrite(&out_);
  }

  void OnWriteDone(bool ok) {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (reactor_ == nullptr) return;
    if (say_farewell_) {
      say_farewell_ = false;
      reactor_->StartWriteAndFinish(&farewell_, grpc::WriteOptions(), grpc::Status::OK);
      return;
    }
    if (ok && !finishing_) WriteNextLocked();
  }

  // Ends the call once; later calls do nothing.
  void Finish(const grpc::Status& status) {
    absl::MutexLock lock(&mutex_);
    FinishLocked(status);
  }

  bool Finishing() {
    absl::MutexLock lock(&mutex_);
    return finishing_;
  }

  // The reactor is about to be deleted.
  void Detach() {
    absl::MutexLock lock(&mutex_);
    reactor_ = nullptr;
  }

 private:
  void WriteNextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || mailbox_.empty()) return;
    EncodeCommand(mailbox_.Take(), &out_);
    writing_ = true;
    reactor_->StartWrite(&out_);
  }

  void FinishLocked(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (reactor_ == nullptr || finishing_) return;
    finishing_ = true;
    reactor_->Finish(status);
  }

  absl::Mutex mutex_;
  Reactor* reactor_ ABSL_GUARDED_BY(mutex_);
  SessionMailbox mailbox_ ABSL_GUARDED_BY(mutex_);
  v1::DaemonMessage out_;       // Belongs to gRPC while writing_.
  v1::DaemonMessage farewell_;  // Belongs to gRPC once finishing_.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool say_farewell_ ABSL_GUARDED_BY(mutex_) = false;
};

// One session, from its first message to its end. Deletes itself.
class SessionReactor final : public Reactor {
 public:
  SessionReactor(const GroupDirectory& groups, EventLog& log,
                 const PlacementServiceOptions& options, std::string peer)
      : groups_(groups),
        log_(log),
        options_(options),
        peer_(std::move(peer)),
        writer_(std::make_shared<SessionWriter>(this)) {
    StartRead(&in_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      writer_->Finish(grpc::Status::OK);
      return;
    }
    const absl::Status status = Accept();
    if (!status.ok()) {
      Refuse(status);
      return;
    }
    // Once the end was announced there is nothing more to hear.
    if (!writer_->Finishing()) StartRead(&in_);
  }

  void OnWriteDone(bool ok) override { writer_->OnWriteDone(ok); }

  // Nothing to do: the read under way fails, and that ends the call.
  void OnCancel() override {}

  void OnDone() override {
    writer_->Detach();
    if (group_ != nullptr) {
      SessionEvent event = EventOf(SessionEvent::Kind::kDisconnect);
      event.nack.detail = farewell_;
      group_->rollout->Submit(std::move(event));
    }
    delete this;
  }

 private:
  absl::Status Accept() {
    switch (in_.body_case()) {
      case v1::WorkerMessage::kHello:
        return AcceptHello();
      case v1::WorkerMessage::kStatus:
        return AcceptStatus();
      case v1::WorkerMessage::kHeartbeat:
        return AcceptHeartbeat();
      default:
        // A message of a newer protocol: the range was agreed upon, so skip it.
        return absl::OkStatus();
    }
  }

  absl::Status AcceptHello() {
    if (group_ != nullptr) return absl::InvalidArgumentError("a second Hello in one session");
    absl::StatusOr<WorkerHello> hello = DecodeHello(in_.hello());
    if (!hello.ok()) return hello.status();
    const GroupHandle* group = groups_.Find(hello->ep_group);
    if (group == nullptr) {
      return absl::NotFoundError(absl::StrCat("no EP group '", hello->ep_group,
                                              "' is configured; there are: ", groups_.Names()));
    }
    absl::Status status = CheckHello(*group->config, *hello);
    if (!status.ok()) return status;
    group_ = group;
    rank_ = hello->state.rank;
    DaemonWelcome welcome;
    welcome.term = options_.term;
    welcome.daemon_id = options_.daemon_id;
    welcome.heartbeat_period = options_.heartbeat_period;
    welcome.report_period = options_.report_period;
    // Before the event, so that nothing can overtake it.
    writer_->Welcome(welcome);
    SessionEvent event = EventOf(SessionEvent::Kind::kHello);
    event.hello = hello->state;
    group_->rollout->Submit(std::move(event));
    return absl::OkStatus();
  }

  absl::Status AcceptStatus() {
    if (group_ == nullptr) return absl::InvalidArgumentError("Status before Hello");
    absl::StatusOr<WorkerAnswer> answer = DecodeAnswer(in_.status());
    if (!answer.ok()) return answer.status();
    SessionEvent event = EventOf(KindOf(answer->phase));
    event.nonce = answer->nonce;
    event.plan = answer->plan;
    event.step = answer->step;
    if (answer->nack.has_value()) event.nack = *answer->nack;
    group_->rollout->Submit(std::move(event));
    return absl::OkStatus();
  }

  absl::Status AcceptHeartbeat() {
    if (group_ == nullptr) return absl::InvalidArgumentError("Heartbeat before Hello");
    absl::StatusOr<WorkerHeartbeat> heartbeat = DecodeHeartbeat(in_.heartbeat());
    if (!heartbeat.ok()) return heartbeat.status();
    SessionEvent event = EventOf(SessionEvent::Kind::kHeartbeat);
    event.plan = heartbeat->active;
    event.step = heartbeat->step;
    event.disagreements = heartbeat->digest_disagreements;
    group_->rollout->Submit(std::move(event));
    return absl::OkStatus();
  }

  void Refuse(const absl::Status& status) {
    farewell_ = std::string(status.message());
    log_.Write(Severity::kWarn, "worker.refused", {{"peer", peer_}, {"reason", farewell_}});
    writer_->Finish(ToGrpc(status));
  }

  SessionEvent EventOf(SessionEvent::Kind kind) const {
    SessionEvent event;
    event.kind = kind;
    event.rank = rank_;
    event.link = writer_;
    return event;
  }

  const GroupDirectory& groups_;
  EventLog& log_;
  const PlacementServiceOptions options_;
  const std::string peer_;
  const std::shared_ptr<SessionWriter> writer_;
  v1::WorkerMessage in_;
  const GroupHandle* group_ = nullptr;  // Set by the Hello.
  RankId rank_;
  std::string farewell_;  // Why the session ended, if we ended it.
};

class PlacementService final : public v1::Placement::CallbackService {
 public:
  PlacementService(const GroupDirectory& groups, EventLog& log,
                   const PlacementServiceOptions& options)
      : groups_(groups), log_(log), options_(options) {}

  Reactor* Session(grpc::CallbackServerContext* context) override {
    return new SessionReactor(groups_, log_, options_, context->peer());
  }

 private:
  const GroupDirectory& groups_;
  EventLog& log_;
  const PlacementServiceOptions options_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePlacementService(const GroupDirectory& groups, EventLog& log,
                                                    const PlacementServiceOptions& options) {
  return std::make_unique<PlacementService>(groups, log, options);
}

}  // namespace ballast
