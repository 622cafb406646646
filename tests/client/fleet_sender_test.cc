#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "client/fleet/sender.h"
#include "client/worker/plan_intake.h"
#include "core/base/random.h"
#include "tests/client/fleet_test_shapes.h"

namespace ballast {
namespace {

class SenderTest : public ::testing::Test {
 protected:
  SenderTest() {
    const PlanIntake intake(shape_, topology_, RankId(1));
    cell_.Install(intake.Make(plan_)->table);
    router_ = std::make_unique<ReplicaRouter>(cell_, RouterOptions{});
    router_->BeginStep();
    Random random(FleetTestSeed());
    for (std::uint16_t token = 0; token < 20; ++token) {
      tokens_.request_slot.push_back(token);
      for (int pick = 0; pick < 6; ++pick) {
        tokens_.experts.push_back(static_cast<std::uint16_t>(random.Below(8)));
      }
    }
  }

  const ModelShape shape_ = FleetTestShape();
  const Topology topology_ = FleetTestTopology();
  const PlacementPlan plan_ = InitialPlan(shape_, topology_);
  TableCell cell_;
  std::unique_ptr<ReplicaRouter> router_;
  TraceStep tokens_;
};

TEST_F(SenderTest, SendsEveryPickToASlotOfItsExpert) {
  Sender sender(shape_, topology_);
  std::vector<std::uint32_t> picks(3 * 12, 999);
  EXPECT_TRUE(sender.Send(tokens_, *router_, plan_, absl::MakeSpan(picks)).ok());
  for (int layer = 0; layer < 3; ++layer) {
    std::vector<std::uint32_t> sent(8), wanted(8);
    for (int slot = 0; slot < 12; ++slot) {
      sent[plan_.experts(LayerId(layer))[slot].value] += picks[layer * 12 + slot];
    }
    for (int token = 0; token < 20; ++token) {
      for (int k = 0; k < 2; ++k) ++wanted[tokens_.experts[token * 6 + layer * 2 + k]];
    }
    EXPECT_EQ(sent, wanted) << "layer " << layer;
  }
}

TEST_F(SenderTest, PicksPerRankAreTheSumsOverItsSlots) {
  Sender sender(shape_, topology_);
  std::vector<std::uint32_t> per_slot(3 * 12);
  std::vector<std::uint32_t> per_rank(3 * 4, 999);
  EXPECT_TRUE(sender.Send(tokens_, *router_, plan_, absl::MakeSpan(per_slot)).ok());
  sender.SendToRanks(tokens_, *router_, absl::MakeSpan(per_rank));
  for (int layer = 0; layer < 3; ++layer) {
    for (int rank = 0; rank < 4; ++rank) {
      const auto first = per_slot.begin() + layer * 12 + rank * 3;
      EXPECT_EQ(per_rank[layer * 4 + rank], std::accumulate(first, first + 3, 0u));
    }
  }
}

TEST_F(SenderTest, AStepWithoutTokensSendsNothing) {
  Sender sender(shape_, topology_);
  std::vector<std::uint32_t> picks(3 * 12, 999);
  EXPECT_TRUE(sender.Send(TraceStep(), *router_, plan_, absl::MakeSpan(picks)).ok());
  EXPECT_THAT(picks, ::testing::Each(0u));
}

TEST_F(SenderTest, NoticesAPickForASlotThatHoldsAnotherExpertByThePlan) {
  Sender sender(shape_, topology_);
  PlacementPlan served = plan_;
  std::swap(served.expert_in_slot[1 * 12 + 2], served.expert_in_slot[1 * 12 + 3]);
  std::vector<std::uint32_t> picks(3 * 12);
  const absl::Status status = sender.Send(tokens_, *router_, served, absl::MakeSpan(picks));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()),
              ::testing::AnyOf(
                  "layer 1, slot 2: is routed as expert 2, holds expert 3 by the active plan",
                  "layer 1, slot 3: is routed as expert 3, holds expert 2 by the active plan"));
}

}  // namespace
}  // namespace ballast
