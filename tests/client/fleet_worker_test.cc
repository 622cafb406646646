// Goal: a rank of the fleet serves, and what must never happen is noticed at once.
// Method: real workers in threads, without a daemon; in some tests the last rank is played
// by the test, which then breaks the rules.
#include "client/fleet/fleet_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "client/worker/plan_intake.h"
#include "core/base/fingerprint.h"
#include "core/model/placement_plan.h"
#include "tests/client/fleet_test_shapes.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;

constexpr int kRanks = 4;

class FleetWorkerTest : public ::testing::Test {
 protected:
  FleetWorkerTest()
      : options_(Options()),
        setup_(*SetUpFleet(options_)),
        region_(FleetTestRegion(std::size_t{1} << 24)),
        lockstep_(region_.Take<Lockstep::State>(1).front(), kRanks),
        exchange_({2, setup_.topology.num_slots(), kRanks}, region_),
        board_(kRanks, region_),
        weights_(2, setup_.topology, region_),
        plans_(2, setup_.topology, region_),
        plan_(InitialPlan(setup_.shape, setup_.topology)) {
    weights_.LoadAll(plan_);
  }

  static FleetOptions Options() {
    FleetOptions options;
    options.daemon = "127.0.0.1:1";  // The first of the reserved ports: nobody listens.
    options.trace = "synthetic";
    options.num_layers = 2;
    options.num_ranks = kRanks;
    options.row_size = 2;
    options.slots_per_rank = 70;
    options.step_ms = 0;
    options.num_steps = 5;
    options.seed = FleetTestSeed();
    return options;
  }

  // Runs `num_real` workers next to `played`, the part of the test. Their exit statuses.
  std::vector<int> Serve(
      int num_real, const std::function<void()>& played = [] {}) {
    const FleetLinks links = {options_, setup_,   lockstep_, exchange_,
                              board_,   weights_, plans_,    on_start_};
    std::vector<int> statuses(num_real, -1);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < num_real; ++rank) {
      threads.emplace_back([&, rank] { statuses[rank] = RunFleetWorker(links, RankId(rank)); });
    }
    played();
    for (std::thread& thread : threads) thread.join();
    return statuses;
  }

  // Rank 2 routes by the table of `plan`, whatever its session serves.
  void RouteBy(const PlacementPlan& plan) {
    on_start_ = [this, plan](RankId rank, WorkerSession& session) {
      if (rank != RankId(2)) return;
      const PlanIntake intake(setup_.shape, setup_.topology, rank);
      session.tables().Install(intake.Make(plan)->table);
    };
  }

  std::uint64_t InitialPrefix() const { return DigestPrefix(PlanDigest(setup_.shape, plan_)); }

  std::string Reason() const {
    return lockstep_.failure().has_value() ? lockstep_.failure()->reason : "";
  }

  FleetOptions options_;
  FleetSetup setup_;
  SharedRegion region_;
  Lockstep lockstep_;
  StepExchange exchange_;
  FleetBoard board_;
  WeightMemory weights_;
  PlanBoard plans_;
  PlacementPlan plan_;
  std::function<void(RankId, WorkerSession&)> on_start_;
};

TEST_F(FleetWorkerTest, RecordsEveryStepOnce) {
  EXPECT_THAT(Serve(kRanks), ::testing::Each(0));
  EXPECT_EQ(Reason(), "");
  const std::vector<StepRecord> records = board_.TakeAll();
  ASSERT_EQ(records.size(), 5u);
  for (std::uint64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(records[i].step, i + 1);
    EXPECT_EQ(records[i].plan, PlanVersion{});
    EXPECT_EQ(records[i].digest_prefix, InitialPrefix());
    EXPECT_GT(records[i].imbalance_after, 1.0);
    // On the initial plan the shadow and the served routing are one.
    EXPECT_EQ(records[i].imbalance_after, records[i].imbalance_before);
  }
}

