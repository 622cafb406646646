#ifndef BALLAST_CLIENT_WORKER_STREAM_LINK_H_
#define BALLAST_CLIENT_WORKER_STREAM_LINK_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_callback.h>

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/worker/wakeup.h"

namespace ballast {

// One bidirectional gRPC stream, driven by the connection thread: gRPC's threads only
// set flags here and wake it. At most one write and one read are under way, so a
// peer that does not read stops the writes and nothing else.
//
// Bind it (stub->async()->Method(&link->context(), link)), then Start(). It must live
// until finished(), which follows Close(), or Release() after ended().
template <typename Out, typename In>
class StreamLink final : public grpc::ClientBidiReactor<Out, In> {
 public:
  explicit StreamLink(std::shared_ptr<Wakeup> wakeup)
      : flags_(std::make_shared<Flags>(std::move(wakeup))) {}

  grpc::ClientContext& context() { return context_; }

  void Start() {
    // Reads and writes begin outside reactions, so the stream is held open until Release().
    this->AddHold();
    this->StartRead(&in_);
    this->StartCall();
  }

  // Whether Write() may be called: open, and the last write is done.
  bool writable() const {
    absl::MutexLock lock(&flags_->mutex);
    return !flags_->writing && !flags_->read_failed && !released_;
  }
  void Write(Out message) {
    out_ = std::move(message);
    {
      absl::MutexLock lock(&flags_->mutex);
      flags_->writing = true;
    }
    this->StartWrite(&out_);
  }

  // The next message of the peer, if one is there.
  bool Read(In* message) {
    {
      absl::MutexLock lock(&flags_->mutex);
      if (!flags_->has_message || released_) return false;
      flags_->has_message = false;
    }
    message->Swap(&in_);
    this->StartRead(&in_);
    return true;
  }

  // No message will come any more.
  bool ended() const {
    absl::MutexLock lock(&flags_->mutex);
    return flags_->read_failed && !flags_->has_message;
  }

  // Lets the stream finish with the peer's status, after ended().
  void Release() {
    if (!std::exchange(released_, true)) this->RemoveHold();
  }
  // Ends the stream now, whatever is under way. May follow Release().
  void Close() {
    context_.TryCancel();
    Release();
  }

  bool finished() const {
    absl::MutexLock lock(&flags_->mutex);
    return flags_->finished;
  }
  // After finished().
  grpc::Status status() const {
    absl::MutexLock lock(&flags_->mutex);
    return flags_->status;
  }

 private:
  // Apart from the link, because the owner may destroy the link as soon as it sees
  // `finished`, while the last reaction is still on its way out.
  struct Flags {
    explicit Flags(std::shared_ptr<Wakeup> w) : wakeup(std::move(w)) {}

    const std::shared_ptr<Wakeup> wakeup;
    absl::Mutex mutex;
    bool writing ABSL_GUARDED_BY(mutex) = false;
    bool has_message ABSL_GUARDED_BY(mutex) = false;
    bool read_failed ABSL_GUARDED_BY(mutex) = false;
    bool finished ABSL_GUARDED_BY(mutex) = false;
    grpc::Status status ABSL_GUARDED_BY(mutex);
  };

  void OnReadDone(bool ok) override {
    {
      absl::MutexLock lock(&flags_->mutex);
      (ok ? flags_->has_message : flags_->read_failed) = true;
    }
    flags_->wakeup->Signal();
  }

  void OnWriteDone(bool) override {
    {
      absl::MutexLock lock(&flags_->mutex);
      flags_->writing = false;
    }
    flags_->wakeup->Signal();
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Flags> flags = flags_;
    {
      absl::MutexLock lock(&flags->mutex);
      flags->status = status;
      flags->finished = true;
    }
    flags->wakeup->Signal();
  }

  const std::shared_ptr<Flags> flags_;
  grpc::ClientContext context_;
  bool released_ = false;  // Connection thread only.
  In in_;
  Out out_;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_STREAM_LINK_H_
