#include "client/ctl/workers_command.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/ctl/query_client.h"
#include "client/ctl/text_table.h"
#include "client/ctl/watch.h"
#include "proto/wire/query_names.h"

namespace ballast::ctl {
namespace {

struct WorkersOptions {
  std::string daemon;
  std::string group;
  std::string state;
  bool watch = false;
  OutputForm form = OutputForm::kTable;
};

// The last four digits tell a restart; -o json has all.
std::string ShowIncarnation(const v1::WorkerStatus& worker) {
  return worker.incarnation() == 0 ? "-" : absl::StrFormat("%04x", worker.incarnation() & 0xffff);
}

std::vector<std::string> WorkerLine(const v1::WorkerStatus& worker) {
  const bool known = worker.incarnation() != 0;
  const double age = worker.last_report_age_seconds();
  return {absl::StrCat(worker.rank()),
          absl::StrCat(worker.row()),
          ShowIncarnation(worker),
          worker.state(),
          known ? ShowPlan(worker.active()) : "-",
          worker.has_held() ? ShowPlan(worker.held()) : "-",
          age < 0 ? "never" : BriefSeconds(age),
          absl::StrCat(worker.step()),
          worker.detail().empty() ? "-" : worker.detail()};
}

void AddWorkers(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("workers", "List the ranks and what each runs");
  auto options = std::make_shared<WorkersOptions>();
  AddDaemonOption(command, &options->daemon);
  command->add_option("--group", options->group, "this EP group only");
  std::vector<std::pair<std::string, std::string>> states;
  for (const char* state : kWorkerStates) states.emplace_back(state, state);
  AddChoice<std::string>(command, "--state", "ranks in this state only", std::move(states),
                         &options->state);
  command->add_flag("-w,--watch", options->watch, "show again every second until Ctrl-C");
  AddOutputOption(command, &options->form);
  command->callback([&line, options] {
    line.run = [options](const Environment& environment) {
      QueryClient client(options->daemon);
      const Screen screen = [&](std::ostream& out) -> std::optional<CtlError> {
        v1::ListWorkersRequest request;
        request.set_ep_group(options->group);
        request.set_state(options->state);
        v1::WorkerList answer;
        if (auto error = client.Call(&v1::Query::Stub::ListWorkers, request, &answer)) return error;
        Show(answer, options->form, &PrintWorkersTable, out);
        return std::nullopt;
      };
      if (options->watch) return Watch(environment, options->form, screen);
      return ShowOnce(environment, options->form, screen);
    };
  });
}

void AddGroups(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand("groups", "List the EP groups and what they are");
  auto options = std::make_shared<WorkersOptions>();
  AddDaemonOption(command, &options->daemon);
  AddOutputOption(command, &options->form);
  command->callback([&line, options] {
    line.run = [options](const Environment& environment) {
      QueryClient client(options->daemon);
      const Screen screen = [&](std::ostream& out) -> std::optional<CtlError> {
        v1::GroupList answer;
        if (auto error =
                client.Call(&v1::Query::Stub::ListGroups, v1::ListGroupsRequest(), &answer)) {
          return error;
        }
        Show(answer, options->form, &PrintGroupsTable, out);
        return std::nullopt;
      };
      return ShowOnce(environment, options->form, screen);
    };
  });
}

}  // namespace

void PrintWorkersTable(const v1::WorkerList& list, std::ostream& out) {
  const bool many = list.groups_size() > 1;
  std::vector<std::string> headings = {">RANK", ">ROW",         "INCARNATION", "STATE", "ACTIVE",
                                       "HELD",  ">LAST REPORT", ">STEP",       "DETAIL"};
  if (many) headings.insert(headings.begin(), "GROUP");
  TextTable table(headings);
  for (const v1::GroupWorkers& group : list.groups()) {
    for (const v1::WorkerStatus& worker : group.workers()) {
      std::vector<std::string> cells = WorkerLine(worker);
      if (many) cells.insert(cells.begin(), group.ep_group());
      table.AddLine(std::move(cells));
    }
  }
  table.Print(out);
}

void PrintGroupsTable(const v1::GroupList& list, std::ostream& out) {
  TextTable table({"GROUP", ">LAYERS", ">EXPERTS", ">TOP K", "RANKS", ">ROWS", ">SLOTS", ">SPARE",
                   "PLANNER", "MODE", "PLAN", ">MEMBERSHIP"});
  for (const v1::GroupInfo& group : list.groups()) {
    const std::uint32_t spare = group.slots() - group.shape().num_experts();
    table.AddLine({group.ep_group(), absl::StrCat(group.shape().num_layers()),
                   absl::StrCat(group.shape().num_experts()), absl::StrCat(group.shape().top_k()),
                   absl::StrCat(group.ranks_connected(), "/", group.ranks()),
                   absl::StrCat(group.rows()), absl::StrCat(group.slots()), absl::StrCat(spare),
                   group.planner(), group.mode(), ShowPlan(group.decided()),
                   absl::StrCat(group.membership_gen())});
  }
  table.Print(out);
}

void AddWorkersCommands(CommandLine& line) {
  AddWorkers(line);
  AddGroups(line);
}

}  // namespace ballast::ctl
