#ifndef BALLAST_DAEMON_CONTROL_CRASH_POINTS_H_
#define BALLAST_DAEMON_CONTROL_CRASH_POINTS_H_

#include <array>

#include "absl/strings/string_view.h"

namespace ballast {

// The moments of a rollout at which a crash could leave the store and the workers in
// different states. Tests end the process at each; nothing else may depend on them.
inline constexpr std::array<absl::string_view, 11> kCrashPoints = {
    "propose.before",     // Offered, not stored.
    "propose.stored",     // Stored as preparing, nobody told.
    "prepare.half_sent",  // Half of the ranks were told to load.
    "prepare.sent",       // All were.
    "decide.before",      // All ranks prepared, no decision stored.
    "decide.stored",      // Decided, nobody told.
    "commit.half_sent",   // Half of the ranks may switch.
    "commit.sent",        // All may.
    "active",             // All ranks switched.
    "retire.half_sent",   // Half of the ranks may free the old plan.
    "retire.sent",        // All may.
};

// Told when a moment is reached. Called from the publish threads.
class CrashPoints {
 public:
  virtual ~CrashPoints() = default;
  virtual void Reach(absl::string_view point) = 0;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_CRASH_POINTS_H_
