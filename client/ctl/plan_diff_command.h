#ifndef BALLAST_CLIENT_CTL_PLAN_DIFF_COMMAND_H_
#define BALLAST_CLIENT_CTL_PLAN_DIFF_COMMAND_H_

#include <ostream>

#include "ballast/v1/query.pb.h"
#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl plan diff A [B] [--group G] [--layer L]`: exit code 1 if the plans differ.
// To be called after AddPlanCommands().
void AddPlanDiffCommand(CommandLine& line);

// A line in total, one for each layer that differs, and the moves if there is one layer.
void PrintPlanDiff(const v1::PlanDiff& diff, std::ostream& out);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_PLAN_DIFF_COMMAND_H_
