#include "daemon/publish/session_writer.h"

#include <utility>

#include "core/base/check.h"
#include "proto/wire/daemon_frame.h"

namespace ballast {
namespace {

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

DaemonGoAway OfStay(const std::string& reason, absl::Duration stay_away) {
  DaemonGoAway go_away;
  go_away.reason = reason;
  go_away.for_good = stay_away == absl::InfiniteDuration();
  if (!go_away.for_good) go_away.retry_after = stay_away;
  return go_away;
}

}  // namespace

grpc::Slice PlacementCache::Get(const std::shared_ptr<const PlacementPlan>& plan) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(entries_, [](const Entry& entry) { return entry.plan.expired(); });
  for (const Entry& entry : entries_) {
    if (entry.plan.lock() == plan) return entry.table;
  }
  entries_.push_back({plan, grpc::Slice(PlacementBytes(*plan))});
  return entries_.back().table;
}

grpc::ByteBuffer SessionWriter::Encode(const WorkerCommand& command) {
  const PlanOrder order{command.nonce, command.term, command.plan, command.reason};
  switch (command.kind) {
    case WorkerCommand::Kind::kPrepare: {
      PrepareOrder prepare;
      prepare.nonce = command.nonce;
      prepare.term = command.term;
      prepare.plan = command.plan;
      prepare.base = command.base;
      prepare.peers_run_plan = command.peers_run_plan;
      prepare.deadline_hint = command.deadline_hint;
      prepare.membership_gen = command.membership_gen;
      const grpc::Slice table = cache_.Get(command.placement);
      const grpc::Slice slices[] = {grpc::Slice(PrepareHead(prepare, table.size())), table};
      return grpc::ByteBuffer(slices, 2);
    }
    case WorkerCommand::Kind::kCommit:
      return BufferOf(CommitFrame(order));
    case WorkerCommand::Kind::kAbort:
      return BufferOf(AbortFrame(order));
    case WorkerCommand::Kind::kRetire:
      return BufferOf(RetireFrame(order));
    case WorkerCommand::Kind::kMembership:
      return BufferOf(BookmarkFrame({command.plan, command.term, command.membership_gen}));
  }
  BALLAST_CHECK(false);
}

bool SessionWriter::Send(const WorkerCommand& command) {
  absl::MutexLock lock(&mutex_);
  if (stream_ == nullptr || finishing_) return true;
  if (!mailbox_.Put(command)) {
    context_->TryCancel();
    return false;
  }
  WriteNextLocked();
  return true;
}

void SessionWriter::Close(const std::string& reason, absl::Duration stay_away) {
  absl::MutexLock lock(&mutex_);
  if (stream_ == nullptr || finishing_) return;
  farewell_ = BufferOf(GoAwayFrame(OfStay(reason, stay_away)));
  finishing_ = true;
  if (writing_) {
    say_farewell_ = true;
  } else {
    stream_->StartWriteAndFinish(&farewell_, grpc::WriteOptions(), grpc::Status::OK);
  }
}

std::uint64_t SessionWriter::WriteUnderWay() const {
  absl::MutexLock lock(&mutex_);
  return stream_ != nullptr && writing_ ? writes_ : 0;
}

void SessionWriter::Abandon() {
  absl::MutexLock lock(&mutex_);
  // What is under way fails, and that ends the call as if the peer had gone.
  if (stream_ != nullptr) context_->TryCancel();
}

void SessionWriter::Welcome(const DaemonWelcome& welcome) {
  absl::MutexLock lock(&mutex_);
  if (stream_ == nullptr || finishing_) return;
  WriteLocked(BufferOf(WelcomeFrame(welcome)));
}

void SessionWriter::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (stream_ == nullptr) return;
  if (say_farewell_) {
    say_farewell_ = false;
    stream_->StartWriteAndFinish(&farewell_, grpc::WriteOptions(), grpc::Status::OK);
    return;
  }
  if (ok && !finishing_) WriteNextLocked();
}

void SessionWriter::Finish(const grpc::Status& status) {
  absl::MutexLock lock(&mutex_);
  FinishLocked(status);
}

bool SessionWriter::Finishing() const {
  absl::MutexLock lock(&mutex_);
  return finishing_;
}

void SessionWriter::Detach() {
  absl::MutexLock lock(&mutex_);
  stream_ = nullptr;
  context_ = nullptr;
}

void SessionWriter::WriteLocked(grpc::ByteBuffer message) {
  out_.Swap(&message);
  writing_ = true;
  ++writes_;
  stream_->StartWrite(&out_);
}

void SessionWriter::WriteNextLocked() {
  if (writing_ || mailbox_.empty()) return;
  WriteLocked(Encode(mailbox_.Take()));
}

void SessionWriter::FinishLocked(const grpc::Status& status) {
  if (stream_ == nullptr || finishing_) return;
  finishing_ = true;
  stream_->Finish(status);
}

}  // namespace ballast
