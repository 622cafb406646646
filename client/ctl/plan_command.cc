#include "client/ctl/plan_command.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/ctl/query_client.h"
#include "client/ctl/text_table.h"
#include "proto/wire/query_text.h"

namespace ballast::ctl {
namespace {

struct PlanOptions {
  std::string daemon;
  std::string group;
  std::string version;
  int layer = -1;
  OutputForm form = OutputForm::kTable;
};

int ExpertInSlot(const v1::PlacementTable& placement, std::size_t slot) {
  const std::string& bytes = placement.expert_in_slot();
  return static_cast<std::uint8_t>(bytes[2 * slot]) +
         256 * static_cast<std::uint8_t>(bytes[2 * slot + 1]);
}

void PrintHead(const v1::Plan& plan, std::ostream& out) {
  out << absl::StrCat("PLAN       ", plan.ep_group(), " ", ShowPlan(plan.id()), ", ", plan.state(),
                      "\n");
  out << absl::StrCat("BASE       ", ShowPlan(plan.base()), ", ", plan.moved_slots(),
                      " slots moved\n");
  out << absl::StrCat("PLANNER    ", plan.planner().empty() ? "none" : plan.planner(), ": ",
                      plan.reason(), "\n");
  out << absl::StrCat("IMBALANCE  ", Fixed(plan.imbalance_before(), 3), " -> ",
                      Fixed(plan.imbalance_after(), 3), " (max/mean)\n");
  out << absl::StrCat("PROPOSED   ", ShowTime(plan.proposed_unix_seconds()), ", decided ",
                      ShowTime(plan.decided_unix_seconds()), "\n");
  out << absl::StrCat("SHAPE      ", plan.placement().num_layers(),
                      plan.placement().num_layers() == 1 ? " layer x " : " layers x ",
                      plan.shape().num_experts(), " experts in ", plan.placement().num_slots(),
                      " slots\n");
}

// 16 slots a line, each under its place in the first line.
void PrintLayer(const v1::PlacementTable& placement, std::size_t layer, std::ostream& out) {
  constexpr std::size_t kSlotsPerLine = 16;
  for (std::size_t first = 0; first < placement.num_slots(); first += kSlotsPerLine) {
    std::string line = first == 0 ? absl::StrCat("layer ", layer) : "";
    line.resize(10, ' ');
    std::string start = absl::StrCat(first);
    line += std::string(6 - std::min<std::size_t>(start.size(), 5), ' ') + start + " |";
    for (std::size_t slot = first; slot < first + kSlotsPerLine && slot < placement.num_slots();
         ++slot) {
      const std::string expert =
          absl::StrCat(ExpertInSlot(placement, layer * placement.num_slots() + slot));
      line += std::string(5 - std::min<std::size_t>(expert.size(), 4), ' ') + expert;
    }
    out << line << "\n";
  }
}

std::optional<CtlError> FetchPlan(const PlanOptions& options, v1::Plan* plan) {
  v1::GetPlanRequest request;
  request.set_ep_group(options.group);
  if (!options.version.empty()) {
    const absl::Status status = ParsePlanVersion(options.version, request.mutable_version());
    if (!status.ok()) return UsageError("--version", status);
  }
  QueryClient client(options.daemon);
  return client.Call(&v1::Query::Stub::GetPlan, request, plan);
}

int GetPlan(const PlanOptions& options, const Environment& environment) {
  v1::Plan plan;
  if (auto error = FetchPlan(options, &plan)) {
    return Fail(*error, options.form, environment.streams);
  }
  const int num_layers = static_cast<int>(plan.placement().num_layers());
  if (options.layer >= num_layers) {
    return Fail(MakeError(kExitRefused, absl::StatusCode::kOutOfRange,
                          absl::StrCat("layer ", options.layer, " out of [0, ", num_layers, ")")),
                options.form, environment.streams);
  }
  if (options.form != OutputForm::kTable) {
    PrintMessage(plan, options.form, environment.streams.out);
    return kExitOk;
  }
  if (PrintPlanTable(plan, options.layer, environment.streams.out)) return kExitOk;
  return Fail(MakeError(kExitRefused, absl::StatusCode::kDataLoss,
                        absl::StrCat("the daemon sent ", plan.placement().expert_in_slot().size(),
                                     " bytes for ", num_layers, " layers x ",
                                     plan.placement().num_slots(), " slots of 2 bytes")),
              options.form, environment.streams);
}

}  // namespace

bool PrintPlanTable(const v1::Plan& plan, int layer, std::ostream& out) {
  const v1::PlacementTable& placement = plan.placement();
  const std::uint64_t slots = std::uint64_t{placement.num_layers()} * placement.num_slots();
  if (placement.expert_in_slot().size() != 2 * slots) return false;
  PrintHead(plan, out);
  for (std::size_t i = 0; i < placement.num_layers(); ++i) {
    if (layer < 0 || i == static_cast<std::size_t>(layer)) PrintLayer(placement, i, out);
  }
  return true;
}

void AddPlanCommands(CommandLine& line) {
  CLI::App* plan = line.app.add_subcommand("plan", "Read the plans of a daemon");
  plan->require_subcommand(1);
  CLI::App* get = plan->add_subcommand("get", "Print a plan with its placement");
  auto options = std::make_shared<PlanOptions>();
  AddDaemonOption(get, &options->daemon);
  get->add_option("--group", options->group, "EP group; not needed if there is one");
  get->add_option("--version", options->version, "TERM.SEQUENCE; the newest decided by default");
  get->add_option("--layer", options->layer, "print this layer only (table)")
      ->check(CLI::NonNegativeNumber);
  AddOutputOption(get, &options->form);
  get->callback([&line, options] {
    line.run = [options](const Environment& environment) { return GetPlan(*options, environment); };
  });
}

}  // namespace ballast::ctl
