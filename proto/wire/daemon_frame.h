#ifndef BALLAST_PROTO_WIRE_DAEMON_FRAME_H_
#define BALLAST_PROTO_WIRE_DAEMON_FRAME_H_

#include <cstddef>
#include <string>

#include "core/model/placement_plan.h"
#include "proto/wire/session_wire.h"

namespace ballast {

// Serialised DaemonMessages. A Prepare comes in two parts, so that the placement, which
// is nearly all of it and the same for every worker, is serialised once for a plan:
// its bytes are PrepareHead(order, table.size()) followed by `table`.

std::string WelcomeFrame(const DaemonWelcome& welcome);
std::string CommitFrame(const PlanOrder& order);
std::string AbortFrame(const PlanOrder& order);
std::string RetireFrame(const PlanOrder& order);
std::string BookmarkFrame(const DaemonBookmark& bookmark);
std::string GoAwayFrame(const DaemonGoAway& go_away);

// The PlacementTable of a plan that passes CheckPlan(): O(layers * slots).
std::string PlacementBytes(const PlacementPlan& plan);

// Everything of a Prepare but the placement, of which only the size is needed;
// order.placement is not looked at. About 150 bytes.
std::string PrepareHead(const PrepareOrder& order, std::size_t placement_bytes);

}  // namespace ballast

#endif  // BALLAST_PROTO_WIRE_DAEMON_FRAME_H_
