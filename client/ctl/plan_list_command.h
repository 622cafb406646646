#ifndef BALLAST_CLIENT_CTL_PLAN_LIST_COMMAND_H_
#define BALLAST_CLIENT_CTL_PLAN_LIST_COMMAND_H_

#include <ostream>

#include "ballast/v1/query.pb.h"
#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl plan list`, `plan history` and `plan watch`, all with [--group G] [--last N].
// To be called after AddPlanCommands().
void AddPlanListCommands(CommandLine& line);

// One line a plan, the newest first: what it is, or how it came and ended.
void PrintPlanList(const v1::PlanList& list, std::ostream& out);
void PrintPlanHistory(const v1::PlanList& list, std::ostream& out);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_PLAN_LIST_COMMAND_H_
