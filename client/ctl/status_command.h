#ifndef BALLAST_CLIENT_CTL_STATUS_COMMAND_H_
#define BALLAST_CLIENT_CTL_STATUS_COMMAND_H_

#include <ostream>

#include "ballast/v1/query.pb.h"
#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl status [--group G] [-w]`: one screen of the daemon and its groups.
// Exit code 1 if a group is not healthy. With -w a new screen every second, whether
// or not the daemon answers, until the program or its output ends.
void AddStatusCommand(CommandLine& line);

// The screen: the daemon, its groups, and below them the workers that are not synced.
void PrintStatusTable(const v1::DaemonStatus& status, std::ostream& out);

// Whether all ranks of all groups are connected and run the decided plan.
bool IsHealthy(const v1::DaemonStatus& status);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_STATUS_COMMAND_H_
