#ifndef BALLAST_CLIENT_CTL_COVERAGE_COMMAND_H_
#define BALLAST_CLIENT_CTL_COVERAGE_COMMAND_H_

#include <optional>
#include <ostream>
#include <string>

#include "ballast/v1/query.pb.h"
#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl coverage [GROUP] [--lose row3,rank17-19] [--version VERSION]`: which experts a
// placement loses with ranks or rows. Exit 1 if it loses any.
void AddCoverageCommand(CommandLine& line);

// Whether nothing is lost: with the ranks that were named, else with any one rank or row.
bool IsCovered(const v1::Coverage& coverage);

// The answer in words; `lose` is the loss as the caller put it, empty if none.
void PrintCoverage(const v1::Coverage& coverage, const std::string& lose, std::ostream& out);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_COVERAGE_COMMAND_H_
