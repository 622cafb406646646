#ifndef BALLAST_CLIENT_CTL_PLAN_ADMIN_COMMAND_H_
#define BALLAST_CLIENT_CTL_PLAN_ADMIN_COMMAND_H_

#include <ostream>

#include "ballast/v1/admin.pb.h"
#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl plan pause|resume|force|rollback|abort`, `ballastctl plan operations` and
// `ballastctl log-level LEVEL`: steering over the daemon's Unix socket. What changes
// something asks a person for a yes, or wants --yes. To be called after AddPlanCommands().
void AddAdminCommands(CommandLine& line);

// What an operation did, for people.
void PrintOperation(const v1::Operation& operation, std::ostream& out);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_PLAN_ADMIN_COMMAND_H_
