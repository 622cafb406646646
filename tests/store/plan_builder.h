#ifndef BALLAST_TESTS_STORE_PLAN_BUILDER_H_
#define BALLAST_TESTS_STORE_PLAN_BUILDER_H_

#include <string>
#include <utility>

#include "core/store/plan_store.h"

namespace ballast {

inline const ModelShape kTestShape{
    .num_layers = 2, .num_experts = 4, .num_expert_groups = 2, .top_k = 2, .expert_bytes = 1000};

// Plans over 2 ranks x 3 slots; `variant` rotates the slots, so 4 differ.
inline PlacementPlan TestPlan(int variant) {
  const Topology topology = Topology::Uniform(2, 1, 3).value();
  PlacementPlan plan = InitialPlan(kTestShape, topology);
  for (ExpertId& expert : plan.expert_in_slot) expert.value = (expert.value + variant) % 4;
  SetEqualShares(kTestShape, plan);
  return plan;
}

// What a daemon proposes to a group: plan `variant` on top of `base`.
inline PlanRecord TestRecord(int variant, PlanId base = {}, std::string ep_group = "decode") {
  PlanRecord record;
  record.ep_group = std::move(ep_group);
  record.shape = kTestShape;
  record.plan = TestPlan(variant);
  record.id = PlanIdOf(kTestShape, record.plan);
  record.base = base;
  record.planner = "eplb";
  record.reason = "steps";
  record.imbalance_before = 1.75;
  record.imbalance_after = 1.125;
  record.moved_slots = 7;
  record.proposed = absl::FromUnixSeconds(1700000000);
  return record;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_STORE_PLAN_BUILDER_H_
