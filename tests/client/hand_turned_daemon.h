#ifndef BALLAST_TESTS_CLIENT_HAND_TURNED_DAEMON_H_
#define BALLAST_TESTS_CLIENT_HAND_TURNED_DAEMON_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/simulated_clock.h"
#include "core/store/in_memory_plan_store.h"
#include "daemon/admin/query_service.h"
#include "daemon/control/control_loop.h"
#include "daemon/control/group_directory.h"
#include "daemon/control/rollout_loop.h"
#include "tests/daemon/fake_group.h"

namespace ballast {

// One EP group whose loops are turned by hand, with workers that do what they are told.
class HandTurnedGroup {
 public:
  using Kind = SessionEvent::Kind;

  HandTurnedGroup(GroupConfig config, PlanStore& store, SimulatedClock& clock, std::uint64_t term)
      : config_(std::move(config)),
        links_(config_.topology.num_ranks()),
        counters_(config_.topology.num_ranks()) {
    std::string ignored;
    const RolloutStart start = *RecoverGroup(config_, store, term, &ignored);
    rollout_ = std::make_unique<RolloutLoop>(RolloutLoop::Parts{config_, store, observer_, clock},
                                             start, term);
    control_ = std::make_unique<ControlLoop>(config_, *rollout_, observer_, clock);
    active_ = start.decided;
  }

  GroupHandle handle() { return {GroupConfigView(live_), control_.get(), rollout_.get()}; }
  int num_ranks() const { return static_cast<int>(links_.size()); }

  void Connect(int rank) {
    links_[rank] = std::make_shared<RecordingLink>();
    SessionEvent event = EventOf(rank, Kind::kHello);
    event.hello.rank = RankId(rank);
    event.hello.incarnation = 0xa0b0u + static_cast<std::uint64_t>(rank);
    event.hello.active = active_;
    Submit(std::move(event));
  }

  void Disconnect(int rank) { Submit(EventOf(rank, Kind::kDisconnect)); }

  // A Hello in the name of the rank that does not match.
  void Refuse(int rank, const std::string& reason) {
    rollout_->Refuse(RankId(rank), reason);
    Turn();
  }

  // The rank answers what it was sent last.
  void Answer(int rank, Kind kind, Nack nack = {}) {
    SessionEvent event = EventOf(rank, kind);
    ASSERT_FALSE(links_[rank]->sent.empty());
    event.nonce = links_[rank]->sent.back().nonce;
    event.plan = links_[rank]->sent.back().plan;
    event.nack = std::move(nack);
    event.step = step_;
    Submit(std::move(event));
  }

  void AnswerAll(Kind kind) {
    for (int rank = 0; rank < num_ranks(); ++rank) Answer(rank, kind);
  }

  // What is on its way becomes active everywhere.
  void Switch() {
    for (const Kind kind : {Kind::kPrepared, Kind::kHeld, Kind::kActive, Kind::kRetired}) {
      AnswerAll(kind);
    }
    active_ = rollout_->Facts().decided;
    for (std::vector<std::uint64_t>& counters : counters_) counters.clear();
  }

  void Heartbeat() {
    for (int rank = 0; rank < num_ranks(); ++rank) {
      if (links_[rank] == nullptr) continue;
      SessionEvent event = EventOf(rank, Kind::kHeartbeat);
      event.plan = active_;
      event.step = step_;
      Submit(std::move(event));
    }
  }

  // Two batches up to step `step`, in which the slots of each rank receive `picks`.
  void Report(std::uint64_t step, const std::vector<std::vector<std::uint64_t>>& picks) {
    for (int batch = 1; batch <= 2; ++batch) {
      ++sequence_;
      step_ = step + static_cast<std::uint64_t>(batch);
      for (int rank = 0; rank < num_ranks(); ++rank) {
        LoadReport report;
        report.rank = RankId(rank);
        report.incarnation = 7;
        report.sequence = sequence_;
        report.plan = rollout_->Facts().decided;
        report.step_first = 1;
        report.step_last = step_;
        counters_[rank].resize(picks[rank].size());
        for (std::size_t i = 0; i < picks[rank].size(); ++i) counters_[rank][i] += picks[rank][i];
        report.counts = counters_[rank];
        ASSERT_TRUE(control_->Submit(std::move(report)));
      }
      Turn();
    }
  }

