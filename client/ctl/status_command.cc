#include "client/ctl/status_command.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/ctl/query_client.h"
#include "client/ctl/text_table.h"

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

std::string ShowPhase(const v1::GroupStatus& group) {
  if (group.phase() == "idle" || group.phase().empty()) return "idle";
  return absl::StrCat(group.phase(), " ", BriefSeconds(group.phase_age_seconds()));
}

void PrintGroups(const v1::DaemonStatus& status, std::ostream& out) {
  TextTable table({"GROUP", "RANKS", "PLAN", "ACTIVE", "IMBALANCE now/planned/before", "PHASE",
                   ">STEP", ">SOLVES", ">ADOPTED", ">MOVED", "WAITING FOR"});
  for (const v1::GroupStatus& group : status.groups()) {
    table.AddLine({group.ep_group(), absl::StrCat(group.ranks_connected(), "/", group.ranks()),
                   ShowPlan(group.decided()), group.active_everywhere() ? "all" : "not all",
                   absl::StrCat(ShowRatio(group.imbalance_measured()), " / ",
                                ShowRatio(group.imbalance_planned()), " / ",
                                ShowRatio(group.imbalance_initial())),
                   ShowPhase(group), absl::StrCat(group.step()), absl::StrCat(group.solves()),
                   absl::StrCat(group.plans_adopted()), absl::StrCat(group.moved_slots_total()),
                   OrDash(group.waiting_for())});
  }
  table.Print(out);
}

// Workers that are not synced; of each group the first few, as a whole group that is
// away would fill the screen.
void PrintWorkers(const v1::DaemonStatus& status, std::ostream& out) {
  constexpr int kShownPerGroup = 16;
  TextTable table({"GROUP", ">RANK", "STATE", "ACTIVE", "LAST REPORT", ">STEP", "DETAIL"});
  int hidden = 0;
  for (const v1::GroupStatus& group : status.groups()) {
    int shown = 0;
    for (const v1::WorkerStatus& worker : group.workers()) {
      if (worker.state() == "synced") continue;
      if (shown++ >= kShownPerGroup) {
        ++hidden;
        continue;
      }
      const double age = worker.last_report_age_seconds();
      table.AddLine({group.ep_group(), absl::StrCat(worker.rank()), worker.state(),
                     ShowPlan(worker.active()), age < 0 ? "never" : BriefSeconds(age),
                     absl::StrCat(worker.step()), OrDash(worker.detail())});
    }
  }
  if (table.empty()) return;
  out << "\n";
  table.Print(out);
  if (hidden > 0) out << "and " << hidden << " more; -o json has them all\n";
}

// Why nothing is solved now, and what was decided last.
void PrintReasons(const v1::DaemonStatus& status, std::ostream& out) {
  std::string text;
  for (const v1::GroupStatus& group : status.groups()) {
    if (!group.candidate().digest().empty()) {
      absl::StrAppend(&text, group.ep_group(), ": ", ShowPlan(group.candidate()),
                      " is on its way\n");
    }
    if (!group.last_decision().empty()) {
      absl::StrAppend(&text, group.ep_group(), ": ", group.last_decision(), "\n");
    }
    if (group.paused()) {
      absl::StrAppend(&text, group.ep_group(), ": paused by ", group.paused_by(),
                      group.paused_reason().empty() ? "" : ": ", group.paused_reason(), "\n");
    }
    if (group.observe_only()) {
      absl::StrAppend(&text, group.ep_group(), ": observes only, adopts no plan\n");
    }
  }
  if (!text.empty()) out << "\n" << text;
}

std::optional<CtlError> ShowOnce(QueryClient& client, const StatusOptions& options,
                                 std::ostream& out, bool* healthy) {
  v1::GetStatusRequest request;
  request.set_ep_group(options.group);
  v1::DaemonStatus status;
  if (auto error = client.GetStatus(request, &status)) return error;
  *healthy = IsHealthy(status);
  if (options.form == OutputForm::kTable) {
    PrintStatusTable(status, out);
  } else {
    PrintMessage(status, options.form, out);
  }
  out << std::flush;
  return std::nullopt;
}

void SleepOneSecond(Clock& clock) {
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  bool never = false;
  clock.WaitUntil(mutex, absl::Condition(&never), clock.Uptime() + absl::Seconds(1));
}

int Watch(const StatusOptions& options, const Environment& environment) {
  QueryClient client(options.daemon);
  while (environment.streams.out.good()) {
    bool healthy = false;
    // A daemon that restarts is what one watches for: say so and ask again.
    if (auto error = ShowOnce(client, options, environment.streams.out, &healthy)) {
      Fail(*error, options.form, environment.streams);
    }
    SleepOneSecond(environment.clock);
    if (options.form == OutputForm::kTable) environment.streams.out << "\n";
  }
  return kExitOk;
}

int Status(const StatusOptions& options, const Environment& environment) {
  if (options.watch) return Watch(options, environment);
  QueryClient client(options.daemon);
  bool healthy = false;
  if (auto error = ShowOnce(client, options, environment.streams.out, &healthy)) {
    return Fail(*error, options.form, environment.streams);
  }
  return healthy ? kExitOk : kExitDiffers;
}

}  // namespace

bool IsHealthy(const v1::DaemonStatus& status) {
  for (const v1::GroupStatus& group : status.groups()) {
    if (group.ranks_connected() < group.ranks() || !group.active_everywhere()) return false;
  }
  return true;
}

void PrintStatusTable(const v1::DaemonStatus& status, std::ostream& out) {
  out << absl::StrCat("DAEMON  ", OrDash(status.daemon_id()), "  version ",
                      OrDash(status.version()), "  term ", status.term(), "  up ",
                      BriefSeconds(status.uptime_seconds()), "\n");
  PrintGroups(status, out);
  PrintWorkers(status, out);
  PrintReasons(status, out);
}

void AddStatusCommand(CommandLine& line) {
  CLI::App* status = line.app.add_subcommand("status", "Show the daemon and its EP groups");
  auto options = std::make_shared<StatusOptions>();
  AddDaemonOption(status, &options->daemon);
  status->add_option("--group", options->group, "this EP group only");
  status->add_flag("-w,--watch", options->watch, "show again every second until Ctrl-C");
  AddOutputOption(status, &options->form);
  status->callback([&line, options] {
    line.run = [options](const Environment& environment) { return Status(*options, environment); };
  });
}

}  // namespace ballast::ctl
