#include "tests/bench/daemon_fake_workers.h"

#include <thread>
#include <utility>

#include "proto/wire/placement_wire.h"
#include "proto/wire/session_wire.h"

namespace ballast {
namespace {

// Waits for a call that was cancelled, whose reactor is about to go.
void AwaitDone(std::mutex& mutex, const bool& done) {
  for (;;) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (done) return;
    }
    std::this_thread::yield();
  }
}

v1::WorkerMessage HelloOf(const FakeGroup& group, int rank, const PlanId& active) {
  WorkerHello hello;
  hello.ep_group = group.name;
  hello.state.rank = RankId(rank);
  hello.state.incarnation = 1000 + static_cast<std::uint64_t>(rank);
  hello.state.active = active;
  hello.shape = group.shape;
  hello.row = group.topology.row_of(RankId(rank));
  hello.num_slots = group.topology.slots_of(RankId(rank)).count;
  hello.world_size = group.topology.num_ranks();
  hello.counter_bits = 32;
  hello.modes = {ActivationMode::kInBand};
  v1::WorkerMessage message;
  EncodeHello(hello, message.mutable_hello());
  return message;
}

}  // namespace

std::shared_ptr<grpc::Channel> OwnChannel(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials(), arguments);
}

FakeSession::FakeSession(FakeGroup& group, int rank, const PlanId& active,
                         const std::shared_ptr<grpc::Channel>& channel)
    : group_(group), stub_(v1::Placement::NewStub(channel)) {
  stub_->async()->Session(&context_, this);
  AddHold();  // Activate() writes from outside of a reaction.
  Put(HelloOf(group, rank, active));
  StartRead(&in_);
  StartCall();
}

FakeSession::~FakeSession() {
  context_.TryCancel();
  RemoveHold();
  AwaitDone(mutex_, done_);
}

void FakeSession::Put(v1::WorkerMessage message) {
  std::lock_guard<std::mutex> lock(mutex_);
  out_.push_back(std::move(message));
  if (out_.size() == 1) StartWrite(&out_.front());
}

void FakeSession::OnWriteDone(bool ok) {
  std::lock_guard<std::mutex> lock(mutex_);
  out_.pop_front();
  if (ok && !out_.empty()) StartWrite(&out_.front());
}

void FakeSession::OnDone(const grpc::Status&) {
  std::lock_guard<std::mutex> lock(mutex_);
  done_ = true;
}

void FakeSession::Answer(std::uint64_t nonce, const PlanId& plan, v1::WorkerPhase phase) {
  v1::WorkerMessage message;
  message.mutable_status()->set_nonce(nonce);
  message.mutable_status()->set_phase(phase);
  EncodePlanId(plan, message.mutable_status()->mutable_plan());
  Put(std::move(message));
}

void FakeSession::Activate(const PlanId& plan) {
  Answer(commit_nonce_, plan, v1::WORKER_PHASE_ACTIVE);
}

void FakeSession::OnReadDone(bool ok) {
  if (!ok) {
    ended_ = true;
    return;
  }
  if (in_.has_welcome()) welcomed_ = true;
  std::lock_guard<std::mutex> lock(group_.mutex);
  if (in_.has_welcome()) ++group_.welcomed;
  if (in_.has_prepare()) {
    const auto now = std::chrono::steady_clock::now();
    if (group_.prepared++ == 0) group_.first_prepare = now;
    group_.last_prepare = now;
    group_.next = *DecodePlanId(in_.prepare().plan());
    Answer(in_.prepare().nonce(), group_.next, v1::WORKER_PHASE_PREPARED);
  }
  if (in_.has_commit()) {
    ++group_.held;
    commit_nonce_ = in_.commit().nonce();
    Answer(commit_nonce_, *DecodePlanId(in_.commit().plan()), v1::WORKER_PHASE_HELD);
  }
  if (in_.has_retire()) {
    ++group_.retired;
    Answer(in_.retire().nonce(), *DecodePlanId(in_.retire().plan()), v1::WORKER_PHASE_RETIRED);
  }
  StartRead(&in_);
}

FakeReporter::FakeReporter(const FakeGroup& group, int rank, ReportForm form,
                           const std::shared_ptr<grpc::Channel>& channel)
    : stub_(v1::Load::NewStub(channel)) {
  GroupReport report;
  report.ep_group = group.name;
  report.num_layers = group.shape.num_layers;
  report.num_columns = form == ReportForm::kSlot ? group.topology.slots_of(RankId(rank)).count
                                                 : group.shape.num_experts;
  report.padding_excluded = true;
  report.credit_every = 16;  // As the worker library.
  report.report.rank = RankId(rank);
  report.report.incarnation = 1000 + static_cast<std::uint64_t>(rank);
  report.report.plan = group.initial;
  report.report.form = form;
  report.report.counter_bits = 32;
  report.report.step_first = 1;
  report.report.counts.assign(static_cast<std::size_t>(report.num_layers) * report.num_columns, 0);
  EncodeCounters(report, &message_);
  stub_->async()->Report(&context_, this);
  AddHold();  // Send() writes from outside of a reaction.
  StartRead(&credit_);
  StartCall();
}

FakeReporter::~FakeReporter() {
  context_.TryCancel();
  RemoveHold();
  AwaitDone(mutex_, done_);
}

void FakeReporter::Restart(const PlanId& plan, std::uint64_t step) {
  EncodePlanId(plan, message_.mutable_plan());
  message_.set_step_first(step + 1);
  message_.mutable_counts()->assign(message_.counts().size(), '\0');
}

void FakeReporter::OnReadDone(bool ok) {
  if (!ok) return;
  taken_ = credit_.accepted_sequence();
  StartRead(&credit_);
}

void FakeReporter::OnWriteDone(bool) {
  std::lock_guard<std::mutex> lock(mutex_);
  writing_ = false;
}

void FakeReporter::OnDone(const grpc::Status&) {
  std::lock_guard<std::mutex> lock(mutex_);
  done_ = true;
}

}  // namespace ballast
