#ifndef BALLAST_DAEMON_CONTROL_LIVE_GROUP_CONFIG_H_
#define BALLAST_DAEMON_CONTROL_LIVE_GROUP_CONFIG_H_

#include <atomic>
#include <deque>
#include <utility>

#include "daemon/control/group_config.h"

namespace ballast {

// The configuration of one EP group as it is in force now, for the services. Replace()
// belongs to one owner; the rest is thread-safe and wait-free. What was read stays valid as
// long as this object: configurations that were in force are kept, some KB each, because a
// reload is rare and done by people.
class LiveGroupConfig {
 public:
  explicit LiveGroupConfig(GroupConfig first) { Replace(std::move(first)); }

  LiveGroupConfig(const LiveGroupConfig&) = delete;
  LiveGroupConfig& operator=(const LiveGroupConfig&) = delete;

  void Replace(GroupConfig next) {
    all_.push_back(std::move(next));
    current_.store(&all_.back(), std::memory_order_release);
  }

  const GroupConfig& current() const { return *current_.load(std::memory_order_acquire); }

 private:
  std::deque<GroupConfig> all_;  // Never moves what it holds.
  std::atomic<const GroupConfig*> current_{nullptr};
};

// Reads through to the configuration in force, as a pointer to it would.
class GroupConfigView {
 public:
  // `live` must outlive the view.
  explicit GroupConfigView(const LiveGroupConfig& live) : live_(&live) {}

  const GroupConfig* operator->() const { return &live_->current(); }
  const GroupConfig& operator*() const { return live_->current(); }

 private:
  const LiveGroupConfig* live_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_LIVE_GROUP_CONFIG_H_
