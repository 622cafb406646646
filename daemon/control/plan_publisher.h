#ifndef BALLAST_DAEMON_CONTROL_PLAN_PUBLISHER_H_
#define BALLAST_DAEMON_CONTROL_PLAN_PUBLISHER_H_

#include <memory>
#include <optional>
#include <string>

#include "core/base/ids.h"
#include "core/model/placement_plan.h"
#include "daemon/control/group_observer.h"
#include "daemon/control/steering.h"

namespace ballast {

// What an operator's call adds to the plan that it made.
struct SteeredPlan {
  std::string reason;  // For the plan's record.
  std::string detail;  // What it changes, in words, for the operator.
  std::shared_ptr<SteeringTicket> ticket;
  bool over_ahead = false;  // For ranks that are ahead of the store, as SteeringCall says.
};

// A plan that the policy or an operator adopted and that now wants to reach the workers.
struct PlanCandidate {
  std::shared_ptr<const PlacementPlan> plan;
  SolveRecord record;
  std::optional<SteeredPlan> steered;  // Absent: the policy's.
};

// What the control loop needs to know of the rollout, at one moment.
struct RolloutFacts {
  PlanId decided;
  std::shared_ptr<const PlacementPlan> decided_plan;
  bool all_connected = false;
  bool idle = false;    // No plan on its way, and every rank runs `decided`.
  bool paused = false;  // By an operator: the policy's plans are refused.
};

// The control loop's only way to the workers. Thread-safe; returns at once.
class PlanPublisher {
 public:
  virtual ~PlanPublisher() = default;

  virtual RolloutFacts Facts() const = 0;

  // Dropped, with an event, if the live plan is no longer record.base, a plan is on its way, or
  // the group is paused and the plan is the policy's.
  virtual void Offer(PlanCandidate candidate) = 0;

  // Has a solve recorded whose plan is not offered; `outcome` as in DecisionRecord.
  // Dropped if the publisher is far behind.
  virtual void Record(SolveRecord solve, std::string outcome) = 0;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_PLAN_PUBLISHER_H_
