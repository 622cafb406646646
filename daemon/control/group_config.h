#ifndef BALLAST_DAEMON_CONTROL_GROUP_CONFIG_H_
#define BALLAST_DAEMON_CONTROL_GROUP_CONFIG_H_

#include <string>

#include "absl/time/time.h"
#include "core/load/load_window.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"
#include "core/policy/rebalance_policy.h"
#include "core/rollout/coordinator.h"
#include "core/solver/planner.h"
#include "daemon/control/session_watch.h"

namespace ballast {

// One EP group as the configuration declares it. Immutable once the daemon runs.
struct GroupConfig {
  std::string name;
  ModelShape shape;
  Topology topology;
  std::string planner = "eplb";
  PlannerOptions planner_options;
  LoadWindowOptions load;
  PolicyOptions policy;
  CoordinatorOptions rollout;
  SessionOptions session = {};
  int plans_kept = 1000;      // Records of the store beyond which the oldest are removed.
  int decisions_kept = 1000;  // The same of its decisions; one a solve.
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_GROUP_CONFIG_H_
