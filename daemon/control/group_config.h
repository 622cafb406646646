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

// One EP group as the configuration declares it.
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

// Takes over what may change while the group runs: how it is planned for, how long things may
// take, how much is kept. Name, shape, topology and planner stay as they are.
inline void TakeTuning(const GroupConfig& from, GroupConfig* to) {
  to->planner_options = from.planner_options;
  to->load = from.load;
  to->policy = from.policy;
  to->rollout = from.rollout;
  to->session = from.session;
  to->plans_kept = from.plans_kept;
  to->decisions_kept = from.decisions_kept;
}

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_GROUP_CONFIG_H_
