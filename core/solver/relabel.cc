#include "core/solver/relabel.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/check.h"
#include "core/solver/assignment.h"

namespace ballast {
namespace {

bool EqualRanks(const Topology& topology, RankId a, RankId b) {
  return topology.slots_of(a).count == topology.slots_of(b).count &&
         topology.relative_speed(a) == topology.relative_speed(b);
}

bool EqualRows(const Topology& topology, absl::Span<const RankId> a, absl::Span<const RankId> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](RankId x, RankId y) { return EqualRanks(topology, x, y); });
}

std::vector<std::vector<RankId>> RanksByRow(const Topology& topology) {
  std::vector<std::vector<RankId>> rows(topology.num_rows());
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    rows[topology.row_of(RankId(rank)).value].push_back(RankId(rank));
  }
  return rows;
}

// Gives the unmatched left vertices the right ones left over that `may_take`
// allows: the one of the same number if it is free, else the lowest.
template <typename MayTake>
void CompleteMatching(std::vector<std::int32_t>& match, MayTake may_take) {
  std::vector<char> taken(match.size(), 0);
  for (std::int32_t right : match) {
    if (right >= 0) taken[right] = 1;
  }
  const int size = static_cast<int>(match.size());
  for (int left = 0; left < size; ++left) {
    if (match[left] < 0 && taken[left] == 0) {
      match[left] = left;
      taken[left] = 1;
    }
  }
  for (int left = 0; left < size; ++left) {
    for (int right = 0; match[left] < 0 && right < size; ++right) {
      if (taken[right] != 0 || !may_take(left, right)) continue;
      match[left] = right;
      taken[right] = 1;
    }
  }
}

// Renumbers one layer at a time. content_of_[r] is the rank of `to` whose content
// rank r gets.
class LayerRelabeler {
 public:
  LayerRelabeler(const Topology& topology, const PlacementPlan& from)
      : topology_(topology), from_(from), rows_(RanksByRow(topology)) {
    for (ExpertId expert : from.expert_in_slot) {
      num_experts_ = std::max(num_experts_, expert.value + 1);
    }
  }

  void Relabel(LayerId layer, RelabelScope scope, PlacementPlan* to) {
    for (ExpertId expert : to->experts(layer)) {
      num_experts_ = std::max(num_experts_, expert.value + 1);
    }
    CountOverlaps(layer, *to);
    content_of_.assign(topology_.num_ranks(), RankId());
    if (scope == RelabelScope::kAllRanks) {
      std::vector<RankId> all;
      for (int rank = 0; rank < topology_.num_ranks(); ++rank) all.push_back(RankId(rank));
      Take(all, all, MatchRanks(all, all).match);
    } else if (scope == RelabelScope::kWithinRows) {
      for (const std::vector<RankId>& row : rows_) Take(row, row, MatchRanks(row, row).match);
    } else {
      MatchRows();
    }
    Apply(layer, to);
  }

 private:
  struct Matching {
    std::vector<std::int32_t> match;  // [ranks]: index into the right side.
    std::int64_t kept = 0;            // Slots kept.
  };
  struct Holder {
    RankId rank;
    int count = 0;  // Replicas of the expert on the rank.
  };

  // overlap_[a * num_ranks + b]: slots of rank a in `from` that could stay if it got
  // the content of rank b in `to`.
  void CountOverlaps(LayerId layer, const PlacementPlan& to) {
    const int num_ranks = topology_.num_ranks();
    holders_.assign(num_experts_, {});
    overlap_.assign(static_cast<std::size_t>(num_ranks) * num_ranks, 0);
    for (int slot = 0; slot < topology_.num_slots(); ++slot) {
      const RankId rank = topology_.rank_of(SlotId(slot));
      std::vector<Holder>& holders = holders_[from_.experts(layer)[slot].value];
      if (holders.empty() || holders.back().rank != rank) holders.push_back({rank, 0});
      ++holders.back().count;
    }
    std::vector<int> seen(num_experts_, 0);  // Replicas on the current rank of `to` so far.
    for (int rank = 0; rank < num_ranks; ++rank) {
      const absl::Span<const ExpertId> content = ContentOf(to, layer, RankId(rank));
      for (ExpertId expert : content) {
        ++seen[expert.value];
        for (const Holder& holder : holders_[expert.value]) {
          if (seen[expert.value] > holder.count) continue;
          ++overlap_[static_cast<std::size_t>(holder.rank.value) * num_ranks + rank];
        }
      }
      for (ExpertId expert : content) seen[expert.value] = 0;
    }
  }

  absl::Span<const ExpertId> ContentOf(const PlacementPlan& plan, LayerId layer,
                                       RankId rank) const {
    const SlotRange slots = topology_.slots_of(rank);
    return plan.experts(layer).subspan(slots.first.value, slots.count);
  }

  Matching MatchRanks(const std::vector<RankId>& old_ranks,
                      const std::vector<RankId>& new_ranks) const {
    WeightedGraph graph;
    graph.num_right = static_cast<int>(new_ranks.size());
    for (RankId a : old_ranks) {
      const std::size_t first = static_cast<std::size_t>(a.value) * topology_.num_ranks();
      for (std::size_t right = 0; right < new_ranks.size(); ++right) {
        const std::int32_t weight = overlap_[first + new_ranks[right].value];
        if (weight == 0 || !EqualRanks(topology_, a, new_ranks[right])) continue;
        graph.edges.push_back({static_cast<std::int32_t>(right), weight});
      }
      graph.FinishLeft();
    }
    Matching matching;
    matching.match = MaxWeightMatching(graph);
    matching.kept = MatchingWeight(graph, matching.match);
    return matching;
  }

