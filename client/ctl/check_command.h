#ifndef BALLAST_CLIENT_CTL_CHECK_COMMAND_H_
#define BALLAST_CLIENT_CTL_CHECK_COMMAND_H_

#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl check [--all]`: whether an installation is well, a line for each thing looked
// at. Exit 0 if nothing fails, 1 if something does, 3 if nobody answers.
void AddCheckCommand(CommandLine& line);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_CHECK_COMMAND_H_
