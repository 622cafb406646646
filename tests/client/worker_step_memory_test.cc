// Goal: the steps around a switch neither allocate nor free on the engine's thread, whatever
// the size of a plan. Method: this binary's operator new counts; weak pointers tell when the
// old table and plan go.

#include <memory>
#include <optional>
#include <utility>

#include "client/worker/plan_intake.h"
#include "client/worker/switch_point.h"
#include "gtest/gtest.h"
#include "tests/client/worker_idle_loader.h"
#include "tests/client/worker_test_plans.h"
#include "tests/routing/counting_new.h"

namespace ballast {
namespace {

class StepMemoryTest : public testing::Test {
 protected:
  StepMemoryTest()
      : topology_(SmallTopology()),
        intake_(SmallShape(), topology_, RankId(1)),
        point_(*intake_.Make(InitialPlan(SmallShape(), topology_)), {2, 3}, RouterOptions{},
               loader_, std::make_shared<Wakeup>()) {
    point_.OnWelcome(1);
  }

  // All that the connection thread does, up to the permission.
  void Commit(std::uint64_t sequence) {
    const PlanInHand plan = *intake_.Make(ShiftedPlan(SmallShape(), topology_, sequence));
    point_.OnPrepare(1, plan, point_.Look().active.id, 1, std::nullopt);
    point_.TakeNews();
    point_.OnLoaded(plan.id, std::nullopt);
    point_.TakeNews();
    point_.OnCommit(2, plan.id, 1);
    point_.TakeNews();
  }

  const Topology topology_;
  const PlanIntake intake_;
  IdleLoader loader_;
  SwitchPoint point_;
};

TEST_F(StepMemoryTest, NoStepAllocatesAfterTheFirst) {
  point_.BeginStep(1);
  point_.EndStep(1);
  std::uint64_t step = 1;
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    Commit(sequence);
    const long before = NumAllocations();
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(point_.BeginStep(++step), i == 1);
      const VoteWord vote = point_.Vote();
      EXPECT_EQ(point_.OnVote(vote), i == 0 ? VoteResult::kAgreed : VoteResult::kNotReady);
      point_.EndStep(step);
    }
    EXPECT_EQ(NumAllocations(), before) << "plan " << sequence;
  }
}

TEST_F(StepMemoryTest, ADisagreementDoesNotAllocate) {
  point_.BeginStep(1);
  Commit(1);
  const VoteWord other = ReduceVotes(point_.Vote(), MakeVote(123));
  const long before = NumAllocations();
  EXPECT_EQ(point_.OnVote(other), VoteResult::kDisagreed);
  EXPECT_EQ(NumAllocations(), before);
}

TEST_F(StepMemoryTest, TheOldPlanIsFreedByTheConnectionThread) {
  point_.BeginStep(1);
  std::weak_ptr<const PlacementPlan> plan;
  std::weak_ptr<const PlacementTable> table;
  {
    const PlanInHand active = point_.Look().active;
    plan = active.plan;
    table = active.table;
  }
  Commit(1);
  ASSERT_EQ(point_.OnVote(point_.Vote()), VoteResult::kAgreed);
  ASSERT_TRUE(point_.BeginStep(2));
  EXPECT_FALSE(plan.expired());
  EXPECT_FALSE(table.expired());
  point_.TakeNews();
  EXPECT_TRUE(plan.expired());
  EXPECT_TRUE(table.expired());
}

}  // namespace
}  // namespace ballast
