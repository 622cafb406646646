#ifndef BALLAST_CLIENT_CTL_SOLVE_COMMAND_H_
#define BALLAST_CLIENT_CTL_SOLVE_COMMAND_H_

#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl solve`: places a load from a file with one planner, offline.
// `ballastctl bound`: what no placement of the same input gets below.
void AddSolveCommands(CommandLine& line);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_SOLVE_COMMAND_H_