TEST_F(FleetWorkerTest, EveryPickArrivesSomewhere) {
  options_.num_steps = 1;
  EXPECT_THAT(Serve(kRanks), ::testing::Each(0));
  for (int layer = 0; layer < 2; ++layer) {
    std::uint64_t received = 0;
    for (int rank = 0; rank < kRanks; ++rank) {
      received += exchange_.Received(1, RankId(rank))[layer];
    }
    EXPECT_EQ(received, static_cast<std::uint64_t>(setup_.num_request_slots) * 8);
  }
}

TEST_F(FleetWorkerTest, StopsAfterTheStepInWhichTheParentAsksForIt) {
  options_.num_steps = 0;
  board_.RequestStop();
  EXPECT_THAT(Serve(kRanks), ::testing::Each(0));
  EXPECT_EQ(board_.TakeAll().size(), 1u);
}

TEST_F(FleetWorkerTest, NoticesASlotThatHoldsAnotherExpertThanItIsRoutedAs) {
  weights_.slot(LayerId(1), SlotId(75)) = WeightMemory::BlockOf(LayerId(1), ExpertId(9));
  EXPECT_THAT(Serve(kRanks), ::testing::Contains(1));
  EXPECT_EQ(lockstep_.failure()->rank, 1);
  EXPECT_THAT(Reason(), HasSubstr("step 1, layer 1, slot 75: holds expert 9, is routed as 75"));
}

TEST_F(FleetWorkerTest, NoticesTwoPlansInOneStep) {
  const auto statuses = Serve(kRanks - 1, [this] {
    exchange_.Word(1, RankId(3)).digest_prefix = 0xabc;
    lockstep_.Arrive(RankId(3));
  });
  EXPECT_THAT(statuses, ::testing::Each(1));
  EXPECT_THAT(Reason(), HasSubstr("step 1: two plans in one step"));
  EXPECT_THAT(Reason(), HasSubstr("rank 3 by abc"));
}

TEST_F(FleetWorkerTest, NoticesATableThatIsNotOfTheActivePlan) {
  PlacementPlan other = plan_;
  // In layer 0, which begins here; these experts have one slot each.
  std::reverse(other.expert_in_slot.begin() + 24, other.expert_in_slot.begin() + 256);
  RouteBy(other);
  EXPECT_THAT(Serve(kRanks), ::testing::Contains(1));
  EXPECT_EQ(lockstep_.failure()->rank, 2);
  EXPECT_THAT(Reason(), HasSubstr("step 1, layer 0, slot "));
  EXPECT_THAT(Reason(), HasSubstr("by the active plan"));
}

TEST_F(FleetWorkerTest, NoticesATableOfOtherShares) {
  PlacementPlan other = plan_;
  --other.share[0];  // Slots 0 and 256 hold expert 0.
  ++other.share[256];
  RouteBy(other);
  EXPECT_THAT(Serve(kRanks), ::testing::Contains(1));
  EXPECT_THAT(Reason(), HasSubstr("step 1: two plans in one step"));
  EXPECT_THAT(Reason(), HasSubstr("rank 2 by "));
}

TEST_F(FleetWorkerTest, NoticesPicksThatGetLost) {
  const auto statuses = Serve(kRanks - 1, [this] {
    for (std::uint64_t step = 1; step <= 2; ++step) {
      exchange_.Word(step, RankId(3)).digest_prefix = InitialPrefix();
      exchange_.ShadowOutbox(step, RankId(3))[0] = 40;  // Sent by the shadow only.
      if (!lockstep_.Arrive(RankId(3))) return;
    }
  });
  EXPECT_THAT(statuses, ::testing::Contains(1));
  EXPECT_THAT(Reason(), HasSubstr("step 1, layer 0"));
  EXPECT_THAT(Reason(), HasSubstr("were sent by the initial plan"));
}

TEST_F(FleetWorkerTest, SaysWhyItCouldNotStart) {
  options_.ep_group = "";
  EXPECT_THAT(Serve(kRanks), ::testing::Each(1));
  EXPECT_THAT(Reason(), HasSubstr("ep_group"));
}

}  // namespace
}  // namespace ballast
