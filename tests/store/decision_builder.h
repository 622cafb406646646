#ifndef BALLAST_TESTS_STORE_DECISION_BUILDER_H_
#define BALLAST_TESTS_STORE_DECISION_BUILDER_H_

#include <string>
#include <utility>

#include "core/store/decision_record.h"

namespace ballast {

// A decision in which every field has a value of its own, so that a store that mixes two
// up is found out. `variant` goes into the step.
inline DecisionRecord TestDecision(int variant, std::string ep_group = "decode") {
  DecisionRecord record;
  record.ep_group = std::move(ep_group);
  record.solved = absl::FromUnixSeconds(1700000100);
  record.step = 1000 + static_cast<std::uint64_t>(variant);
  record.base = {.version = {.term = 3, .sequence = 41}};
  record.base.digest.fill(1);
  record.plan_digest.fill(2);
  record.input_digest.fill(3);
  record.planner = "eplb";
  record.branch = "hierarchical";
  record.straggler_load_now = 131;
  record.straggler_load_new = 105;
  record.imbalance_now = 1.31;
  record.imbalance_new = 1.05;
  record.imbalance_initial = 1.5;
  record.balancedness_now = 0.75;
  record.balancedness_new = 0.95;
  record.lower_bound = 100;
  record.gain = 0.2;
  record.required_gain = 0.03;
  record.benefit_seconds = 4;
  record.cost_seconds = 0.6;
  record.moved_slots = 112;
  record.same_row_bytes = 4100;
  record.cross_row_bytes = 800;
  record.busiest_rank_bytes = 300;
  record.solve_milliseconds = 12.5;
  record.reason = "no_gain";
  record.outcome = kDecisionDeclined;
  return record;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_STORE_DECISION_BUILDER_H_