  void Turn() {
    control_->RunOnceForTest();
    rollout_->RunOnceForTest();
  }

 private:
  SessionEvent EventOf(int rank, Kind kind) {
    SessionEvent event;
    event.rank = RankId(rank);
    event.kind = kind;
    event.link = links_[rank];
    return event;
  }

  void Submit(SessionEvent event) {
    rollout_->Submit(std::move(event));
    rollout_->RunOnceForTest();
  }

  const GroupConfig config_;
  const LiveGroupConfig live_{config_};
  RecordingObserver observer_;
  std::vector<std::shared_ptr<RecordingLink>> links_;
  std::unique_ptr<RolloutLoop> rollout_;
  std::unique_ptr<ControlLoop> control_;
  PlanId active_;
  std::vector<std::vector<std::uint64_t>> counters_;  // [num_ranks][slots], under active_.
  std::uint64_t sequence_ = 0;
  std::uint64_t step_ = 0;
};

// The query service of a daemon "ballastd-0" of term 7 that is 3 days and 4 hours old, on a
// free port of loopback. Its clock stands still: decode0 has 4 ranks, of which all are there
// and have switched to plan 7.1; prefill0 has 2, one of which is missing.
class HandTurnedDaemon {
 public:
  HandTurnedDaemon() : clock_(absl::FromUnixSeconds(1767225600)) {  // 2026-01-01 00:00 UTC
    for (int i = 0; i < 7; ++i) term_ = *store_.BeginTerm();
    decode_ = std::make_unique<HandTurnedGroup>(Decode(), store_, clock_, term_);
    prefill_ = std::make_unique<HandTurnedGroup>(Prefill(), store_, clock_, term_);
    groups_ = std::make_unique<GroupDirectory>(
        std::vector<GroupHandle>{decode_->handle(), prefill_->handle()});
    Play();
    service_ = MakeQueryService(parts());
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  QueryServiceParts parts() {
    return {*groups_, store_, clock_, term_, "ballastd-0", absl::ZeroDuration()};
  }
  const std::string& address() const { return address_; }
  HandTurnedGroup& decode() { return *decode_; }
  HandTurnedGroup& prefill() { return *prefill_; }
  const GroupDirectory& groups() const { return *groups_; }
  InMemoryPlanStore& store() { return store_; }
  SimulatedClock& clock() { return clock_; }
  void Stop() { server_->Shutdown(); }

  // Time passes, and those who are there say that they live.
  void Advance(absl::Duration time) {
    clock_.Advance(time);
    decode_->Heartbeat();
    prefill_->Heartbeat();
  }

  // A plan for decode0, which its ranks begin to load. So few picks are not called implausible.
  void SolveAgain() { decode_->Report(2000, {{1, 1}, {1, 1}, {400, 350}, {1, 1}}); }

 private:
  static GroupConfig Decode() {
    GroupConfig config = SmallGroup();
    config.name = "decode0";
    config.policy.solve_every_steps = 1000;
    return config;
  }

  static GroupConfig Prefill() {
    GroupConfig config = Decode();
    config.name = "prefill0";
    config.topology = *Topology::Uniform(2, 2, 3);
    return config;
  }

  void Play() {
    clock_.Advance(absl::Hours(76) - absl::Minutes(11));
    for (int rank = 0; rank < 4; ++rank) decode_->Connect(rank);
    prefill_->Connect(0);
    decode_->Report(1000, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
    decode_->Switch();
    Advance(absl::Minutes(11) - absl::Seconds(1));
    decode_->Report(1010, {{60, 50}, {50, 50}, {50, 50}, {50, 50}});
    prefill_->Turn();
    Advance(absl::Seconds(1));
  }

  SimulatedClock clock_;
  InMemoryPlanStore store_;
  std::uint64_t term_ = 0;
  std::unique_ptr<HandTurnedGroup> decode_;
  std::unique_ptr<HandTurnedGroup> prefill_;
  std::unique_ptr<GroupDirectory> groups_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_CLIENT_HAND_TURNED_DAEMON_H_
