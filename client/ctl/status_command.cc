#include "client/ctl/status_command.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/ctl/query_client.h"
#include "client/ctl/text_table.h"
#include "client/ctl/watch.h"
#include "proto/wire/query_names.h"

namespace ballast::ctl {
namespace {

struct StatusOptions {
  std::string daemon;
  std::string group;
  bool watch = false;
  OutputForm form = OutputForm::kTable;
};

// A ratio that nobody has measured yet is 0 on the wire.
std::string ShowRatio(double ratio) { return ratio > 0 ? Fixed(ratio, 2) : "-"; }

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

bool IsIdle(const v1::GroupStatus& group) { return group.phase() == kIdlePhase; }

std::string ShowPhase(const v1::GroupStatus& group) {
  std::string phase = group.phase();
  if (!IsIdle(group)) absl::StrAppend(&phase, " ", BriefSeconds(group.phase_age_seconds()));
  if (group.paused()) absl::StrAppend(&phase, ", paused");
  if (group.observe_only()) absl::StrAppend(&phase, ", observes");
  return phase;
}

// For how long the plan is decided, or how many ranks run it if not all do.
std::string ShowActive(const v1::DaemonStatus& status, const v1::GroupStatus& group) {
  if (!group.active_everywhere()) return absl::StrCat(group.ranks_active(), "/", group.ranks());
  if (group.decided_unix_seconds() <= 0) return "all";
  return BriefSeconds(status.now_unix_seconds() - group.decided_unix_seconds());
}

std::string ShowAlarms(const v1::GroupStatus& group) {
  if (group.alarms().empty()) return "-";
  const int more = group.alarms_size() - 1;
  return absl::StrCat(group.alarms(0).detail(), more == 0 ? "" : absl::StrCat(" (+", more, ")"));
}

void PrintGroups(const v1::DaemonStatus& status, std::ostream& out) {
  TextTable table(
      {"GROUP", "RANKS", "PLAN", "ACTIVE", "IMBALANCE now/planned/before", "PHASE", "ALARMS"});
  for (const v1::GroupStatus& group : status.groups()) {
    table.AddLine({group.ep_group(), absl::StrCat(group.ranks_connected(), "/", group.ranks()),
                   ShowPlan(group.decided()), ShowActive(status, group),
                   absl::StrCat(ShowRatio(group.imbalance_measured()), " / ",
                                ShowRatio(group.imbalance_planned()), " / ",
                                ShowRatio(group.imbalance_initial())),
                   ShowPhase(group), ShowAlarms(group)});
  }
  table.Print(out);
}

// The command that shows what an alarm is about.
std::string CommandFor(const v1::GroupStatus& group) {
  constexpr std::pair<const char*, const char*> kStateOf[] = {
      {"ranks_missing", "gone"},    {"ranks_silent", "stale"}, {"ranks_nacked", "nacked"},
      {"ranks_lagging", "lagging"}, {"ranks_stale", "stale"},  {"ranks_ahead", "ahead"},
      {"ranks_left", "left"},
  };
  const std::string& name = group.alarms().empty() ? "" : group.alarms(0).name();
  for (const auto& [alarm, state] : kStateOf) {
    if (name != alarm) continue;
    return absl::StrCat("ballastctl workers --group ", group.ep_group(), " --state ", state);
  }
  if (!name.empty() && name != "reports_missing") {
    return absl::StrCat("ballastctl workers --group ", group.ep_group());
  }
  return absl::StrCat("ballastctl explain ", group.ep_group());
}

// "plan 7.13 (a91f03c2) is preparing; it is aborted after 1m0s without progress"
std::string ShowRollout(const v1::GroupStatus& group) {
  const bool open = group.has_candidate();
  std::string text = absl::StrCat("plan ", ShowPlan(open ? group.candidate() : group.decided()),
                                  " is ", group.phase());
  if (group.phase() == "preparing") {
    absl::StrAppend(&text, "; it is aborted after ", BriefSeconds(group.prepare_timeout_seconds()),
                    " without progress");
  } else if (!open) {
    absl::StrAppend(&text, "; it is decided and only goes forward");
  }
  return text;
}

}  // namespace

std::string NextStep(const v1::GroupStatus& group) {
  const std::string& name = group.ep_group();
  const std::string see = absl::StrCat(".  See: ", CommandFor(group));
  if (!group.alarms().empty()) {
    // Of a second process of a rank that is there; planning goes on.
    const bool harmless = group.alarms_size() == 1 && group.alarms(0).name() == "ranks_refused" &&
                          group.ranks_connected() == group.ranks();
    const std::string effect = !IsIdle(group) ? ShowRollout(group)
                               : harmless     ? "planning goes on"
                                              : "no new plan before that is mended";
    return absl::StrCat(name, ": ", group.alarms(0).detail(), "; ", effect, see);
  }
  if (!IsIdle(group)) {
    return absl::StrCat(name, ": ", ShowRollout(group),
                        group.waiting_for().empty() ? "" : "; waits for ", group.waiting_for(),
                        ".  See: ballastctl workers --group ", name);
  }
  if (group.paused()) {
    return absl::StrCat(name, ": paused by ", group.paused_by(),
                        group.paused_reason().empty() ? "" : ": ", group.paused_reason(),
                        ".  Go on with: ballastctl plan resume --group ", name);
  }
  if (group.observe_only()) {
    return absl::StrCat(name, ": observes only, adopts no plan", see);
  }
  if (group.hold() == "coverage_low") {
    return absl::StrCat(name, ": waits for reports of more ranks", see);
  }
  if (group.hold() == "window_young") {
    return absl::StrCat(name, ": waits for more batches of load", see);
  }
  return "";
}

bool IsHealthy(const v1::DaemonStatus& status) {
  if (!status.deposed().empty()) return false;
  for (const v1::GroupStatus& group : status.groups()) {
    const bool complete = group.ranks_connected() == group.ranks() && group.active_everywhere();
    if (!group.alarms().empty() || (!complete && !group.observe_only())) return false;
  }
  return true;
}

void PrintStatusTable(const v1::DaemonStatus& status, std::ostream& out) {
  out << absl::StrCat(status.deposed().empty() ? "LEADER  " : "DEPOSED  ",
                      OrDash(status.daemon_id()), "  term ", status.term(), "  up ",
                      BriefSeconds(status.uptime_seconds()), "  version ", OrDash(status.version()),
                      "\n");
  PrintGroups(status, out);
  if (!status.deposed().empty()) {
    out << "NEXT  a later daemon has the store of this one (" << status.deposed()
        << "): ask that one, and end this one\n";
  }
  for (const v1::GroupStatus& group : status.groups()) {
    const std::string next = NextStep(group);
    if (!next.empty()) out << "NEXT  " << next << "\n";
  }
}

void AddStatusCommand(CommandLine& line) {
  CLI::App* status = line.app.add_subcommand(
      "status", "Show the daemon and its EP groups; exit 1 if one is not healthy");
  auto options = std::make_shared<StatusOptions>();
  AddDaemonOption(status, &options->daemon);
  status->add_option("--group", options->group, "this EP group only");
  status->add_flag("-w,--watch", options->watch, "show again every second until Ctrl-C");
  AddOutputOption(status, &options->form);
  status->callback([&line, options] {
    line.run = [options](const Environment& environment) {
      QueryClient client(options->daemon);
      int code = kExitOk;
      const Screen screen = [&](std::ostream& out) -> std::optional<CtlError> {
        v1::GetStatusRequest request;
        request.set_ep_group(options->group);
        v1::DaemonStatus answer;
        if (auto error = client.Call(&v1::Query::Stub::GetStatus, request, &answer)) return error;
        code = IsHealthy(answer) ? kExitOk : kExitDiffers;
        Show(answer, options->form, &PrintStatusTable, out);
        return std::nullopt;
      };
      if (options->watch) return Watch(environment, options->form, screen);
      const int failed = ShowOnce(environment, options->form, screen);
      return failed == kExitOk ? code : failed;
    };
  });
}

}  // namespace ballast::ctl
