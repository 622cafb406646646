#include "client/ctl/solve_command.h"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/ctl/solve_report.h"
#include "client/ctl/solve_request.h"
#include "core/solver/planner.h"

namespace ballast::ctl {
namespace {

struct SolveOptions {
  std::string planner = "eplb";
  std::string input;
  PlannerOptions planning;
  OutputForm form = OutputForm::kTable;
};

// False: reading broke off, as that of a folder does.
bool ReadAll(std::istream& in, std::string* text) {
  char part[1 << 14];
  while (in.read(part, sizeof(part)) || in.gcount() > 0) {
    text->append(part, static_cast<std::size_t>(in.gcount()));
  }
  return !in.bad();
}

std::optional<CtlError> ReadInput(const std::string& path, std::istream& in, std::string* text) {
  if (path == "-") {
    if (ReadAll(in, text)) return std::nullopt;
  } else {
    std::ifstream file(path, std::ios::binary);
    if (file.is_open() && ReadAll(file, text)) return std::nullopt;
  }
  CtlError error;
  error.exit_code = kExitUsage;
  error.code = "NOT_FOUND";
  error.message = absl::StrCat("cannot read ", path);
  return error;
}

std::optional<CtlError> ReadRequest(const SolveOptions& options, std::istream& in,
                                    SolveRequest* request) {
  std::string text;
  if (auto error = ReadInput(options.input, in, &text)) return error;
  return ReadSolveRequest(text, options.planner, request);
}

void PrintReport(const SolveRequest& request, const SolveReport& report, OutputForm form,
                 std::ostream& out) {
  if (form == OutputForm::kTable) {
    PrintSolveTable(request, report, out);
  } else {
    PrintDocument(SolveJson(request, report), form, out);
  }
}

int Solve(const SolveOptions& options, const Environment& environment) {
  SolveRequest request;
  if (auto error = ReadRequest(options, environment.in, &request)) {
    return Fail(*error, options.form, environment.streams);
  }
  const auto planner = MakePlanner(options.planner);
  if (!planner.ok()) return Fail(RefusalOf(planner.status()), options.form, environment.streams);
  const absl::Duration start = environment.clock.Uptime();
  absl::StatusOr<PlanResult> result =
      (*planner)->Plan({request.shape, *request.topology, request.load, nullptr, options.planning});
  const absl::Duration took = environment.clock.Uptime() - start;
  if (!result.ok()) return Fail(RefusalOf(result.status()), options.form, environment.streams);
  SolveReport report = MakeSolveReport(request, *std::move(result));
  report.planner = options.planner;
  report.seed = options.planning.seed;
  report.solve_ms = absl::ToDoubleMilliseconds(took);
  PrintReport(request, report, options.form, environment.streams.out);
  return kExitOk;
}

int Bound(const SolveOptions& options, const Environment& environment) {
  SolveRequest request;
  if (auto error = ReadRequest(options, environment.in, &request)) {
    return Fail(*error, options.form, environment.streams);
  }
  const Certificate certificate = CertifyBounds(*request.topology, request.load, request.rule());
  if (options.form == OutputForm::kTable) {
    PrintBoundTable(certificate, environment.streams.out);
  } else {
    PrintDocument({{"router", request.router}, {"certificate", CertificateJson(certificate)}},
                  options.form, environment.streams.out);
  }
  return kExitOk;
}

void AddInputOptions(CLI::App* command, SolveOptions* options) {
  command
      ->add_option("--planner", options->planner,
                   absl::StrCat("one of: ", absl::StrJoin(PlannerNames(), ", ")))
      ->check(CLI::IsMember(PlannerNames()))
      ->capture_default_str();
  command->add_option("--input", options->input, "JSON file with the loads, or - for stdin")
      ->required();
  AddOutputOption(command, &options->form);
}

}  // namespace

void AddSolveCommands(CommandLine& line) {
  auto options = std::make_shared<SolveOptions>();

  CLI::App* solve = line.app.add_subcommand("solve", "Place the experts for a load from a file");
  AddInputOptions(solve, options.get());
  AddChoice<EplbPolicy>(solve, "--policy", "branch of eplb, auto by default",
                        {{"auto", EplbPolicy::kAuto},
                         {"hierarchical", EplbPolicy::kHierarchical},
                         {"global", EplbPolicy::kGlobal}},
                        &options->planning.policy);
  AddChoice<TieOrder>(solve, "--ties", "order of equal loads, stable by default",
                      {{"stable", TieOrder::kStable}, {"libstdcxx", TieOrder::kLibstdcxx}},
                      &options->planning.ties);
  solve->add_option("--seed", options->planning.seed, "feeds every random choice")
      ->capture_default_str();
  solve->callback([&line, options] {
    line.run = [options](const Environment& environment) { return Solve(*options, environment); };
  });

  CLI::App* bound =
      line.app.add_subcommand("bound", "What no placement of the same input gets below");
  AddInputOptions(bound, options.get());
  bound->callback([&line, options] {
    line.run = [options](const Environment& environment) { return Bound(*options, environment); };
  });
}

}  // namespace ballast::ctl
