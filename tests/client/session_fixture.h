#ifndef BALLAST_TESTS_CLIENT_SESSION_FIXTURE_H_
#define BALLAST_TESTS_CLIENT_SESSION_FIXTURE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "client/worker/worker_session.h"
#include "core/base/clock.h"
#include "gtest/gtest.h"
#include "tests/client/session_fake_daemon.h"
#include "tests/client/worker_fake_loader.h"
#include "tests/client/worker_test_plans.h"

namespace ballast {

// Collects the events of a session. Thread-safe.
class EventLog {
 public:
  std::function<void(const WorkerEvent&)> Recorder() {
    return [this](const WorkerEvent& event) {
      absl::MutexLock lock(&mutex_);
      events_.push_back(event);
    };
  }
  // Waits until `count` events of this kind came; false after kPatience.
  bool Await(WorkerEvent::Kind kind, int count = 1) {
    absl::MutexLock lock(&mutex_);
    const auto came = [&] { return Count(kind) >= count; };
    return RealClock().WaitUntil(mutex_, absl::Condition(&came), RealClock().Uptime() + kPatience);
  }
  int count(WorkerEvent::Kind kind) {
    absl::MutexLock lock(&mutex_);
    return Count(kind);
  }
  // The detail of the newest event of this kind; empty if there is none.
  std::string detail(WorkerEvent::Kind kind) {
    absl::MutexLock lock(&mutex_);
    std::string detail;
    for (const WorkerEvent& event : events_) {
      if (event.kind == kind) detail = event.detail;
    }
    return detail;
  }

 private:
  int Count(WorkerEvent::Kind kind) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    int count = 0;
    for (const WorkerEvent& event : events_) count += event.kind == kind ? 1 : 0;
    return count;
  }

  absl::Mutex mutex_;
  std::vector<WorkerEvent> events_ ABSL_GUARDED_BY(mutex_);
};

// A worker of the small fleet: its loader, its events, its session.
struct TestWorker {
  explicit TestWorker(const std::string& address, RankId rank = RankId(1))
      : topology(SmallTopology()), loader(topology, rank, InitialPlan(SmallShape(), topology)) {
    options.daemon_address = address;
    options.ep_group = "main";
    options.rank = rank;
    options.shape = SmallShape();
    options.reconnect_base = absl::Milliseconds(5);
    options.reconnect_cap = absl::Milliseconds(20);
    options.on_event = events.Recorder();
    options.seed = TestSeed() + static_cast<std::uint64_t>(rank.value);
  }
  void Start() {
    auto created = WorkerSession::Create(options, topology, loader);
    ASSERT_TRUE(created.ok()) << created.status();
    session = *std::move(created);
  }

  const Topology topology;
  FakeLoader loader;
  EventLog events;
  WorkerOptions options;
  std::unique_ptr<WorkerSession> session;
};

inline PlanId InitialId() {
  return PlanIdOf(SmallShape(), InitialPlan(SmallShape(), SmallTopology()));
}

// An order to load `plan` on top of the initial one.
inline PrepareOrder PrepareOf(const PlacementPlan& plan, std::uint64_t nonce) {
  PrepareOrder order;
  order.nonce = nonce;
  order.term = 1;
  order.plan = PlanIdOf(SmallShape(), plan);
  order.base = InitialId();
  order.placement = plan;
  return order;
}

inline PlanOrder OrderOf(const PlacementPlan& plan, std::uint64_t nonce) {
  return {nonce, 1, PlanIdOf(SmallShape(), plan), ""};
}

// One step of an engine whose ranks are `workers`; true if all of them switched.
inline bool StepOf(const std::vector<WorkerSession*>& workers, std::uint64_t step) {
  bool switched = true;
  VoteWord reduced{~std::uint64_t{0}, ~std::uint64_t{0}};
  for (WorkerSession* worker : workers) switched = worker->BeginStep(step) && switched;
  for (WorkerSession* worker : workers) reduced = ReduceVotes(reduced, worker->Vote());
  for (WorkerSession* worker : workers) {
    worker->OnVote(reduced);
    worker->counters().Add(LayerId(0), 0, 3);
    worker->EndStep(step);
  }
  return switched;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_CLIENT_SESSION_FIXTURE_H_
