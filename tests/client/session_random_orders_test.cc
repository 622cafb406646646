// Goal: whatever a daemon orders, in whatever order, the engine always serves the weights
// that its table says, and the loader sees no call that weight_loader.h excludes.
// Method: random orders over real gRPC, sound and unsound, a session that breaks now and
// then, while an engine thread steps and checks itself after each switch.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/client/session_fixture.h"

namespace ballast {
namespace {

class Orders {
 public:
  Orders(FakeDaemon& daemon, TestWorker& worker) : daemon_(daemon), worker_(worker) {}

  void SendOne() {
    ++nonce_;
    switch (random_.Below(8)) {
      case 0:
      case 1:
        return Prepare();
      case 2:
      case 3:
        return static_cast<void>(daemon_.SendCommit(OrderOf(Newest(), nonce_)));
      case 4:
        return static_cast<void>(daemon_.SendAbort(OrderOf(AnyPlan(), nonce_)));
      case 5:
        return static_cast<void>(daemon_.SendRetire(OrderOf(AnyPlan(), nonce_)));
      case 6:
        return static_cast<void>(daemon_.SendCommit(OrderOf(AnyPlan(), nonce_)));
      default:
        return Settle();
    }
  }

 private:
  void Prepare() {
    const bool again = !plans_.empty() && random_.Below(4) == 0;
    if (!again) {
      plans_.push_back(RandomPlan(SmallShape(), worker_.topology, plans_.size() + 1, &random_));
    }
    PrepareOrder order = PrepareOf(again ? AnyPlan() : Newest(), nonce_);
    order.base = worker_.session->active();
    if (random_.Below(10) == 0) order.plan.digest[0] ^= 1;
    if (random_.Below(10) == 0) order.base.digest[0] ^= 1;
    if (random_.Below(4) == 0) worker_.loader.Block();
    daemon_.SendPrepare(order);
  }
  // Lets a load come to its end, so that plans get through.
  void Settle() {
    worker_.loader.Release();
    while (worker_.session->status().state == ParticipantState::kCopying) {
      std::this_thread::yield();
    }
  }
  const PlacementPlan& Newest() {
    if (plans_.empty()) plans_.push_back(RandomPlan(SmallShape(), worker_.topology, 1, &random_));
    return plans_.back();
  }
  const PlacementPlan& AnyPlan() {
    Newest();
    return plans_[random_.Below(plans_.size())];
  }

  FakeDaemon& daemon_;
  TestWorker& worker_;
  Random random_{TestSeed()};
  std::vector<PlacementPlan> plans_;
  std::uint64_t nonce_ = 0;
};

// Whether the calls of a loader are a sequence that its header allows.
testing::AssertionResult IsLegal(const std::vector<std::string>& calls) {
  std::string staged;
  std::string active;  // Activated and not retired.
  for (const std::string& call : calls) {
    const std::string name = call.substr(0, call.find(' '));
    const std::string plan = call.substr(call.find(' ') + 1);
    if (name == "stage" && staged.empty() && active.empty()) {
      staged = plan;
    } else if (name == "drop" && !staged.empty()) {
      staged.clear();
    } else if (name == "activate" && !staged.empty()) {
      staged.clear();
      active = plan;
    } else if (name == "retire" && active == plan) {
      active.clear();
    } else {
      return testing::AssertionFailure()
             << call << " after staged '" << staged << "', active '" << active << "'";
    }
  }
  return testing::AssertionSuccess();
}

TEST(SessionRandomOrdersTest, ServeTheWeightsOfTheTableAlways) {
  SCOPED_TRACE(SeedText());
  FakeDaemon daemon;
  TestWorker worker(daemon.address());
  worker.Start();
  ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected));
  std::atomic<bool> stop{false};
  std::atomic<int> switches{0};
  std::thread engine([&] {
    for (std::uint64_t step = 1; !stop.load(); ++step) {
      std::this_thread::yield();
      if (!StepOf({worker.session.get()}, step)) continue;
      ++switches;
      const auto plan = worker.session->active_plan();
      EXPECT_EQ(worker.loader.slots(), worker.loader.OwnExperts(*plan));
      EXPECT_EQ(worker.session->router().table().id(), worker.session->active());
    }
  });
  Orders orders(daemon, worker);
  for (int n = 0; n < 3000; ++n) {
    orders.SendOne();
    if (n % 500 == 499) {
      v1::DaemonMessage unreadable;
      unreadable.mutable_commit()->set_nonce(1);
      const int before = worker.events.count(WorkerEvent::Kind::kConnected);
      if (daemon.Send(unreadable)) {
        ASSERT_TRUE(worker.events.Await(WorkerEvent::Kind::kConnected, before + 1));
      }
    }
  }
  worker.loader.Release();
  stop = true;
  engine.join();
  EXPECT_EQ(worker.loader.slots(), worker.loader.OwnExperts(*worker.session->active_plan()));
  const WorkerStatus status = worker.session->status();
  EXPECT_EQ(status.plans_activated, static_cast<std::uint64_t>(switches.load()));
  EXPECT_GT(switches.load(), 0);
  EXPECT_GT(status.plans_nacked, 0u);
  worker.session.reset();
  EXPECT_TRUE(IsLegal(worker.loader.calls()));
}

}  // namespace
}  // namespace ballast
