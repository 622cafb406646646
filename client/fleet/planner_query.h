#ifndef BALLAST_CLIENT_FLEET_PLANNER_QUERY_H_
#define BALLAST_CLIENT_FLEET_PLANNER_QUERY_H_

#include <string>

namespace ballast {

// The name of the planner of an EP group, asked of the daemon at `daemon_address`; empty
// if it does not answer within 3 s or does not know the group. Starts gRPC: not before a
// fork.
std::string AskPlanner(const std::string& daemon_address, const std::string& ep_group);

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_PLANNER_QUERY_H_
