#ifndef BALLAST_CLIENT_CTL_WORKERS_COMMAND_H_
#define BALLAST_CLIENT_CTL_WORKERS_COMMAND_H_

#include <ostream>

#include "ballast/v1/query.pb.h"
#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl workers [--group G] [--state S] [-w]` and `ballastctl groups`.
void AddWorkersCommands(CommandLine& line);

// One line a rank; a column for the group if there are several.
void PrintWorkersTable(const v1::WorkerList& list, std::ostream& out);

// One line a group.
void PrintGroupsTable(const v1::GroupList& list, std::ostream& out);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_WORKERS_COMMAND_H_
