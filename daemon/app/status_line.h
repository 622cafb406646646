#ifndef BALLAST_DAEMON_APP_STATUS_LINE_H_
#define BALLAST_DAEMON_APP_STATUS_LINE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "daemon/control/group_config.h"
#include "daemon/control/rollout_loop.h"

namespace ballast {

// "11m", "38s", "3h4m", "2d3h": an age in at most two units.
std::string AgeText(absl::Duration age);

// "leader term 7", or "DEPOSED: term 7 is not the store's, 8".
std::string LeaderStatusText(std::uint64_t term, const absl::Status& deposed);

// One group in few words: "decode0 128/128 synced; plan 7.42 active 11m". Without the rest of
// the ranks: "decode0 31/32 synced; plan 7.42 waits for rank 3, not connected". With a plan on
// its way: "...; plan 7.43 preparing 38s". `now` is uptime.
std::string GroupStatusText(const GroupConfig& config, const RolloutView& view, absl::Duration now);

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_STATUS_LINE_H_
