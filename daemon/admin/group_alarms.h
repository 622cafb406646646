#ifndef BALLAST_DAEMON_ADMIN_GROUP_ALARMS_H_
#define BALLAST_DAEMON_ADMIN_GROUP_ALARMS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/control/control_loop.h"
#include "daemon/control/group_config.h"
#include "daemon/control/rollout_loop.h"

namespace ballast {

// One thing that keeps a group from running, or soon changing, its plan.
struct GroupAlarm {
  std::string name;        // Of query.proto, message Alarm.
  std::string detail;      // In words, with the ranks: "rank 17 missing".
  std::vector<int> ranks;  // Ascending.
};

// A plan that is on its way for longer is named. As the alert of deploy/prometheus.
inline constexpr absl::Duration kPlanStuckAfter = absl::Minutes(5);

// The alarms of one group at the uptime `now`, the worst first. Pure. O(ranks).
std::vector<GroupAlarm> AlarmsOf(const GroupConfig& config, const RolloutView& rollout,
                                 const LoadView& load, absl::Duration now);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_GROUP_ALARMS_H_
