#include "client/ctl/coverage_command.h"

#include <algorithm>
#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/ctl/query_client.h"
#include "client/ctl/rank_list.h"
#include "client/ctl/text_table.h"
#include "proto/wire/query_text.h"

namespace ballast::ctl {
namespace {

// Chosen: a line of a terminal.
constexpr int kPairsShown = 10;

struct CoverageOptions {
  std::string daemon;
  std::string group;
  std::string lose;
  std::string version;
  OutputForm form = OutputForm::kTable;
};

std::uint32_t Pairs(const v1::Coverage& coverage) { return coverage.layers() * coverage.experts(); }

// "L12:e44 L12:e90 ... and 4 more".
std::string ShowUncovered(const v1::Coverage& coverage) {
  std::string text;
  const int shown = std::min(coverage.first_uncovered_size(), kPairsShown);
  for (int i = 0; i < shown; ++i) {
    const v1::UncoveredExpert& pair = coverage.first_uncovered(i);
    absl::StrAppend(&text, i == 0 ? "" : " ", "L", pair.layer(), ":e", pair.expert());
  }
  const std::uint32_t hidden = coverage.uncovered() - static_cast<std::uint32_t>(shown);
  if (hidden > 0) absl::StrAppend(&text, " and ", hidden, " more");
  return text;
}

template <typename Counts>
void PrintAnyOne(const char* place, const Counts& counts, std::ostream& out) {
  const auto worst = std::max_element(counts.begin(), counts.end());
  const auto losing =
      std::count_if(counts.begin(), counts.end(), [](std::uint32_t pairs) { return pairs > 0; });
  if (losing == 0) {
    out << "ok    any one " << place << " may be lost: each pair keeps a replica\n";
    return;
  }
  out << absl::StrCat("FAIL  any one ", place, " lost: ", losing, " of ", counts.size(), " ", place,
                      "s take pairs with them; the worst is ", place, " ", worst - counts.begin(),
                      " with ", *worst, "\n");
}

void PrintNow(const v1::Coverage& coverage, std::ostream& out) {
  if (coverage.gone_ranks().empty()) return;
  out << absl::StrCat(coverage.uncovered_now() > 0 ? "FAIL  " : "ok    ", "now, with ",
                      coverage.gone_ranks_size(), " of ", coverage.ranks(), " ranks gone (",
                      ShowRanks(coverage.gone_ranks()), "): ", coverage.uncovered_now(),
                      " pairs have no replica\n");
}

void PrintLoss(const v1::Coverage& coverage, const std::string& lose, std::ostream& out) {
  const std::string ranks = coverage.lost_ranks_size() == 1 ? "rank " : "ranks ";
  const std::string without =
      absl::StrCat(lose, " (", ranks, ShowRanks(coverage.lost_ranks()), ")");
  if (coverage.uncovered() == 0) {
    out << absl::StrCat("ok    each of ", Pairs(coverage),
                        " layer-expert pairs keeps a replica without ", without, "\n");
    return;
  }
  out << absl::StrCat("FAIL  ", coverage.uncovered(), " of ", Pairs(coverage),
                      " layer-expert pairs would have no replica without ", without, ": ",
                      ShowUncovered(coverage), "\n");
}

int Coverage(const CoverageOptions& options, const Environment& environment) {
  v1::GetCoverageRequest request;
  request.set_ep_group(options.group);
  std::optional<CtlError> error;
  if (const absl::Status lost = ParseLoss(options.lose, &request); !lost.ok()) {
    error = UsageError("--lose", lost);
  } else if (!options.version.empty()) {
    const absl::Status version = ParsePlanVersion(options.version, request.mutable_version());
    if (!version.ok()) error = UsageError("--version", version);
  }
  v1::Coverage coverage;
  if (!error.has_value()) {
    QueryClient client(options.daemon);
    error = client.Call(&v1::Query::Stub::GetCoverage, request, &coverage);
  }
  if (error.has_value()) return Fail(*error, options.form, environment.streams);
  if (options.form == OutputForm::kTable) {
    PrintCoverage(coverage, options.lose, environment.streams.out);
  } else {
    PrintMessage(coverage, options.form, environment.streams.out);
  }
  return IsCovered(coverage) ? kExitOk : kExitDiffers;
}

}  // namespace

bool IsCovered(const v1::Coverage& coverage) {
  if (!coverage.lost_ranks().empty()) return coverage.uncovered() == 0;
  const bool rows = coverage.rows() > 1 && coverage.single_row_experts() > 0;
  return coverage.single_rank_experts() == 0 && !rows && coverage.uncovered_now() == 0;
}

void PrintCoverage(const v1::Coverage& coverage, const std::string& lose, std::ostream& out) {
  const bool initial = coverage.plan().version().sequence() == 0;
  out << absl::StrCat(
      coverage.ep_group(), ", ",
      initial ? "the initial plan" : absl::StrCat("plan ", ShowPlan(coverage.plan())), ": ",
      coverage.layers(), " layers x ", coverage.experts(), " experts on ", coverage.ranks(),
      " ranks in ", coverage.rows(), coverage.rows() == 1 ? " row\n" : " rows\n");
  if (!coverage.lost_ranks().empty()) {
    PrintLoss(coverage, lose, out);
    return;
  }
  PrintNow(coverage, out);
  PrintAnyOne("rank", coverage.lost_with_rank(), out);
  if (coverage.rows() > 1) PrintAnyOne("row", coverage.lost_with_row(), out);
  const double pairs = std::max(1u, Pairs(coverage));
  out << absl::StrCat(coverage.single_rank_experts(), " of ", Pairs(coverage), " pairs (",
                      Percent(coverage.single_rank_experts() / pairs), ") sit on one rank only, ",
                      coverage.single_row_experts(), " (",
                      Percent(coverage.single_row_experts() / pairs), ") in one row only\n");
}

void AddCoverageCommand(CommandLine& line) {
  CLI::App* command = line.app.add_subcommand(
      "coverage", "Say which experts a placement loses with ranks or rows; exit 1 if any");
  auto options = std::make_shared<CoverageOptions>();
  AddDaemonOption(command, &options->daemon);
  command->add_option("group,--group", options->group, "EP group; not needed if there is one");
  command->add_option("--lose", options->lose,
                      "row3, rank17 or rank17-19, several with commas; without it any one rank "
                      "and any one row");
  command->add_option("--version,--plan", options->version,
                      "TERM.SEQUENCE or initial; the newest decided plan by default");
  AddOutputOption(command, &options->form);
  command->callback([&line, options] {
    line.run = [options](const Environment& environment) {
      return Coverage(*options, environment);
    };
  });
}

}  // namespace ballast::ctl