  void MatchRows() {
    std::vector<Matching> pairs(rows_.size() * rows_.size());
    WeightedGraph graph;
    graph.num_right = static_cast<int>(rows_.size());
    for (std::size_t a = 0; a < rows_.size(); ++a) {
      for (std::size_t b = 0; b < rows_.size(); ++b) {
        if (!EqualRows(topology_, rows_[a], rows_[b])) continue;
        Matching& pair = pairs[a * rows_.size() + b];
        pair = MatchRanks(rows_[a], rows_[b]);
        if (pair.kept > 0) graph.edges.push_back({static_cast<std::int32_t>(b), pair.kept});
      }
      graph.FinishLeft();
    }
    std::vector<std::int32_t> match = MaxWeightMatching(graph);
    CompleteMatching(match, [&](int a, int b) { return EqualRows(topology_, rows_[a], rows_[b]); });
    for (std::size_t a = 0; a < rows_.size(); ++a) {
      Take(rows_[a], rows_[match[a]], pairs[a * rows_.size() + match[a]].match);
    }
  }

  void Take(const std::vector<RankId>& old_ranks, const std::vector<RankId>& new_ranks,
            std::vector<std::int32_t> match) {
    CompleteMatching(
        match, [&](int a, int b) { return EqualRanks(topology_, old_ranks[a], new_ranks[b]); });
    for (std::size_t i = 0; i < old_ranks.size(); ++i) {
      content_of_[old_ranks[i].value] = new_ranks[match[i]];
    }
  }

  void Apply(LayerId layer, PlacementPlan* to) {
    const absl::Span<const ExpertId> experts = to->experts(layer);
    const absl::Span<const std::uint16_t> shares = to->shares(layer);
    experts_.assign(experts.begin(), experts.end());
    shares_.assign(shares.begin(), shares.end());
    const std::size_t first = static_cast<std::size_t>(layer.value) * to->num_slots;
    for (int rank = 0; rank < topology_.num_ranks(); ++rank) {
      const SlotRange target = topology_.slots_of(RankId(rank));
      const SlotRange source = topology_.slots_of(content_of_[rank]);
      for (int i = 0; i < target.count; ++i) {
        to->expert_in_slot[first + target.first.value + i] = experts_[source.first.value + i];
        to->share[first + target.first.value + i] = shares_[source.first.value + i];
      }
    }
  }

  const Topology& topology_;
  const PlacementPlan& from_;
  const std::vector<std::vector<RankId>> rows_;
  int num_experts_ = 0;
  std::vector<std::vector<Holder>> holders_;  // [num_experts], ascending by rank.
  std::vector<std::int32_t> overlap_;         // [num_ranks * num_ranks]
  std::vector<RankId> content_of_;            // [num_ranks]
  std::vector<ExpertId> experts_;             // One layer of `to` before the change.
  std::vector<std::uint16_t> shares_;
};

// One rank of KeepSlotsWithinRanks(): `before` and `after` are its slots.
void KeepSlots(absl::Span<const ExpertId> before, absl::Span<ExpertId> after,
               absl::Span<std::uint16_t> share) {
  const int count = static_cast<int>(after.size());
  std::vector<int> source(count, -1);  // For each slot, the position in `after` it takes.
  std::vector<char> used(count, 0);
  for (int slot = 0; slot < count; ++slot) {
    for (int i = 0; source[slot] < 0 && i < count; ++i) {
      if (used[i] != 0 || after[i] != before[slot]) continue;
      source[slot] = i;
      used[i] = 1;
    }
  }
  int next = 0;
  for (int slot = 0; slot < count; ++slot) {
    if (source[slot] >= 0) continue;
    while (used[next] != 0) ++next;
    source[slot] = next;
    used[next] = 1;
  }
  const std::vector<ExpertId> experts(after.begin(), after.end());
  const std::vector<std::uint16_t> shares(share.begin(), share.end());
  for (int slot = 0; slot < count; ++slot) {
    after[slot] = experts[source[slot]];
    share[slot] = shares[source[slot]];
  }
}

void CheckSameSize(const Topology& topology, const PlacementPlan& from, const PlacementPlan& to) {
  BALLAST_CHECK(from.num_slots == topology.num_slots() && to.num_slots == topology.num_slots());
  BALLAST_CHECK(from.expert_in_slot.size() == to.expert_in_slot.size());
  BALLAST_CHECK(to.share.size() == to.expert_in_slot.size());
}

}  // namespace

void RelabelRanks(const Topology& topology, const PlacementPlan& from, RelabelScope scope,
                  PlacementPlan* to) {
  CheckSameSize(topology, from, *to);
  LayerRelabeler relabeler(topology, from);
  for (int layer = 0; layer < to->num_layers(); ++layer) {
    relabeler.Relabel(LayerId(layer), scope, to);
  }
}

void KeepSlotsWithinRanks(const Topology& topology, const PlacementPlan& from, PlacementPlan* to) {
  CheckSameSize(topology, from, *to);
  for (int layer = 0; layer < to->num_layers(); ++layer) {
    const std::size_t first = static_cast<std::size_t>(layer) * to->num_slots;
    for (int rank = 0; rank < topology.num_ranks(); ++rank) {
      const SlotRange slots = topology.slots_of(RankId(rank));
      KeepSlots(from.experts(LayerId(layer)).subspan(slots.first.value, slots.count),
                absl::MakeSpan(to->expert_in_slot).subspan(first + slots.first.value, slots.count),
                absl::MakeSpan(to->share).subspan(first + slots.first.value, slots.count));
    }
  }
}

}  // namespace ballast
