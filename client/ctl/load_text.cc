#include "client/ctl/load_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/ctl/query_client.h"
#include "client/ctl/text_table.h"

namespace ballast::ctl {
namespace {

// A line of a table, and what it is sorted by.
struct Entry {
  double key = 0;
  std::vector<std::string> cells;
};

// A ratio that no report tells is 0 on the wire.
std::string Ratio(double ratio) { return ratio > 0 ? Fixed(ratio, 3) : "-"; }

std::string Age(double seconds) { return seconds < 0 ? "never" : BriefSeconds(seconds); }

void PrintSorted(const std::vector<std::string>& headings, std::vector<Entry> entries, int top,
                 std::ostream& out) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.key > b.key; });
  const std::size_t shown =
      top == 0 ? entries.size() : std::min(entries.size(), static_cast<std::size_t>(top));
  TextTable table(headings);
  for (std::size_t i = 0; i < shown; ++i) table.AddLine(std::move(entries[i].cells));
  table.Print(out);
  if (shown < entries.size()) {
    out << absl::StrCat("and ", entries.size() - shown, " more; --top 0 shows all\n");
  }
}

void PrintRanks(const v1::GroupLoad& load, int top, std::ostream& out) {
  std::vector<Entry> entries;
  for (const v1::RankLoad& rank : load.ranks()) {
    entries.push_back(
        {rank.ratio_estimated(),
         {absl::StrCat(rank.rank()), absl::StrCat(rank.row()), absl::StrCat(rank.slots()),
          Brief(rank.picks_estimated()), Ratio(rank.ratio_estimated()),
          Ratio(rank.ratio_measured()), Age(rank.last_report_age_seconds())}});
  }
  PrintSorted({">RANK", ">ROW", ">SLOTS", ">PICKS/STEP", ">OVER MEAN", ">MEASURED", "LAST REPORT"},
              std::move(entries), top, out);
}

struct RowSum {
  int ranks = 0;
  double speed = 0;
  double estimated = 0;
  double measured = 0;
};

// Picks of a part over the mean by speed of the whole; 0 without load.
double OverMean(double picks, double speed, double all_picks, double all_speed) {
  return all_picks > 0 ? picks / speed / (all_picks / all_speed) : 0;
}

void PrintRows(const v1::GroupLoad& load, int top, std::ostream& out) {
  std::vector<RowSum> rows;
  RowSum all;
  for (const v1::RankLoad& rank : load.ranks()) {
    if (rank.row() >= rows.size()) rows.resize(rank.row() + 1);
    for (RowSum* sum : {&rows[rank.row()], &all}) {
      ++sum->ranks;
      sum->speed += rank.speed();
      sum->estimated += rank.picks_estimated();
      sum->measured += rank.picks_measured();
    }
  }
  std::vector<Entry> entries;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const RowSum& sum = rows[row];
    const double estimated = OverMean(sum.estimated, sum.speed, all.estimated, all.speed);
    entries.push_back(
        {estimated,
         {absl::StrCat(row), absl::StrCat(sum.ranks), Brief(sum.estimated), Ratio(estimated),
          Ratio(OverMean(sum.measured, sum.speed, all.measured, all.speed))}});
  }
  PrintSorted({">ROW", ">RANKS", ">PICKS/STEP", ">OVER MEAN", ">MEASURED"}, std::move(entries), top,
              out);
}

template <typename Values>
double Total(const Values& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

void PrintLayers(const v1::GroupLoad& load, int top, std::ostream& out) {
  std::vector<Entry> entries;
  for (const v1::LayerLoad& layer : load.layers()) {
    const auto& picks = layer.expert_picks();
    const auto hottest = std::max_element(picks.begin(), picks.end());
    const double total = Total(picks);
    entries.push_back(
        {layer.imbalance_estimated(),
         {absl::StrCat(layer.layer()), Brief(total), Ratio(layer.imbalance_estimated()),
          Ratio(layer.imbalance_measured()), absl::StrCat(hottest - picks.begin()),
          Percent(total > 0 ? *hottest / total : 0)}});
  }
  PrintSorted({">LAYER", ">PICKS/STEP", ">IMBALANCE", ">MEASURED", ">HOTTEST EXPERT", ">ITS SHARE"},
              std::move(entries), top, out);
}

void PrintExperts(const v1::GroupLoad& load, int top, std::ostream& out) {
  std::vector<Entry> entries;
  for (const v1::LayerLoad& layer : load.layers()) {
    const double total = Total(layer.expert_picks());
    for (int expert = 0; expert < layer.expert_picks_size(); ++expert) {
      const double picks = layer.expert_picks(expert);
      const double share = total > 0 ? picks / total : 0;
      const bool kept = expert < layer.batch_expert_picks_size();
      entries.push_back(
          {share,
           {absl::StrCat(layer.layer()), absl::StrCat(expert), Brief(picks), Percent(share),
            Ratio(share * layer.expert_picks_size()), absl::StrCat(layer.expert_replicas(expert)),
            kept ? Brief(layer.batch_expert_picks(expert)) : "-"}});
    }
  }
  PrintSorted(
      {">LAYER", ">EXPERT", ">PICKS/STEP", ">OF LAYER", ">OVER MEAN", ">REPLICAS", ">LAST BATCH"},
      std::move(entries), top, out);
}

void PrintHead(const v1::GroupLoad& load, std::ostream& out) {
  const bool initial = load.plan().version().sequence() == 0;
  out << load.ep_group() << (load.observe_only() ? " is observed under " : " runs ")
      << (initial ? "the initial plan" : absl::StrCat("plan ", ShowPlan(load.plan())))
      << ", planner " << load.planner() << ".\n";
  const std::string reporting =
      load.coverage() >= 1 ? "all" : absl::StrCat(Fixed(load.coverage() * 100, 1), "% of the");
  if (load.batches() == 0) {
    out << "No batch of load is closed yet; " << reporting << " ranks report.\n";
    return;
  }
  out << absl::StrCat("Load of ", load.batches(), load.batches() == 1 ? " batch" : " batches",
                      " up to step ", load.step(), ", the last closed ",
                      BriefSeconds(load.batch_age_seconds()), " ago; ", reporting,
                      " ranks report.\n");
  const std::string of = load.layers_size() == 1
                             ? absl::StrCat("layer ", load.layers(0).layer())
                             : absl::StrCat("mean of ", load.layers_size(), " layers");
  out << absl::StrCat("Imbalance (max/mean of the rank load, ", of,
                      "): ", Ratio(load.imbalance_estimated()), " estimated, ",
                      Ratio(load.imbalance_measured()), " measured in the last batch.\n");
}

}  // namespace

void PrintLoad(const v1::GroupLoad& load, LoadBy by, int top, std::ostream& out) {
  PrintHead(load, out);
  out << "\n";
  const bool overview = by == LoadBy::kOverview;
  if (by == LoadBy::kRank || overview) PrintRanks(load, top, out);
  if (by == LoadBy::kRow) PrintRows(load, top, out);
  if (load.batches() == 0) return;
  if (overview) out << "\n";
  if (by == LoadBy::kLayer || overview) PrintLayers(load, top, out);
  if (overview) out << "\n";
  if (by == LoadBy::kExpert || overview) PrintExperts(load, top, out);
}

}  // namespace ballast::ctl
