#include "core/solver/bounds.h"

#include <algorithm>
#include <cstddef>
#include <queue>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace ballast {
namespace {

// Two bounds within rounding count as equal, so that noise does not pick the name.
constexpr double kRounding = 1e-12;

LowerBound MeanBound(const Topology& topology, absl::Span<const double> load) {
  LowerBound bound;
  bound.name = "mean";
  bound.proof.all_experts = true;
  bound.proof.all_ranks = true;
  for (double picks : load) bound.proof.load += picks;
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    bound.proof.capacity += topology.relative_speed(RankId(rank));
  }
  bound.value = bound.proof.load / bound.proof.capacity;
  return bound;
}

LowerBound LargestExpertBound(const Topology& topology, absl::Span<const double> load) {
  const auto largest = std::max_element(load.begin(), load.end());
  const int spare = topology.num_slots() - static_cast<int>(load.size());
  const int reach = std::min(topology.num_ranks(), spare + 1);
  std::vector<RankId> ranks;
  for (int rank = 0; rank < topology.num_ranks(); ++rank) ranks.push_back(RankId(rank));
  std::stable_sort(ranks.begin(), ranks.end(), [&](RankId a, RankId b) {
    return topology.relative_speed(a) > topology.relative_speed(b);
  });
  ranks.resize(reach);
  std::sort(ranks.begin(), ranks.end());

  LowerBound bound;
  bound.name = "largest_expert";
  bound.proof.experts = {ExpertId(static_cast<std::int32_t>(largest - load.begin()))};
  bound.proof.load = *largest;
  for (RankId rank : ranks) bound.proof.capacity += topology.relative_speed(rank);
  bound.value = bound.proof.load / bound.proof.capacity;
  bound.proof.all_ranks = reach == topology.num_ranks();
  if (!bound.proof.all_ranks) {
    bound.proof.ranks = std::move(ranks);
    bound.proof.text =
        absl::StrCat("expert ", bound.proof.experts[0].value, " with load ", *largest, " can have ",
                     reach, " replicas at most, as ", topology.num_slots(), " slots must hold ",
                     load.size(), " experts");
  }
  return bound;
}

// Hands out the slots by the largest load / replicas; what is the largest in the
// end is the smallest possible maximum.
LowerBound AdamsBound(const Topology& topology, absl::Span<const double> load) {
  std::priority_queue<std::pair<double, int>> by_ratio;
  std::vector<int> count(load.size(), 1);
  for (std::size_t expert = 0; expert < load.size(); ++expert) {
    by_ratio.emplace(load[expert], -static_cast<int>(expert));
  }
  for (int slot = static_cast<int>(load.size()); slot < topology.num_slots(); ++slot) {
    const int expert = -by_ratio.top().second;
    by_ratio.pop();
    ++count[expert];
    by_ratio.emplace(load[expert] / count[expert], -expert);
  }
  const int expert = -by_ratio.top().second;
  double top_speed = 0;
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    top_speed = std::max(top_speed, topology.relative_speed(RankId(rank)));
  }
  LowerBound bound;
  bound.name = "adams";
  bound.proof.experts = {ExpertId(expert)};
  bound.proof.all_ranks = true;
  bound.proof.load = load[expert];
  bound.proof.capacity = count[expert] * top_speed;
  bound.value = bound.proof.load / bound.proof.capacity;
  bound.proof.text = absl::StrCat("expert ", expert, " with load ", load[expert], " has ",
                                  count[expert], " of ", topology.num_slots(),
                                  " slots, and every hand-out of the slots leaves an expert with ",
                                  by_ratio.top().first, " or more per replica");
  return bound;
}

}  // namespace

LowerBound LayerLowerBound(const Topology& topology, absl::Span<const double> load,
                           SplitRule rule) {
  BALLAST_CHECK(!load.empty() && topology.num_slots() >= static_cast<int>(load.size()));
  LowerBound best = MeanBound(topology, load);
  LowerBound largest = LargestExpertBound(topology, load);
  if (largest.value > best.value * (1 + kRounding)) best = std::move(largest);
  if (rule == SplitRule::kEqual) {
    LowerBound adams = AdamsBound(topology, load);
    if (adams.value > best.value * (1 + kRounding)) best = std::move(adams);
  }
  return best;
}

}  // namespace ballast
