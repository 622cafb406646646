#ifndef BALLAST_CORE_STORE_DECISION_RECORD_H_
#define BALLAST_CORE_STORE_DECISION_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/ids.h"

namespace ballast {

// One solve of an EP group, adopted or not: what it saw, what came out, why it was
// taken or left, and what became of it. Kept so that somebody can ask afterwards.
//
// Loads are in picks per serving step, summed over the layers; imbalance ratios and
// balancedness are dimensionless; all on one estimate of the load.
struct DecisionRecord {
  std::string ep_group;
  std::uint64_t number = 0;  // Rising by one per group, from 1; set by AppendDecision().
  absl::Time solved;         // Wall time, for operators only.
  std::uint64_t step = 0;    // Smallest last step over the ranks when it was solved.

  PlanId base;            // The decided plan that it was compared with.
  Digest plan_digest{};   // Of the plan that was solved; zero if the solve failed.
  Digest input_digest{};  // PlanInputDigest() of what the planner was given.
  std::string planner;
  std::string branch;  // Of the planner: "hierarchical", "global".

  double straggler_load_now = 0;
  double straggler_load_new = 0;
  double imbalance_now = 1;      // Mean over layers of max/mean; the live plan.
  double imbalance_new = 1;      // The same, the new plan.
  double imbalance_initial = 1;  // The same, the initial plan.
  double balancedness_now = 1;   // Sum of means / sum of maxima, in (0, 1]; the live plan.
  double balancedness_new = 1;   // The same, the new plan.
  double lower_bound = 0;        // On straggler_load_new for equal shares; 0 without load.

  double gain = 0;                   // 1 - straggler_load_new / straggler_load_now.
  double required_gain = 0;          // What the policy asks for.
  double benefit_seconds = 0;        // Won until the next solve.
  double cost_seconds = 0;           // For the weights of the busiest rank.
  int moved_slots = 0;               // Slots whose expert changes.
  std::int64_t same_row_bytes = 0;   // To load, all ranks, with a replica in the rank's row.
  std::int64_t cross_row_bytes = 0;  // The same, without.
  std::int64_t busiest_rank_bytes = 0;
  double solve_milliseconds = 0;

  std::string reason;  // AdoptDecision::reason, or "solve_failed".
  PlanVersion plan;    // The proposal that the store took for it; {0, 0}: none.
  // What became of it: kDecisionDeclined, kDecisionOffered until the proposal ends, then
  // "done", "aborted: ...", "refused: ..." or "failed: ..." with the cause; or "decided, ..."
  // if the daemon ended before all ranks ran it.
  std::string outcome;

  // straggler_load_new / lower_bound - 1: at most so far from the best plan with equal
  // shares; 0 without load.
  double gap() const { return lower_bound > 0 ? straggler_load_new / lower_bound - 1 : 0; }

  friend bool operator==(const DecisionRecord&, const DecisionRecord&) = default;
};

inline constexpr char kDecisionDeclined[] = "declined";
inline constexpr char kDecisionOffered[] = "offered";

// InvalidArgument, naming the field, if `record` can not be stored: no group, a number
// that is not finite, a count below 0. Every store calls it in AppendDecision().
absl::Status CheckDecision(const DecisionRecord& record);

}  // namespace ballast

#endif  // BALLAST_CORE_STORE_DECISION_RECORD_H_
