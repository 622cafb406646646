#include "client/ctl/plan_diff_command.h"

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/ctl/query_client.h"
#include "client/ctl/text_table.h"
#include "client/ctl/watch.h"
#include "proto/wire/query_text.h"

namespace ballast::ctl {
namespace {

// Chosen: a line of a terminal; `-o json` has all.
constexpr int kShownReplicas = 4;

struct DiffOptions {
  std::string daemon;
  std::string group;
  std::string from;
  std::string to;
  int layer = -1;
  OutputForm form = OutputForm::kTable;
};

// "1.44 -> 1.07"; a ratio that is not known is 0.
std::string ShowRatios(double before, double after) {
  return before > 0 ? absl::StrCat(Fixed(before, 2), " -> ", Fixed(after, 2)) : "-";
}

// "e201 2->3, e7 3->2".
std::string ShowReplicas(const v1::LayerDiff& layer) {
  std::string text;
  for (int i = 0; i < layer.replicas_size() && i < kShownReplicas; ++i) {
    const v1::ReplicaChange& change = layer.replicas(i);
    absl::StrAppend(&text, i == 0 ? "" : ", ", "e", change.expert(), " ", change.before(), "->",
                    change.after());
  }
  const int more = layer.replicas_size() - kShownReplicas;
  if (more > 0) absl::StrAppend(&text, ", ", more, " more");
  return text.empty() ? "-" : text;
}

void PrintTotals(const v1::PlanDiff& diff, std::ostream& out) {
  const std::uint64_t slots = std::uint64_t{diff.layers()} * diff.slots();
  const double share = static_cast<double>(diff.changed_slots()) / static_cast<double>(slots);
  out << absl::StrCat(diff.ep_group(), " ", ShowPlan(diff.from()), " -> ", ShowPlan(diff.to()),
                      ": ", diff.layers(), diff.layers() == 1 ? " layer, " : " layers, ",
                      diff.changed_slots(), " of ", slots, " slots change (", Percent(share), "), ",
                      ShowBytes(diff.moved_bytes()), " moved");
  if (diff.changed_slots() > 0) {
    out << absl::StrCat(" (", ShowBytes(diff.same_row_bytes()), " within a row, ",
                        ShowBytes(diff.cross_row_bytes()), " across rows), est. copy ",
                        absl::StrFormat("%.2g", diff.copy_seconds()), " s, most on rank ",
                        diff.busiest_rank());
  }
  out << "\n";
  if (diff.imbalance_before() > 0) {
    out << absl::StrCat("Mean max/mean on today's load: ",
                        ShowRatios(diff.imbalance_before(), diff.imbalance_after()), "\n");
  }
}

void PrintLayers(const v1::PlanDiff& diff, std::ostream& out) {
  TextTable table({">LAYER", ">MOVES", "REPLICAS +/-", "MAX/MEAN before -> after", "WORST RANK"});
  for (const v1::LayerDiff& layer : diff.layer_diffs()) {
    table.AddLine({absl::StrCat(layer.layer()), absl::StrCat(layer.moves_size()),
                   layer.moves().empty() ? "shares only" : ShowReplicas(layer),
                   ShowRatios(layer.imbalance_before(), layer.imbalance_after()),
                   layer.worst_rank() < 0 ? "-" : absl::StrCat("rank ", layer.worst_rank())});
  }
  table.Print(out);
  const int unchanged = static_cast<int>(diff.layers()) - diff.layer_diffs_size();
  if (unchanged > 0) {
    out << "(" << unchanged << (unchanged == 1 ? " layer" : " layers") << " unchanged)\n";
  }
}

void PrintMoves(const v1::LayerDiff& layer, std::ostream& out) {
  TextTable table({">SLOT", ">RANK", "EXPERT", "LOADED FROM"});
  for (const v1::SlotMove& move : layer.moves()) {
    table.AddLine({absl::StrCat(move.slot()), absl::StrCat(move.rank()),
                   absl::StrCat("e", move.expert_before(), " -> e", move.expert_after()),
                   move.same_row() ? "its row" : "another row"});
  }
  if (!table.empty()) out << "\n";
  if (!table.empty()) table.Print(out);
}

std::optional<CtlError> ParsePlan(const std::string& text, v1::PlanVersion* version) {
  const absl::Status status = ParsePlanVersion(text, version);
  if (status.ok()) return std::nullopt;
  return MakeError(
      kExitUsage, status.code(),
      absl::StrCat("plan ", status.message(), "; ballastctl plan list names the plans there are"));
}

std::optional<CtlError> FetchDiff(const DiffOptions& options, v1::PlanDiff* diff) {
  v1::DiffPlansRequest request;
  request.set_ep_group(options.group);
  if (auto error = ParsePlan(options.from, request.mutable_from())) return error;
  if (!options.to.empty()) {
    if (auto error = ParsePlan(options.to, request.mutable_to())) return error;
  }
  if (options.layer >= 0) request.set_layer(options.layer);
  QueryClient client(options.daemon);
  return client.Call(&v1::Query::Stub::DiffPlans, request, diff);
}

}  // namespace

void PrintPlanDiff(const v1::PlanDiff& diff, std::ostream& out) {
  if (diff.same()) {
    out << absl::StrCat(diff.ep_group(), " ", ShowPlan(diff.from()), " and ", ShowPlan(diff.to()),
                        " are the same in ", diff.layers(),
                        diff.layers() == 1 ? " layer" : " layers", "\n");
    return;
  }
  PrintTotals(diff, out);
  PrintLayers(diff, out);
  if (diff.layers() == 1) PrintMoves(diff.layer_diffs(0), out);
}

void AddPlanDiffCommand(CommandLine& line) {
  CLI::App* command = line.app.get_subcommand("plan")->add_subcommand(
      "diff", "Say what changes from one plan to another; exit 1 if they differ");
  auto options = std::make_shared<DiffOptions>();
  command->add_option("from", options->from, "TERM.SEQUENCE, or initial")->required();
  command->add_option("to", options->to, "the same; the newest decided plan by default");
  AddDaemonOption(command, &options->daemon);
  command->add_option("--group", options->group, "EP group; not needed if there is one");
  command->add_option("--layer", options->layer, "compare this layer only, and list its moves")
      ->check(CLI::NonNegativeNumber);
  AddOutputOption(command, &options->form);
  command->callback([&line, options] {
    line.run = [options](const Environment& environment) {
      bool same = false;
      const Screen screen = [&](std::ostream& out) -> std::optional<CtlError> {
        v1::PlanDiff diff;
        if (auto error = FetchDiff(*options, &diff)) return error;
        same = diff.same();
        Show(diff, options->form, &PrintPlanDiff, out);
        return std::nullopt;
      };
      const int failed = ShowOnce(environment, options->form, screen);
      if (failed != kExitOk) return failed;
      return same ? static_cast<int>(kExitOk) : static_cast<int>(kExitDiffers);
    };
  });
}

}  // namespace ballast::ctl
