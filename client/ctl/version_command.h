#ifndef BALLAST_CLIENT_CTL_VERSION_COMMAND_H_
#define BALLAST_CLIENT_CTL_VERSION_COMMAND_H_

#include "client/ctl/command.h"

namespace ballast::ctl {

// The version of this program.
const char* ProgramVersion();

// `ballastctl version`: the version of this program. Talks to nobody.
void AddVersionCommand(CommandLine& line);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_VERSION_COMMAND_H_
