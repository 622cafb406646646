#ifndef BALLAST_DAEMON_CONTROL_GROUP_DIRECTORY_H_
#define BALLAST_DAEMON_CONTROL_GROUP_DIRECTORY_H_

#include <string>
#include <utility>
#include <vector>

#include "daemon/control/control_loop.h"
#include "daemon/control/live_group_config.h"
#include "daemon/control/rollout_loop.h"

namespace ballast {

// One running EP group, as the services see it.
struct GroupHandle {
  GroupConfigView config;
  ControlLoop* control = nullptr;
  RolloutLoop* rollout = nullptr;
};

// All groups of the daemon. Immutable, hence safe to share.
class GroupDirectory {
 public:
  explicit GroupDirectory(std::vector<GroupHandle> groups) : groups_(std::move(groups)) {}

  // Null if there is no such group. Linear: a daemon has a handful.
  const GroupHandle* Find(const std::string& name) const {
    for (const GroupHandle& group : groups_) {
      if (group.config->name == name) return &group;
    }
    return nullptr;
  }

  const std::vector<GroupHandle>& all() const { return groups_; }

  // "a, b, c", for error texts.
  std::string Names() const {
    std::string names;
    for (const GroupHandle& group : groups_) {
      if (!names.empty()) names += ", ";
      names += group.config->name;
    }
    return names;
  }

 private:
  const std::vector<GroupHandle> groups_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_GROUP_DIRECTORY_H_
