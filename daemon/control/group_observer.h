#ifndef BALLAST_DAEMON_CONTROL_GROUP_OBSERVER_H_
#define BALLAST_DAEMON_CONTROL_GROUP_OBSERVER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "core/policy/rebalance_policy.h"
#include "core/rollout/nack.h"

namespace ballast {

// One solve, adopted or not: what was known, what came out, why.
struct SolveRecord {
  PlanId base;
  Digest digest{};        // Of the new plan.
  Digest input_digest{};  // PlanInputDigest() of what the planner was given.
  absl::Time solved;      // Wall time, for operators.
  std::string planner;
  std::string branch;  // Of the planner: "hierarchical", "global".
  AdoptDecision decision;
  double imbalance_now = 1;      // Mean imbalance ratio on the estimate, live plan.
  double imbalance_new = 1;      // The same, new plan.
  double imbalance_initial = 1;  // The same, initial plan.
  double balancedness_now = 1;   // Balancedness() on the estimate, live plan.
  double balancedness_new = 1;   // The same, new plan.
  double required_gain = 0;      // PolicyOptions::min_gain when it was solved.
  double lower_bound = 0;        // On decision.straggler_load_new, for equal shares; picks a step.
  int moved_slots = 0;
  std::int64_t same_row_bytes = 0;      // All ranks; a replica is in the loading rank's row.
  std::int64_t cross_row_bytes = 0;     // All ranks; it is not.
  std::int64_t busiest_rank_bytes = 0;  // The rank that loads most.
  std::uint64_t step = 0;               // Smallest last step when it was solved.
  absl::Duration solve_time;
};

// What happens in an EP group, for metrics and logs. Calls come from the group's
// control and publish threads; implementations are thread-safe and return at once.
class GroupObserver {
 public:
  virtual ~GroupObserver() = default;

  // `result`: a ReportOutcomeName() or "rejected_shape", "queue_full".
  virtual void OnReport(const std::string& group, const char* result, std::uint64_t picks) = 0;
  // A report of `rank` was refused, or can not be right; `reason` names values. At most one
  // a minute for each rank and result; `suppressed` were left out since the last.
  virtual void OnReportRefused(const std::string& /*group*/, RankId /*rank*/,
                               const std::string& /*result*/, const std::string& /*reason*/,
                               std::uint64_t /*suppressed*/) {}
  virtual void OnSolve(const std::string& group, const SolveRecord& record) = 0;
  virtual void OnSolveFailed(const std::string& group, const absl::Status& status) = 0;
  // `event`: "proposed", "decided"; `took` since the event before.
  virtual void OnPlan(const std::string& group, const char* event, const PlanId& plan,
                      absl::Duration took) = 0;
  // Every rank runs the plan; `took` since the decision.
  virtual void OnActive(const std::string& group, const PlanId& plan, const SolveRecord& record,
                        absl::Duration took) = 0;
  // `outcome`: "done", or "aborted: ..." and "refused: ..." with the reason.
  virtual void OnPlanFinished(const std::string& group, const PlanId& plan,
                              const std::string& outcome) = 0;
  // A placement was handed to the session of one worker.
  virtual void OnPush(const std::string& group, RankId rank, const PlanId& plan) = 0;
  // The session of a worker that does not read was closed.
  virtual void OnSlowConsumer(const std::string& group, RankId rank, const std::string& detail) = 0;
  virtual void OnWorker(const std::string& group, RankId rank, const char* event,
                        const std::string& detail) = 0;
  virtual void OnNack(const std::string& group, RankId rank, const Nack& nack) = 0;
  virtual void OnDigestDisagreements(const std::string& group, RankId rank,
                                     std::uint64_t votes) = 0;
  virtual void OnStoreCall(const char* call, const absl::Status& status, absl::Duration took) = 0;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_GROUP_OBSERVER_H_
