#include "client/ctl/command.h"

#include <exception>
#include <string>

#include "client/ctl/check_command.h"
#include "client/ctl/completion_command.h"
#include "client/ctl/coverage_command.h"
#include "client/ctl/explain_command.h"
#include "client/ctl/load_command.h"
#include "client/ctl/plan_admin_command.h"
#include "client/ctl/plan_command.h"
#include "client/ctl/plan_diff_command.h"
#include "client/ctl/plan_list_command.h"
#include "client/ctl/solve_command.h"
#include "client/ctl/status_command.h"
#include "client/ctl/version_command.h"
#include "client/ctl/workers_command.h"

namespace ballast::ctl {
namespace {

// Whether the caller wants JSON, for a command line that did not parse.
bool AsksForJson(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "-ojson" || word == "-o=json" || word == "--output=json") return true;
    if ((word == "-o" || word == "--output") && i + 1 < argc) {
      return std::string(argv[i + 1]) == "json";
    }
  }
  return false;
}

int FailToParse(const CLI::ParseError& error, OutputForm form, const CommandLine& line,
                const Streams& streams) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    return line.app.exit(error, streams.out, streams.err);  // --help
  }
  CtlError failure;
  failure.exit_code = kExitUsage;
  failure.code = "INVALID_ARGUMENT";
  failure.message = error.what();
  const int code = Fail(failure, form, streams);
  streams.err << "Run with --help for the commands and their options.\n";
  return code;
}

}  // namespace

void AddOutputOption(CLI::App* command, OutputForm* form) {
  AddChoice<OutputForm>(
      command, "-o,--output", "form of the output, table by default",
      {{"table", OutputForm::kTable}, {"json", OutputForm::kJson}, {"yaml", OutputForm::kYaml}},
      form);
}

int RunBallastctl(int argc, const char* const* argv, const Environment& environment) {
  CommandLine line;
  line.app.name("ballastctl");
  line.app.description("Places MoE experts, and asks a Ballast daemon what it does.");
  line.app.require_subcommand(1);
  AddSolveCommands(line);
  AddStatusCommand(line);
  AddWorkersCommands(line);
  AddPlanCommands(line);
  AddPlanListCommands(line);
  AddPlanDiffCommand(line);
  AddExplainCommand(line);
  AddLoadCommands(line);
  AddCoverageCommand(line);
  AddCheckCommand(line);
  AddAdminCommands(line);
  AddVersionCommand(line);
  AddCompletionCommand(line);
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const OutputForm form = AsksForJson(argc, argv) ? OutputForm::kJson : OutputForm::kTable;
    return FailToParse(error, form, line, environment.streams);
  }
  try {
    return line.run(environment);
  } catch (const std::exception& error) {  // Of a library, or no memory.
    environment.streams.err << "ballastctl: internal error: " << error.what() << "\n";
    return kExitInternal;
  }
}

}  // namespace ballast::ctl
