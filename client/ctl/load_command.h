#ifndef BALLAST_CLIENT_CTL_LOAD_COMMAND_H_
#define BALLAST_CLIENT_CTL_LOAD_COMMAND_H_

#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl load [GROUP]`: the load estimate and the last batch, by rank, row, layer or
// expert. `load export`: the estimate as a file. `load send`: counters from outside, for a
// group that only observes.
void AddLoadCommands(CommandLine& line);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_LOAD_COMMAND_H_
