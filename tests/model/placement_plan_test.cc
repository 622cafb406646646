#include "core/model/placement_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/fingerprint.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const ModelShape kShape{.num_layers = 2, .num_experts = 4};

// Three ranks with 2, 3 and 1 slots.
Topology Uneven() {
  return Topology::Create({{.row = RowId(0), .num_slots = 2},
                           {.row = RowId(0), .num_slots = 3},
                           {.row = RowId(1), .num_slots = 1}})
      .value();
}

std::vector<int> Experts(const PlacementPlan& plan, int layer) {
  std::vector<int> experts;
  for (ExpertId expert : plan.experts(LayerId(layer))) experts.push_back(expert.value);
  return experts;
}

TEST(InitialPlanTest, PutsExpertsInSlotsInTurnWithVersionZero) {
  const PlacementPlan plan = InitialPlan(kShape, Uneven());
  EXPECT_EQ(plan.version, PlanVersion());
  EXPECT_EQ(plan.num_layers(), 2);
  EXPECT_EQ(plan.num_slots, 6);
  for (int layer : {0, 1}) EXPECT_THAT(Experts(plan, layer), ElementsAre(0, 1, 2, 3, 0, 1));
  EXPECT_THAT(plan.shares(LayerId(1)), ElementsAre(32768, 32768, 65535, 65535, 32767, 32767));
  EXPECT_EQ(CheckPlan(kShape, Uneven(), plan), absl::OkStatus());
}

TEST(InitialPlanTest, NeedsASlotForEveryExpert) {
  EXPECT_DEATH(InitialPlan({.num_layers = 1, .num_experts = 7}, Uneven()), "check failed");
}

TEST(SetEqualSharesTest, SumsToTheWholeForAnyNumberOfReplicas) {
  for (int replicas = 1; replicas <= 300; ++replicas) {
    const ModelShape shape{.num_layers = 1, .num_experts = 2};
    PlacementPlan plan;
    plan.num_slots = replicas + 1;
    plan.expert_in_slot.assign(plan.num_slots, ExpertId(1));
    plan.expert_in_slot[0] = ExpertId(0);
    SetEqualShares(shape, plan);
    int sum = 0;
    for (int slot = 1; slot <= replicas; ++slot) {
      sum += plan.share[slot];
      ASSERT_LE(plan.share[1] - plan.share[slot], 1);
      ASSERT_GE(plan.share[slot - (slot > 1 ? 1 : 0)], plan.share[slot]);
    }
    ASSERT_EQ(sum, kWholeShare) << replicas << " replicas";
    ASSERT_EQ(plan.share[0], kWholeShare);
  }
}

TEST(SetEqualSharesTest, KeepsAllElse) {
  PlacementPlan plan = InitialPlan(kShape, Uneven());
  plan.version = {.term = 1, .sequence = 2};
  PlacementPlan changed = plan;
  changed.share.clear();
  SetEqualShares(kShape, changed);
  EXPECT_EQ(changed, plan);
}

TEST(CheckPlanTest, RefusesAPlanForAnotherFleet) {
  PlacementPlan plan = InitialPlan(kShape, Uneven());
  const absl::Status status = CheckPlan(kShape, Topology::Uniform(3, 3, 2).value(), plan);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("plan is for topology"));
}

TEST(CheckPlanTest, RefusesAPlanThatCanNotBeServedAndNamesThePlace) {
  struct Case {
    std::function<void(PlacementPlan&)> spoil;
    std::string message;
  };
  const Case cases[] = {
      {[](PlacementPlan& p) { p.num_slots = 5; }, "plan has 5 slots a layer, the fleet has 6"},
      {[](PlacementPlan& p) { p.expert_in_slot.pop_back(); },
       "plan has 11 slots and 12 shares, 2 layers need 12"},
      {[](PlacementPlan& p) { p.share.push_back(0); }, "plan has 12 slots and 13 shares"},
      {[](PlacementPlan& p) { p.expert_in_slot[8] = ExpertId(4); },
       "layer 1, slot 2: expert 4 out of [0, 4)"},
      {[](PlacementPlan& p) { p.expert_in_slot[0] = ExpertId(); },
       "layer 0, slot 0: expert -1 out of [0, 4)"},
      {[](PlacementPlan& p) { p.expert_in_slot[9] = ExpertId(0); },
       "layer 1: expert 3 has no replica"},
      {[](PlacementPlan& p) { --p.share[6]; },
       "layer 1: shares of expert 0 sum to 65534, not 65535"},
  };
  for (const Case& bad : cases) {
    PlacementPlan plan = InitialPlan(kShape, Uneven());
    bad.spoil(plan);
    if (bad.message.find("has no replica") != std::string::npos) SetEqualShares(kShape, plan);
    const absl::Status status = CheckPlan(kShape, Uneven(), plan);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message));
  }
}

