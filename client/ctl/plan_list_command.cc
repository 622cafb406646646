#include "client/ctl/plan_list_command.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/ctl/query_client.h"
#include "client/ctl/text_table.h"
#include "client/ctl/watch.h"

namespace ballast::ctl {
namespace {

// As many as the daemon answers with.
constexpr std::uint32_t kMaxPlans = 1000;

struct ListOptions {
  std::string daemon;
  std::string group;
  std::uint32_t last = 20;
  OutputForm form = OutputForm::kTable;
};

std::string ShowImbalance(const v1::PlanSummary& plan) {
  return absl::StrCat(Fixed(plan.imbalance_before(), 2), " -> ", Fixed(plan.imbalance_after(), 2));
}

std::string ShowMovedBytes(const v1::PlanSummary& plan) {
  if (plan.decision() == 0) return "-";
  return ShowBytes(plan.same_row_bytes() + plan.cross_row_bytes());
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

// The planner, or that an operator asked for it.
std::string ShowAuthor(const v1::PlanSummary& plan) {
  const bool steered = plan.origin() == "forced" || plan.origin() == "rollback";
  return steered ? absl::StrCat("operator (", plan.origin(), ")") : OrDash(plan.planner());
}

std::optional<CtlError> FetchPlans(QueryClient& client, const ListOptions& options,
                                   v1::PlanList* list) {
  v1::ListPlansRequest request;
  request.set_ep_group(options.group);
  request.set_limit(options.last);
  return client.Call(&v1::Query::Stub::ListPlans, request, list);
}

// What of a plan changes while it is watched.
std::string ShowProgress(const v1::PlanSummary& plan) {
  if (!plan.waiting_for().empty()) {
    return absl::StrCat(plan.phase(), "  waits for ", plan.waiting_for());
  }
  // An outcome begins with the phase that it gives the reason of.
  const bool ended = plan.outcome().rfind(plan.phase(), 0) == 0;
  return ended ? plan.outcome() : plan.phase();
}

void PrintChange(const v1::PlanList& list, const v1::PlanSummary& plan, const std::string& progress,
                 OutputForm form, std::ostream& out) {
  if (form == OutputForm::kTable) {
    out << absl::StrCat(ShowTime(list.now_unix_seconds()), "  ", list.ep_group(), "  ",
                        ShowPlan(plan.id()), "  ", progress, "\n");
    return;
  }
  if (form == OutputForm::kYaml) out << "---\n";
  PrintMessage(plan, form, out);
}

// Asks every second and prints what is new, the oldest plan first; at first the newest plan
// alone. A daemon that does not answer is told once, and asked again.
int WatchPlans(const ListOptions& options, const Environment& environment) {
  QueryClient client(options.daemon);
  std::map<std::uint64_t, std::string> seen;  // By sequence.
  bool first = true;
  bool reachable = true;
  std::ostream& out = environment.streams.out;
  for (; out.good(); Sleep(environment.clock, absl::Seconds(1))) {
    v1::PlanList list;
    if (const auto error = FetchPlans(client, options, &list)) {
      // What was never answered is a mistake of the command line more likely than a restart.
      if (first) return Fail(*error, options.form, environment.streams);
      if (std::exchange(reachable, false)) environment.streams.err << error->message << "\n";
      continue;
    }
    reachable = true;
    for (int i = list.plans_size() - 1; i >= 0; --i) {
      const v1::PlanSummary& plan = list.plans(i);
      const std::string progress = ShowProgress(plan);
      if (std::exchange(seen[plan.id().version().sequence()], progress) == progress) continue;
      if (first && i > 0) continue;
      PrintChange(list, plan, progress, options.form, out);
    }
    out << std::flush;
    first = false;
  }
  return kExitOk;
}

int ShowPlans(const ListOptions& options, void (*table)(const v1::PlanList&, std::ostream&),
              const Environment& environment) {
  QueryClient client(options.daemon);
  return ShowOnce(environment, options.form, [&](std::ostream& out) -> std::optional<CtlError> {
    v1::PlanList list;
    if (auto error = FetchPlans(client, options, &list)) return error;
    Show(list, options.form, table, out);
    return std::nullopt;
  });
}

void AddListCommand(CommandLine& line, const std::string& name, const std::string& help,
                    std::function<int(const ListOptions&, const Environment&)> run) {
  CLI::App* command = line.app.get_subcommand("plan")->add_subcommand(name, help);
  auto options = std::make_shared<ListOptions>();
  AddDaemonOption(command, &options->daemon);
  command->add_option("--group", options->group, "EP group; not needed if there is one");
  command->add_option("--last", options->last, "so many plans, the newest")
      ->check(CLI::Range(std::uint32_t{1}, kMaxPlans))
      ->capture_default_str();
  AddOutputOption(command, &options->form);
  command->callback([&line, options, run = std::move(run)] {
    line.run = [options, run](const Environment& environment) {
      return run(*options, environment);
    };
  });
}

}  // namespace

void PrintPlanList(const v1::PlanList& list, std::ostream& out) {
  TextTable table({"PLAN", "PHASE", "LIVE", ">AGE", "IMBALANCE", ">MOVES", ">BYTES", "BY"});
  for (const v1::PlanSummary& plan : list.plans()) {
    table.AddLine({ShowPlan(plan.id()), plan.phase(), plan.current() ? "yes" : "-",
                   BriefSeconds(list.now_unix_seconds() - plan.proposed_unix_seconds()),
                   ShowImbalance(plan), absl::StrCat(plan.moved_slots()), ShowMovedBytes(plan),
                   ShowAuthor(plan)});
  }
  table.Print(out);
}

void PrintPlanHistory(const v1::PlanList& list, std::ostream& out) {
  TextTable table({"PLAN", "PROPOSED", "BASE", ">MOVES", "BY", "OUTCOME", "REASON"});
  for (const v1::PlanSummary& plan : list.plans()) {
    const bool aborted = plan.phase() == "aborted";
    table.AddLine({ShowPlan(plan.id()), ShowTime(plan.proposed_unix_seconds()),
                   ShowPlan(plan.base()), absl::StrCat(plan.moved_slots()), ShowAuthor(plan),
                   plan.outcome().empty() ? plan.phase() : plan.outcome(),
                   // That of an aborted plan stands in its outcome.
                   aborted ? "-" : OrDash(plan.reason())});
  }
  table.Print(out);
}

void AddPlanListCommands(CommandLine& line) {
  AddListCommand(line, "list", "List the plans of a group, the newest first",
                 [](const ListOptions& options, const Environment& environment) {
                   return ShowPlans(options, &PrintPlanList, environment);
                 });
  AddListCommand(line, "history", "List how the plans of a group came and ended",
                 [](const ListOptions& options, const Environment& environment) {
                   return ShowPlans(options, &PrintPlanHistory, environment);
                 });
  AddListCommand(line, "watch", "Print a line for each change of a plan, until Ctrl-C", WatchPlans);
}

}  // namespace ballast::ctl
