#include "core/model/coverage.h"

#include <cstddef>
#include <numeric>

#include "core/base/check.h"

namespace ballast {
namespace {

// Where the replicas of an expert sit, as far as it matters whether they share a place.
constexpr int kNowhere = -1;
constexpr int kSeveral = -2;

void Meet(int place, int& seen) {
  if (seen == kNowhere) {
    seen = place;
  } else if (seen != place) {
    seen = kSeveral;
  }
}

}  // namespace

void LoseRow(const Topology& topology, RowId row, LostRanks& lost) {
  BALLAST_CHECK(lost.size() == static_cast<std::size_t>(topology.num_ranks()));
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    if (topology.row_of(RankId(rank)) == row) lost[rank] = true;
  }
}

std::vector<LayerExpert> UncoveredExperts(int num_experts, const Topology& topology,
                                          const PlacementPlan& plan, const LostRanks& lost) {
  BALLAST_CHECK(lost.size() == static_cast<std::size_t>(topology.num_ranks()));
  std::vector<LayerExpert> uncovered;
  std::vector<bool> covered(num_experts);
  for (int layer = 0; layer < plan.num_layers(); ++layer) {
    covered.assign(num_experts, false);
    const absl::Span<const ExpertId> experts = plan.experts(LayerId(layer));
    for (int slot = 0; slot < plan.num_slots; ++slot) {
      if (!lost[topology.rank_of(SlotId(slot)).value]) covered[experts[slot].value] = true;
    }
    for (int expert = 0; expert < num_experts; ++expert) {
      if (!covered[expert]) uncovered.push_back({LayerId(layer), ExpertId(expert)});
    }
  }
  return uncovered;
}

CoverageSummary SummarizeCoverage(int num_experts, const Topology& topology,
                                  const PlacementPlan& plan) {
  CoverageSummary summary;
  summary.num_pairs = plan.num_layers() * num_experts;
  summary.lost_with_rank.assign(topology.num_ranks(), 0);
  summary.lost_with_row.assign(topology.num_rows(), 0);
  std::vector<int> rank_of_expert(num_experts);
  std::vector<int> row_of_expert(num_experts);
  for (int layer = 0; layer < plan.num_layers(); ++layer) {
    rank_of_expert.assign(num_experts, kNowhere);
    row_of_expert.assign(num_experts, kNowhere);
    const absl::Span<const ExpertId> experts = plan.experts(LayerId(layer));
    for (int slot = 0; slot < plan.num_slots; ++slot) {
      const RankId rank = topology.rank_of(SlotId(slot));
      Meet(rank.value, rank_of_expert[experts[slot].value]);
      Meet(topology.row_of(rank).value, row_of_expert[experts[slot].value]);
    }
    for (const int rank : rank_of_expert) {
      if (rank >= 0) ++summary.lost_with_rank[rank];
    }
    for (const int row : row_of_expert) {
      if (row >= 0) ++summary.lost_with_row[row];
    }
  }
  const auto sum = [](const std::vector<int>& counts) {
    return std::accumulate(counts.begin(), counts.end(), 0);
  };
  summary.single_rank_experts = sum(summary.lost_with_rank);
  summary.single_row_experts = sum(summary.lost_with_row);
  return summary;
}

}  // namespace ballast
