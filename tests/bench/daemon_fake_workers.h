#ifndef BALLAST_TESTS_BENCH_DAEMON_FAKE_WORKERS_H_
#define BALLAST_TESTS_BENCH_DAEMON_FAKE_WORKERS_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ballast/v1/load.grpc.pb.h"
#include "ballast/v1/placement.grpc.pb.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"
#include "proto/wire/load_wire.h"

namespace ballast {

using BenchTime = std::chrono::steady_clock::time_point;

// One EP group of light workers of the benchmarks: raw streams with a channel for each
// worker, no routing, no weights. What it knows of the group's progress is shared.
struct FakeGroup {
  std::string name;
  ModelShape shape;
  Topology topology;
  PlanId initial;

  std::mutex mutex;
  // Guarded by mutex. Of the plan on its way:
  int welcomed = 0;
  int prepared = 0;
  int held = 0;
  int retired = 0;
  PlanId next;
  BenchTime first_prepare;
  BenchTime last_prepare;
};

// The session of one worker: says hello, answers Prepare, Commit and Retire at once.
class FakeSession final : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::DaemonMessage> {
 public:
  FakeSession(FakeGroup& group, int rank, const PlanId& active,
              const std::shared_ptr<grpc::Channel>& channel);
  ~FakeSession() override;

  // The plan in force since now; ends the switch on this worker's side.
  void Activate(const PlanId& plan);

  bool welcomed() const { return welcomed_; }
  bool ended() const { return ended_; }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status&) override;

 private:
  void Answer(std::uint64_t nonce, const PlanId& plan, v1::WorkerPhase phase);
  void Put(v1::WorkerMessage message);

  FakeGroup& group_;
  grpc::ClientContext context_;
  const std::unique_ptr<v1::Placement::Stub> stub_;
  v1::DaemonMessage in_;
  std::uint64_t commit_nonce_ = 0;
  std::atomic<bool> welcomed_ = false;
  std::atomic<bool> ended_ = false;  // Nothing more will be read.
  std::mutex mutex_;
  std::deque<v1::WorkerMessage> out_;  // Guarded by mutex_; the first is being written.
  bool done_ = false;
};

// The load stream of one worker.
class FakeReporter final : public grpc::ClientBidiReactor<v1::Counters, v1::Credit> {
 public:
  FakeReporter(const FakeGroup& group, int rank, ReportForm form,
               const std::shared_ptr<grpc::Channel>& channel);
  ~FakeReporter() override;

  // Counters from zero for `plan`, begun after `step`.
  void Restart(const PlanId& plan, std::uint64_t step);
  // Sends counters up to `step`; each count grew by `growth(index)`. False if the last
  // report is still being written: nothing is sent.
  template <typename Growth>
  bool Send(std::uint64_t step, Growth&& growth) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (writing_ || done_) return false;
      writing_ = true;
    }
    auto* words = reinterpret_cast<std::uint32_t*>(message_.mutable_counts()->data());
    const std::size_t count = message_.counts().size() / sizeof(std::uint32_t);
    for (std::size_t i = 0; i < count; ++i) words[i] += growth(i);
    message_.set_sequence(message_.sequence() + 1);
    message_.set_step_last(step);
    StartWrite(&message_);
    return true;
  }
  std::uint64_t taken() const { return taken_; }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status&) override;

 private:
  grpc::ClientContext context_;
  const std::unique_ptr<v1::Load::Stub> stub_;
  v1::Counters message_;
  v1::Credit credit_;
  std::atomic<std::uint64_t> taken_ = 0;
  std::mutex mutex_;
  bool writing_ = false;
  bool done_ = false;
};

// A channel with a connection of its own.
std::shared_ptr<grpc::Channel> OwnChannel(int port);

}  // namespace ballast

#endif  // BALLAST_TESTS_BENCH_DAEMON_FAKE_WORKERS_H_
