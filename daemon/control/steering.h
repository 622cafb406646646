#ifndef BALLAST_DAEMON_CONTROL_STEERING_H_
#define BALLAST_DAEMON_CONTROL_STEERING_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "core/base/ids.h"
#include "core/store/plan_store.h"

namespace ballast {

// How a steering call fares, as far as it is known.
struct SteeringResult {
  PlanId before;       // The decided plan when the loop took the call up.
  PlanId after;        // The plan that came of it; `before` if none did.
  std::string detail;  // In words.
};

// Where a group's loops tell what became of one steering call. Thread-safe; calls come
// from the loops' threads and return at once. What is told after OnEnd() is ignored.
class SteeringTicket {
 public:
  virtual ~SteeringTicket() = default;

  // The call made a plan, which the store holds and the workers are loading.
  virtual void OnPlan(const SteeringResult& result) = 0;
  // The call came to its end. FailedPrecondition: the group's state forbids it. Aborted:
  // another plan is decided than the caller expects, or the plan was given up. NotFound:
  // no such plan. Else the store's or the planner's error.
  virtual void OnEnd(const absl::Status& status, const SteeringResult& result) = 0;
};

// What an operator asks of one EP group.
struct SteeringCall {
  enum class Kind {
    kPause,     // No solves and no adoptions until kResume; survives restarts.
    kResume,    // Ends a pause.
    kForce,     // Solve now; adopt whatever it gains, whenever the last plan was, paused or not.
    kRollback,  // Propose the content of an earlier plan under a new version.
    kAbort,     // Give up the plan on its way, if it is not decided yet.
  };
  Kind kind = Kind::kPause;
  bool dry_run = false;  // Check and answer as if, change nothing.
  std::string reason;
  std::string who;
  std::optional<PlanVersion> expected;  // Decided plan that the caller has in mind.
  std::optional<PlanVersion> version;   // kRollback: {0, 0} is the initial plan; absent: the
                                        // decided plan before the newest.
  bool over_ahead = false;  // kRollback: of a group that is ahead of the store; without a
                            // version to the newest decided plan.
  std::shared_ptr<SteeringTicket> ticket;
};

// Takes the content of an earlier plan that a rollback asks for, from the publish thread.
using PlanReceiver =
    std::function<void(const SteeringCall& call, std::shared_ptr<const PlanRecord> record)>;

// Aborted, naming both, if the caller expects another plan than `decided`.
absl::Status CheckExpected(const SteeringCall& call, const PlanId& decided);

// For the record of a plan that `call` made: "forced by uid 0: node 3 is back", "rollback to
// 7.41 by uid 0: ...".
// `content` is the version whose content a rollback proposes.
std::string SteeredReason(const SteeringCall& call, const PlanVersion& content);

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_STEERING_H_
