#ifndef BALLAST_CLIENT_CTL_STATUS_COMMAND_H_
#define BALLAST_CLIENT_CTL_STATUS_COMMAND_H_

#include <ostream>
#include <string>

#include "ballast/v1/query.pb.h"
#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl status [--group G] [-w]`: one screen of the daemon and its groups.
// Exit code 1 if a group is not healthy.
void AddStatusCommand(CommandLine& line);

// The screen: the daemon, a line for each group, and for each that needs something its
// NextStep().
void PrintStatusTable(const v1::DaemonStatus& status, std::ostream& out);

// What keeps the group from running or changing its plan, and the command that shows more;
// empty if nothing does.
std::string NextStep(const v1::GroupStatus& group);

// Whether nothing alarms, and all ranks of all groups that do more than observe are connected
// and run the decided plan.
bool IsHealthy(const v1::DaemonStatus& status);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_STATUS_COMMAND_H_
