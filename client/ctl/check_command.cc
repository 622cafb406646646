#include "client/ctl/check_command.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "client/ctl/check_report.h"
#include "client/ctl/query_client.h"
#include "client/ctl/version_command.h"

namespace ballast::ctl {
namespace {

struct CheckOptions {
  std::string daemon;
  bool all = false;
  OutputForm form = OutputForm::kTable;
};

// Asks five times; the first pays for the connection, so the median does not.
std::optional<CtlError> AskHealth(QueryClient& client, Clock& clock, Findings* findings) {
  std::array<double, 5> seconds{};
  for (double& took : seconds) {
    const absl::Duration start = clock.Uptime();
    if (auto error =
            client.Call(&v1::Query::Stub::GetHealth, v1::GetHealthRequest(), &findings->health)) {
      return error;
    }
    took = absl::ToDoubleSeconds(clock.Uptime() - start);
  }
  // The daemon read its clock about half a round trip ago.
  const double ours = absl::ToDoubleSeconds(clock.WallNow() - absl::UnixEpoch());
  findings->clock_ahead_seconds = findings->health.now_unix_seconds() - (ours - seconds.back() / 2);
  std::sort(seconds.begin(), seconds.end());
  findings->latency_seconds = seconds[seconds.size() / 2];
  return std::nullopt;
}

std::optional<CtlError> AskGroups(QueryClient& client, Findings* findings) {
  v1::DaemonStatus status;
  if (auto error = client.Call(&v1::Query::Stub::GetStatus, v1::GetStatusRequest(), &status)) {
    return error;
  }
  for (const v1::GroupStatus& group : status.groups()) {
    GroupFindings& found = findings->groups.emplace_back();
    found.status = group;
    v1::ExplainRequest explain;
    explain.set_ep_group(group.ep_group());
    if (auto error = client.Call(&v1::Query::Stub::Explain, explain, &found.explanation)) {
      return error;
    }
    v1::GetCoverageRequest coverage;
    coverage.set_ep_group(group.ep_group());
    if (auto error = client.Call(&v1::Query::Stub::GetCoverage, coverage, &found.coverage)) {
      return error;
    }
  }
  return std::nullopt;
}

int Check(const CheckOptions& options, const Environment& environment) {
  Findings findings;
  findings.address = options.daemon;
  findings.client_version = ProgramVersion();
  QueryClient client(options.daemon);
  std::optional<CtlError> error = AskHealth(client, environment.clock, &findings);
  if (!error.has_value()) error = AskGroups(client, &findings);
  if (error.has_value()) return Fail(*error, options.form, environment.streams);
  const std::vector<CheckLine> lines = JudgeFindings(findings, options.all);
  if (options.form == OutputForm::kTable) {
    PrintChecks(lines, environment.streams.out);
  } else {
    PrintDocument(ChecksJson(lines), options.form, environment.streams.out);
  }
  return Passes(lines) ? kExitOk : kExitDiffers;
}

}  // namespace

void AddCheckCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand(
      "check", "Look whether an installation is well; exit 1 if something fails");
  auto options = std::make_shared<CheckOptions>();
  AddDaemonOption(command, &options->daemon);
  command->add_flag("--all", options->all, "a line for each readiness check and each rank too");
  AddOutputOption(command, &options->form);
  command->callback([&line, options] {
    line.run = [options](const Environment& environment) { return Check(*options, environment); };
  });
}

}  // namespace ballast::ctl
