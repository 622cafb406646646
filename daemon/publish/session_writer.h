#ifndef BALLAST_DAEMON_PUBLISH_SESSION_WRITER_H_
#define BALLAST_DAEMON_PUBLISH_SESSION_WRITER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/control/worker_link.h"
#include "daemon/publish/session_mailbox.h"
#include "proto/wire/session_wire.h"

namespace ballast {

// Serialised placements, each made once and shared by all sessions that are sent it.
// It keeps no plan alive. Thread-safe.
class PlacementCache {
 public:
  // The PlacementTable of `plan`. O(layers * slots) the first time.
  grpc::Slice Get(const std::shared_ptr<const PlacementPlan>& plan);

 private:
  struct Entry {
    std::weak_ptr<const PlacementPlan> plan;
    grpc::Slice table;
  };
  absl::Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // A few: plans that are in use.
};

using SessionStream = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

// The writing side of a session. It outlives the stream where the rollout loop still
// holds it; after Detach() everything is a no-op. Thread-safe.
//
// gRPC calls made under the lock do not call back into us on the same thread.
class SessionWriter final : public WorkerLink {
 public:
  // `cache` must outlive it, `stream` and `context` live until Detach().
  SessionWriter(SessionStream* stream, grpc::CallbackServerContext* context, PlacementCache& cache)
      : stream_(stream), context_(context), cache_(cache) {}

  bool Send(const WorkerCommand& command) override;
  using WorkerLink::Close;
  void Close(const std::string& reason, absl::Duration stay_away) override;
  std::uint64_t WriteUnderWay() const override;
  void Abandon() override;

  // The first message; nothing was sent before.
  void Welcome(const DaemonWelcome& welcome);
  void OnWriteDone(bool ok);
  // Ends the call once; later calls do nothing.
  void Finish(const grpc::Status& status);
  bool Finishing() const;
  // The stream is about to be deleted.
  void Detach();

 private:
  void WriteLocked(grpc::ByteBuffer message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteNextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishLocked(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc::ByteBuffer Encode(const WorkerCommand& command);

  mutable absl::Mutex mutex_;
  SessionStream* stream_ ABSL_GUARDED_BY(mutex_);
  grpc::CallbackServerContext* context_ ABSL_GUARDED_BY(mutex_);
  PlacementCache& cache_;
  SessionMailbox mailbox_ ABSL_GUARDED_BY(mutex_);
  grpc::ByteBuffer out_;                              // Belongs to gRPC while writing_.
  grpc::ByteBuffer farewell_;                         // Belongs to gRPC once finishing_.
  std::uint64_t writes_ ABSL_GUARDED_BY(mutex_) = 0;  // Begun so far.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool say_farewell_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_PUBLISH_SESSION_WRITER_H_
