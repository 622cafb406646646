// Goal: which (layer, expert) pairs a placement loses with which ranks. Method: every
// placement of small fleets against every set of lost ranks, compared with the definition
// (a pair is lost if no slot of a living rank holds it).

#include "core/model/coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

PlacementPlan PlanOf(const Topology& topology, const std::vector<int>& experts) {
  PlacementPlan plan;
  plan.num_slots = topology.num_slots();
  for (const int expert : experts) plan.expert_in_slot.push_back(ExpertId(expert));
  plan.share.assign(experts.size(), kWholeShare);
  return plan;
}

// Two rows of two ranks with one slot each, two layers of two experts:
// layer 0: row 0 holds 0 0, row 1 holds 1 1; layer 1: 0 1 | 1 0.
struct Instance {
  Topology topology = *Topology::Uniform(4, 2, 1);
  PlacementPlan plan = PlanOf(topology, {0, 0, 1, 1, 0, 1, 1, 0});
};

TEST(CoverageTest, NothingIsUncoveredWhileAllRanksLive) {
  Instance in;
  EXPECT_THAT(UncoveredExperts(2, in.topology, in.plan, NoRanksLost(in.topology)), IsEmpty());
}

TEST(CoverageTest, ALostRowUncoversWhatOnlyItHolds) {
  Instance in;
  LostRanks lost = NoRanksLost(in.topology);
  LoseRow(in.topology, RowId(1), lost);
  EXPECT_THAT(lost, ElementsAre(false, false, true, true));
  EXPECT_THAT(UncoveredExperts(2, in.topology, in.plan, lost),
              ElementsAre(LayerExpert{LayerId(0), ExpertId(1)}));
}

TEST(CoverageTest, LossesAddUp) {
  Instance in;
  const LostRanks lost = {true, false, false, true};
  EXPECT_THAT(UncoveredExperts(2, in.topology, in.plan, lost),
              ElementsAre(LayerExpert{LayerId(1), ExpertId(0)}));
  EXPECT_THAT(
      UncoveredExperts(2, in.topology, in.plan, LostRanks(4, true)),
      ElementsAre(LayerExpert{LayerId(0), ExpertId(0)}, LayerExpert{LayerId(0), ExpertId(1)},
                  LayerExpert{LayerId(1), ExpertId(0)}, LayerExpert{LayerId(1), ExpertId(1)}));
}

TEST(CoverageTest, AReplicaWithoutTrafficCounts) {
  Instance in;
  in.plan.share.assign(in.plan.share.size(), 0);
  EXPECT_THAT(UncoveredExperts(2, in.topology, in.plan, {true, false, false, false}), IsEmpty());
}

TEST(CoverageTest, TheSummaryCountsPairsOfOneRankAndOfOneRow) {
  Instance in;
  const CoverageSummary summary = SummarizeCoverage(2, in.topology, in.plan);
  EXPECT_EQ(summary.num_pairs, 4);
  EXPECT_EQ(summary.single_rank_experts, 0);
  EXPECT_EQ(summary.single_row_experts, 2);
  EXPECT_THAT(summary.lost_with_row, ElementsAre(1, 1));
  EXPECT_THAT(summary.lost_with_rank, ElementsAre(0, 0, 0, 0));
}

TEST(CoverageTest, InOneRowEveryPairIsOfOneRow) {
  const Topology topology = *Topology::Uniform(2, 2, 2);
  const PlacementPlan plan = PlanOf(topology, {0, 1, 0, 0});
  const CoverageSummary summary = SummarizeCoverage(2, topology, plan);
  EXPECT_EQ(summary.single_row_experts, 2);
  EXPECT_THAT(summary.lost_with_rank, ElementsAre(1, 0));
}

// By the definition, one pair at a time.
bool IsUncovered(const Topology& topology, const PlacementPlan& plan, LayerExpert pair,
                 std::uint32_t lost_bits) {
  for (int slot = 0; slot < plan.num_slots; ++slot) {
    const bool lives = (lost_bits >> topology.rank_of(SlotId(slot)).value & 1) == 0;
    if (lives && plan.experts(pair.layer)[slot] == pair.expert) return false;
  }
  return true;
}

std::vector<LayerExpert> UncoveredByDefinition(int num_experts, const Topology& topology,
                                               const PlacementPlan& plan, std::uint32_t lost_bits) {
  std::vector<LayerExpert> uncovered;
  for (int layer = 0; layer < plan.num_layers(); ++layer) {
    for (int expert = 0; expert < num_experts; ++expert) {
      const LayerExpert pair{LayerId(layer), ExpertId(expert)};
      if (IsUncovered(topology, plan, pair, lost_bits)) uncovered.push_back(pair);
    }
  }
  return uncovered;
}

void CheckAllLosses(int num_experts, const Topology& topology, const PlacementPlan& plan) {
  const int ranks = topology.num_ranks();
  for (std::uint32_t bits = 0; bits < 1u << ranks; ++bits) {
    LostRanks lost = NoRanksLost(topology);
    for (int rank = 0; rank < ranks; ++rank) lost[rank] = (bits >> rank & 1) != 0;
    ASSERT_EQ(UncoveredExperts(num_experts, topology, plan, lost),
              UncoveredByDefinition(num_experts, topology, plan, bits))
        << "ranks lost, as bits: " << bits;
  }
  const CoverageSummary summary = SummarizeCoverage(num_experts, topology, plan);
  for (int rank = 0; rank < ranks; ++rank) {
    ASSERT_EQ(summary.lost_with_rank[rank],
              UncoveredByDefinition(num_experts, topology, plan, 1u << rank).size())
        << "rank " << rank;
  }
  for (int row = 0; row < topology.num_rows(); ++row) {
    LostRanks lost = NoRanksLost(topology);
    LoseRow(topology, RowId(row), lost);
    ASSERT_EQ(summary.lost_with_row[row],
              UncoveredExperts(num_experts, topology, plan, lost).size())
        << "row " << row;
  }
}

// Every filling of the slots of two layers in which each expert stands somewhere.
void CheckAllPlans(int num_experts, const Topology& topology) {
  const int slots = 2 * topology.num_slots();
  std::vector<int> experts(slots, 0);
  int plans = 0;
  while (true) {
    const PlacementPlan plan = PlanOf(topology, experts);
    if (UncoveredByDefinition(num_experts, topology, plan, 0).empty()) {
      ++plans;
      ASSERT_NO_FATAL_FAILURE(CheckAllLosses(num_experts, topology, plan));
    }
    int digit = 0;
    while (digit < slots && ++experts[digit] == num_experts) experts[digit++] = 0;
    if (digit == slots) break;
  }
  EXPECT_GT(plans, 0);
}

TEST(CoverageExhaustiveTest, AgreesWithTheDefinitionOnEvenFleets) {
  CheckAllPlans(2, *Topology::Uniform(4, 2, 1));
  CheckAllPlans(3, *Topology::Uniform(2, 1, 2));
}

TEST(CoverageExhaustiveTest, AgreesWithTheDefinitionOnUnevenFleets) {
  CheckAllPlans(3, *Topology::Create({{.row = RowId(0), .num_slots = 2},
                                      {.row = RowId(0), .num_slots = 1},
                                      {.row = RowId(1), .num_slots = 1}}));
}

}  // namespace
}  // namespace ballast
