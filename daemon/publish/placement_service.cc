#include "daemon/publish/placement_service.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "ballast/v1/placement.grpc.pb.h"
#include "daemon/publish/hello_check.h"
#include "daemon/publish/session_writer.h"
#include "proto/wire/session_wire.h"

namespace ballast {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
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

// One session, from its first message to its end. Deletes itself.
class SessionReactor final : public SessionStream {
 public:
  SessionReactor(const GroupDirectory& groups, EventLog& log,
                 const PlacementServiceOptions& options, PlacementCache& cache,
                 grpc::CallbackServerContext* context)
      : groups_(groups),
        log_(log),
        options_(options),
        peer_(context->peer()),
        writer_(std::make_shared<SessionWriter>(this, context, cache)) {
    StartRead(&in_bytes_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      writer_->Finish(grpc::Status::OK);
      return;
    }
    const grpc::Status parsed =
        grpc::SerializationTraits<v1::WorkerMessage>::Deserialize(&in_bytes_, &in_);
    const absl::Status status =
        parsed.ok() ? Accept() : absl::InvalidArgumentError("not a WorkerMessage");
    if (!status.ok()) {
      Refuse(status);
      return;
    }
    // Once the end was announced there is nothing more to hear.
    if (!writer_->Finishing()) StartRead(&in_bytes_);
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
      case v1::WorkerMessage::kGoodbye:
        return AcceptGoodbye();
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
    if (!status.ok()) {
      group->rollout->Refuse(hello->state.rank, std::string(status.message()));
      return status;
    }
    group_ = group;
    rank_ = hello->state.rank;
    DaemonWelcome welcome;
    welcome.term = options_.term;
    welcome.daemon_id = options_.daemon_id;
    welcome.heartbeat_period = options_.heartbeat_period;
    welcome.report_period = group->config->session.report_period;
    // Before the event, so that nothing can overtake it.
    writer_->Welcome(welcome);
    SessionEvent event = EventOf(SessionEvent::Kind::kHello);
    event.hello = hello->state;
    event.membership_gen = hello->membership_gen;
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

  absl::Status AcceptGoodbye() {
    if (group_ == nullptr) return absl::InvalidArgumentError("Goodbye before Hello");
    absl::StatusOr<std::string> reason = DecodeGoodbye(in_.goodbye());
    if (!reason.ok()) return reason.status();
    SessionEvent event = EventOf(SessionEvent::Kind::kGoodbye);
    event.nack.detail = *std::move(reason);
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
  grpc::ByteBuffer in_bytes_;
  v1::WorkerMessage in_;
  const GroupHandle* group_ = nullptr;  // Set by the Hello.
  RankId rank_;
  std::string farewell_;  // Why the session ended, if we ended it.
};

// Raw: the service serialises for itself, so that a placement is serialised once for
// all workers.
class PlacementService final
    : public v1::Placement::WithRawCallbackMethod_Session<v1::Placement::Service> {
 public:
  PlacementService(const GroupDirectory& groups, EventLog& log,
                   const PlacementServiceOptions& options)
      : groups_(groups), log_(log), options_(options) {}

  SessionStream* Session(grpc::CallbackServerContext* context) override {
    return new SessionReactor(groups_, log_, options_, placements_, context);
  }

 private:
  const GroupDirectory& groups_;
  EventLog& log_;
  const PlacementServiceOptions options_;
  PlacementCache placements_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePlacementService(const GroupDirectory& groups, EventLog& log,
                                                    const PlacementServiceOptions& options) {
  return std::make_unique<PlacementService>(groups, log, options);
}

}  // namespace ballast
