#ifndef BALLAST_CLIENT_WORKER_SESSION_DRIVER_H_
#define BALLAST_CLIENT_WORKER_SESSION_DRIVER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "ballast/v1/placement.grpc.pb.h"
#include "client/worker/backoff.h"
#include "client/worker/load_stream.h"
#include "client/worker/loader_thread.h"
#include "client/worker/plan_intake.h"
#include "client/worker/stream_link.h"
#include "client/worker/switch_point.h"
#include "client/worker/wakeup.h"
#include "client/worker/worker_session.h"
#include "core/rollout/participant.h"
#include "proto/wire/session_wire.h"

namespace ballast {

// The connection thread: keeps a session with the daemon, carries its orders to the
// SwitchPoint, carries out what follows (load, answer, drop), sends heartbeats and load
// reports. All protocol logic runs on this one thread; gRPC's threads, the loader and
// the engine only wake it.
class SessionDriver {
 public:
  struct Seeds {
    std::uint64_t jitter = 0;
    std::uint64_t incarnation = 0;  // Not 0.
  };
  // Everything that its thread talks to; must outlive it.
  struct Parts {
    const PlanIntake& intake;
    SwitchPoint& switch_point;
    LoaderThread& loader;
    std::shared_ptr<Wakeup> wakeup;
  };

  // `options` must outlive it. Starts at once.
  SessionDriver(const WorkerOptions& options, const Parts& parts, const Seeds& seeds);
  // Ends both streams and waits for the thread.
  ~SessionDriver();

  // As in worker_session.h. Thread-safe.
  bool Leave(const std::string& reason, absl::Duration patience);

  // Adds what this class knows. Thread-safe.
  void FillStatus(WorkerStatus* status) const;

 private:
  using Link = StreamLink<v1::WorkerMessage, v1::DaemonMessage>;

  // Of the placement session.
  enum class Phase {
    kWaiting,   // No session; the next attempt is at retry_at_.
    kGreeting,  // Hello is sent, Welcome is awaited until deadline_.
    kOpen,
    kClosing,  // Both streams are on their way out; at deadline_ they are cut.
  };

  void Run();
  void Turn(absl::Duration now);
  bool stopping() const;
  absl::Duration NextDeadline() const;

  // Connection.
  void Connect(absl::Duration now);
  void CloseSession(absl::Duration now, const std::string& why);
  void FinishClosing(absl::Duration now);
  void PumpSession(absl::Duration now);
  void BeginClosing(absl::Duration deadline);
  void Flush();
  WorkerHello MakeHello() const;

  // Messages. False: the session can not go on, and `*why` tells.
  bool Handle(const v1::DaemonMessage& message, absl::Duration now, std::string* why);
  absl::Status HandleWelcome(const v1::Welcome& message, absl::Duration now);
  absl::Status HandleGoAway(const v1::GoAway& message);
  absl::Status HandleBookmark(const v1::Bookmark& message);
  void SayGoodbye();
  absl::Status HandleOrder(const v1::DaemonMessage& message);
  absl::Status HandlePrepare(const v1::Prepare& message);

  // What follows.
  void TakeLoaded();
  void CarryOutNews(absl::Duration now);
  void CarryOut(const ParticipantAction& action);
  void StartLoading(const ParticipantAction& action);
  void Answer(const ParticipantAction& action, WorkerPhase phase);
  void SendTimely(absl::Duration now);

  void Emit(WorkerEvent::Kind kind, const PlanId& plan, std::string detail) const;

  const WorkerOptions& options_;
  const PlanIntake& intake_;
  SwitchPoint& switch_point_;
  LoaderThread& loader_;
  const std::shared_ptr<Wakeup> wakeup_;
  Clock& clock_;
  const std::uint64_t incarnation_;

  // Connection thread only.
  Phase phase_ = Phase::kWaiting;
  std::unique_ptr<Link> link_;
  std::unique_ptr<v1::Placement::Stub> stub_;
  std::shared_ptr<grpc::Channel> channel_;
  std::deque<v1::WorkerMessage> outbox_;
  LoadStream load_stream_;
  Backoff backoff_;
  std::string next_address_;  // A leader's, for one attempt; empty: the configured one.
  absl::Duration retry_at_ = absl::ZeroDuration();
  absl::Duration retry_after_;  // As the daemon asked in GoAway.
  absl::Duration deadline_ = absl::InfiniteDuration();
  absl::Duration opened_at_;
  bool welcomed_ = false;       // While closing: whether the session was open before.
  std::string closing_reason_;  // Ours; empty: the daemon's status tells.
  absl::Duration heartbeat_period_;
  absl::Duration heartbeat_at_ = absl::InfiniteDuration();
  bool loading_ = false;
  PlanId loading_plan_;
  std::uint64_t loading_nonce_ = 0;
  std::uint64_t progress_sent_ = 0;
  std::uint64_t activations_seen_ = 0;
  std::uint64_t disagreements_told_ = 0;
  absl::Duration disagreement_at_ = -absl::InfiniteDuration();  // The last that was told.

  bool said_goodbye_ = false;  // In this session.

  mutable absl::Mutex mutex_;
  std::uint64_t membership_gen_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string goodbye_ ABSL_GUARDED_BY(mutex_);  // Why it leaves; empty: it does not.
  bool left_ ABSL_GUARDED_BY(mutex_) = false;    // For good.
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;
  std::string daemon_id_ ABSL_GUARDED_BY(mutex_);
  std::string last_error_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t connects_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t plans_nacked_ ABSL_GUARDED_BY(mutex_) = 0;

  std::thread thread_;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_SESSION_DRIVER_H_
