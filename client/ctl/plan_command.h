#ifndef BALLAST_CLIENT_CTL_PLAN_COMMAND_H_
#define BALLAST_CLIENT_CTL_PLAN_COMMAND_H_

#include <ostream>

#include "ballast/v1/query.pb.h"
#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl plan get [--group G] [--version TERM.SEQUENCE] [--layer L]`: one plan
// with its placement, the newest decided one by default.
void AddPlanCommands(CommandLine& line);

// What the plan is, and the expert in each slot, layer by layer; `layer` < 0: all.
// The placement's bytes must have the size that its counts say; false, and nothing
// printed, if they do not.
bool PrintPlanTable(const v1::Plan& plan, int layer, std::ostream& out);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_PLAN_COMMAND_H_