TEST(CheckPlanTest, TakesUnequalSharesSomeOfThemZero) {
  PlacementPlan plan = InitialPlan(kShape, Uneven());
  plan.share[0] = 0;
  plan.share[4] = kWholeShare;
  EXPECT_EQ(CheckPlan(kShape, Uneven(), plan), absl::OkStatus());
}

TEST(CountWastedSlotsTest, CountsFurtherReplicasOnOneRank) {
  PlacementPlan plan = InitialPlan(kShape, Uneven());
  EXPECT_THAT(CountWastedSlots(Uneven(), plan), ElementsAre(0, 0));
  // Layer 1: rank 1 holds expert 2 three times; rank 0 and rank 2 share expert 1 harmlessly.
  for (int slot : {2, 3, 4}) plan.expert_in_slot[6 + slot] = ExpertId(2);
  EXPECT_THAT(CountWastedSlots(Uneven(), plan), ElementsAre(0, 2));
}

TEST(PlanDigestTest, DependsOnEveryFieldThatRoutesAndOnNothingElse) {
  const PlacementPlan plan = InitialPlan(kShape, Uneven());
  std::set<Digest> digests = {PlanDigest(kShape, plan)};
  PlacementPlan other = plan;
  other.expert_in_slot[11] = ExpertId(0);
  digests.insert(PlanDigest(kShape, other));
  other = plan;
  ++other.share[11];
  digests.insert(PlanDigest(kShape, other));
  other = plan;
  ++other.topology_fingerprint;
  digests.insert(PlanDigest(kShape, other));
  other = plan;
  other.num_slots = 3;
  digests.insert(PlanDigest(kShape, other));
  ModelShape shape = kShape;
  shape.num_experts = 5;
  digests.insert(PlanDigest(shape, plan));
  shape = kShape;
  shape.num_layers = 4;
  digests.insert(PlanDigest(shape, plan));
  EXPECT_EQ(digests.size(), 7);
}

TEST(PlanDigestTest, DoesNotDependOnTheVersion) {
  PlacementPlan plan = InitialPlan(kShape, Uneven());
  const Digest digest = PlanDigest(kShape, plan);
  plan.version = {.term = 3, .sequence = 9};
  EXPECT_EQ(PlanDigest(kShape, plan), digest);
  EXPECT_EQ(PlanIdOf(kShape, plan), (PlanId{plan.version, digest}));
}

// Stored plans are compared with it, so it may not change from release to release.
TEST(PlanDigestTest, IsTheOneOfTheFirstRelease) {
  const PlacementPlan plan = InitialPlan(kShape, Topology::Uniform(2, 1, 3).value());
  EXPECT_EQ(DigestHex(PlanDigest(kShape, plan)),
            "ae70e2bc6b199280008718ca15b99157e25b28da6df9aa6002c895e9c0edee77");
}

TEST(DiffTest, ListsChangedSlotsByLayerThenSlot) {
  const PlacementPlan from = InitialPlan(kShape, Uneven());
  PlacementPlan to = from;
  to.expert_in_slot[7] = ExpertId(3);
  to.expert_in_slot[4] = ExpertId(2);
  to.expert_in_slot[6] = ExpertId(1);
  const std::vector<SlotChange> changes = Diff(from, to);
  EXPECT_THAT(changes, ElementsAre(SlotChange{LayerId(0), SlotId(4), ExpertId(0), ExpertId(2)},
                                   SlotChange{LayerId(1), SlotId(0), ExpertId(0), ExpertId(1)},
                                   SlotChange{LayerId(1), SlotId(1), ExpertId(1), ExpertId(3)}));
  EXPECT_EQ(MaxChangesOnOneRank(Uneven(), changes), 2);
}

TEST(DiffTest, IsEmptyForEqualExpertsWhateverTheShares) {
  const PlacementPlan plan = InitialPlan(kShape, Uneven());
  PlacementPlan reweighted = plan;
  reweighted.share[0] = 0;
  reweighted.share[4] = kWholeShare;
  EXPECT_THAT(Diff(plan, reweighted), IsEmpty());
  EXPECT_EQ(MaxChangesOnOneRank(Uneven(), {}), 0);
}

TEST(DiffTest, AbortsOnPlansOfAnotherSize) {
  const PlacementPlan plan = InitialPlan(kShape, Uneven());
  const PlacementPlan other = InitialPlan(kShape, Topology::Uniform(2, 1, 2).value());
  EXPECT_DEATH(Diff(plan, other), "check failed");
}

}  // namespace
}  // namespace ballast
