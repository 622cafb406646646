#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/worker/loader_thread.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/base/patience.h"
#include "tests/client/worker_fake_loader.h"
#include "tests/client/worker_test_plans.h"

namespace ballast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Duration kPatience = Patience(absl::Seconds(60));

class LoaderThreadTest : public testing::Test {
 protected:
  LoaderThreadTest()
      : topology_(SmallTopology()),
        loader_(topology_, RankId(0), InitialPlan(SmallShape(), topology_)),
        wakeup_(std::make_shared<Wakeup>()),
        thread_(std::make_unique<LoaderThread>(loader_, wakeup_)) {}

  static PlanId Id(std::uint64_t sequence) { return {{1, sequence}, {}}; }
  static StageRequest Request(std::uint64_t sequence) { return {Id(sequence), 0, {}}; }

  // Waits for the next completion.
  LoaderThread::Completion Await() {
    const absl::Duration deadline = RealClock().Uptime() + kPatience;
    for (;;) {
      if (auto done = thread_->TakeCompletion(); done.has_value()) return *done;
      if (RealClock().Uptime() > deadline) {
        ADD_FAILURE() << "no completion";
        return {};
      }
      wakeup_->Wait(RealClock(), deadline);
    }
  }

  const Topology topology_;
  FakeLoader loader_;
  std::shared_ptr<Wakeup> wakeup_;
  std::unique_ptr<LoaderThread> thread_;
};

TEST_F(LoaderThreadTest, ReportsALoadUnderItsPlan) {
  thread_->Stage(Request(7));
  const auto done = Await();
  EXPECT_EQ(done.plan, Id(7));
  EXPECT_FALSE(done.fault.has_value());
  EXPECT_EQ(thread_->progress_bytes(), 200u);
}

TEST_F(LoaderThreadTest, DropsAPlanThatFailedToLoadAndReportsWhy) {
  loader_.FailWith(Nack{NackCode::kCanaryFailed, "layer 1"});
  thread_->Stage(Request(1));
  const auto done = Await();
  ASSERT_TRUE(done.fault.has_value());
  EXPECT_EQ(done.fault->code, NackCode::kCanaryFailed);
  thread_.reset();
  EXPECT_THAT(loader_.calls(), ElementsAre("stage 1", "drop 1"));
}

TEST_F(LoaderThreadTest, DropsACancelledLoadAndKeepsSilentAboutIt) {
  loader_.Block();
  thread_->Stage(Request(1));
  ASSERT_TRUE(loader_.AwaitCall("stage 1", kPatience));
  thread_->Drop();
  thread_->Stage(Request(2));
  loader_.Release();
  EXPECT_EQ(Await().plan, Id(2));
  EXPECT_THAT(loader_.calls(), ElementsAre("stage 1", "drop 1", "stage 2"));
}

TEST_F(LoaderThreadTest, ReplacesALoadThatHasNotBegun) {
  loader_.Block();
  thread_->Stage(Request(1));
  ASSERT_TRUE(loader_.AwaitCall("stage 1", kPatience));
  for (std::uint64_t n = 2; n <= 50; ++n) {
    thread_->Drop();
    thread_->Stage(Request(n));
  }
  loader_.Release();
  EXPECT_EQ(Await().plan, Id(50));
  EXPECT_EQ(loader_.calls().back(), "stage 50");
  EXPECT_LE(loader_.calls().size(), 5u);
}

TEST_F(LoaderThreadTest, RetiresAnActivatedPlanBeforeItStagesTheNext) {
  thread_->Stage(Request(1));
  Await();
  thread_->OnActivated(Id(1));
  thread_->Stage(Request(2));
  Await();
  EXPECT_THAT(loader_.calls(), ElementsAre("stage 1", "retire 1", "stage 2"));
}

TEST_F(LoaderThreadTest, RetiresAnActivatedPlanOnce) {
  thread_->Stage(Request(1));
  Await();
  thread_->OnActivated(Id(1));
  thread_->Retire(Id(1));
  ASSERT_TRUE(loader_.AwaitCall("retire 1", kPatience));
  thread_->Retire(Id(1));
  thread_->Stage(Request(2));
  Await();
  EXPECT_THAT(loader_.calls(), ElementsAre("stage 1", "retire 1", "stage 2"));
}

TEST_F(LoaderThreadTest, DropsAPlanThatWasStagedButNeverActivated) {
  thread_->Stage(Request(1));
  Await();
  thread_.reset();
  EXPECT_THAT(loader_.calls(), ElementsAre("stage 1", "drop 1"));
}

TEST_F(LoaderThreadTest, RetiresAnActivePlanAtTheEndAndDoesNotDropIt) {
  thread_->Stage(Request(1));
  Await();
  thread_->OnActivated(Id(1));
  thread_.reset();
  EXPECT_THAT(loader_.calls(), ElementsAre("stage 1", "retire 1"));
}

TEST_F(LoaderThreadTest, RetiresNoPlanTwiceAtTheEnd) {
  thread_->Stage(Request(1));
  Await();
  thread_->OnActivated(Id(1));
  thread_->Retire(Id(1));
  ASSERT_TRUE(loader_.AwaitCall("retire 1", kPatience));
  thread_.reset();
  EXPECT_THAT(loader_.calls(), ElementsAre("stage 1", "retire 1"));
}

TEST_F(LoaderThreadTest, EndsWhileALoadIsStuck) {
  loader_.Block();
  thread_->Stage(Request(1));
  ASSERT_TRUE(loader_.AwaitCall("stage 1", kPatience));
  thread_.reset();
  EXPECT_THAT(loader_.calls(), ElementsAre("stage 1", "drop 1"));
}

TEST_F(LoaderThreadTest, EndsWithoutWork) {
  thread_.reset();
  EXPECT_THAT(loader_.calls(), IsEmpty());
}

}  // namespace
}  // namespace ballast
