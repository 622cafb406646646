#ifndef BALLAST_CLIENT_CTL_EXPLAIN_COMMAND_H_
#define BALLAST_CLIENT_CTL_EXPLAIN_COMMAND_H_

#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl explain [GROUP] [--last N]`: why this plan, or why none, in words.
void AddExplainCommand(CommandLine& line);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_EXPLAIN_COMMAND_H_
