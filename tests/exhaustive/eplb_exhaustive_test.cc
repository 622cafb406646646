// Goal: what planner, bounds and splits claim holds on every small instance.
// Method: 1 layer, up to 3 ranks, 6 slots and 4 experts, loads from {0, 1, 2, 5};
// brute force over all placements and all hand-outs of slots.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <string>

#include "core/solver/certificate.h"
#include "core/solver/eplb_planner.h"
#include "tests/solver/solver_instance.h"

namespace ballast {
namespace {

constexpr double kRounding = 1e-9;

// Calls `visit` with every load vector.
void ForEachLoad(int num_experts, const std::function<void(const std::vector<double>&)>& visit) {
  constexpr double kLoads[] = {0, 1, 2, 5};
  int count = 1;
  for (int i = 0; i < num_experts; ++i) count *= 4;
  std::vector<double> load(num_experts);
  for (int code = 0; code < count; ++code) {
    for (int i = 0, rest = code; i < num_experts; ++i, rest /= 4) load[i] = kLoads[rest % 4];
    visit(load);
  }
}

// All non-decreasing lists of `size` experts.
void AddContents(int num_experts, int size, std::vector<int> prefix,
                 std::vector<std::vector<int>>& contents) {
  if (static_cast<int>(prefix.size()) == size) {
    contents.push_back(std::move(prefix));
    return;
  }
  for (int expert = prefix.empty() ? 0 : prefix.back(); expert < num_experts; ++expert) {
    std::vector<int> longer = prefix;
    longer.push_back(expert);
    AddContents(num_experts, size, longer, contents);
  }
}

bool HoldsAll(int num_experts, const std::vector<ExpertId>& experts) {
  for (int expert = 0; expert < num_experts; ++expert) {
    if (std::find(experts.begin(), experts.end(), ExpertId(expert)) == experts.end()) return false;
  }
  return true;
}

// All placements on a fleet, up to the order of slots within a rank.
void AddPlacements(const Topology& topology, int num_experts, int rank,
                   const std::vector<ExpertId>& prefix,
                   std::vector<std::vector<ExpertId>>& placements) {
  if (rank == topology.num_ranks()) {
    if (HoldsAll(num_experts, prefix)) placements.push_back(prefix);
    return;
  }
  std::vector<std::vector<int>> contents;
  AddContents(num_experts, topology.slots_of(RankId(rank)).count, {}, contents);
  for (const std::vector<int>& content : contents) {
    std::vector<ExpertId> longer = prefix;
    for (int expert : content) longer.push_back(ExpertId(expert));
    AddPlacements(topology, num_experts, rank + 1, longer, placements);
  }
}

struct Optimum {
  double equal = std::numeric_limits<double>::infinity();
  double best = std::numeric_limits<double>::infinity();
};

Optimum BruteForce(const Topology& topology, const std::vector<double>& load,
                   const std::vector<std::vector<ExpertId>>& placements) {
  Optimum optimum;
  for (const std::vector<ExpertId>& experts : placements) {
    const LayerSplit split = SplitLayer(topology, load, experts);
    EXPECT_LE(split.best_value, split.equal_value * (1 + kRounding));
    optimum.equal = std::min(optimum.equal, split.equal_value);
    optimum.best = std::min(optimum.best, split.best_value);
  }
  return optimum;
}

// Smallest possible maximum of load / replicas with `spare` slots to hand out.
double BestHandOut(const std::vector<double>& load, std::size_t expert, int spare) {
  double best = std::numeric_limits<double>::infinity();
  for (int extra = 0; extra <= spare; ++extra) {
    const double own = load[expert] / (1 + extra);
    const double rest =
        expert + 1 == load.size() ? 0 : BestHandOut(load, expert + 1, spare - extra);
    best = std::min(best, std::max(own, rest));
  }
  return best;
}

void CheckAgainstBruteForce(const Topology& topology, const std::vector<double>& load,
                            const Optimum& optimum) {
  const LoadMatrix matrix = LoadOf({load});
  for (int groups = 1; groups <= matrix.num_experts(); ++groups) {
    for (const EplbPolicy policy : {EplbPolicy::kAuto, EplbPolicy::kGlobal}) {
      for (const TieOrder ties : {TieOrder::kStable, TieOrder::kLibstdcxx}) {
        const ModelShape shape = ShapeOf(matrix, groups);
        const auto result = EplbPlanner().Plan(
            {shape, topology, matrix, nullptr, {.policy = policy, .ties = ties}});
        if (!result.ok()) {  // Only groups of unequal size are refused here.
          ASSERT_NE(matrix.num_experts() % groups, 0) << result.status();
          continue;
        }
        ASSERT_TRUE(CheckPlan(shape, topology, result->plan).ok());
        const Certificate certificate =
            CertifyPlan(topology, matrix, SplitRule::kEqual, result->plan);
        ASSERT_GE(*certificate.value, optimum.equal * (1 - kRounding));
        ASSERT_LE(*certificate.per_layer[0].split_bound, *certificate.value);
        ASSERT_GE(*certificate.per_layer[0].split_bound, optimum.best * (1 - kRounding));
      }
    }
  }
}

TEST(EplbExhaustiveTest, BoundsAreBelowTheOptimumAndPlansAboveIt) {
  for (int ranks = 1; ranks <= 3; ++ranks) {
    for (int slots = 1; ranks * slots <= 6; ++slots) {
      for (int row_size : {1, ranks}) {
        const Topology topology = UniformFleet(ranks, row_size, slots);
        for (int experts = 1; experts <= std::min(4, ranks * slots); ++experts) {
          std::vector<std::vector<ExpertId>> placements;
          AddPlacements(topology, experts, 0, {}, placements);
          ForEachLoad(experts, [&](const std::vector<double>& load) {
            const Optimum optimum = BruteForce(topology, load, placements);
            EXPECT_LE(LayerLowerBound(topology, load, SplitRule::kEqual).value,
                      optimum.equal * (1 + kRounding));
            EXPECT_LE(LayerLowerBound(topology, load, SplitRule::kBest).value,
                      optimum.best * (1 + kRounding));
            CheckAgainstBruteForce(topology, load, optimum);
          });
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(EplbExhaustiveTest, BoundsHoldOnUnevenFleets) {
  struct Rank {
    int slots;
    double speed;
  };
  const std::vector<std::vector<Rank>> fleets = {
      {{1, 1}, {2, 1}}, {{1, 1}, {3, 1}, {2, 1}}, {{2, 1}, {2, 2}}, {{2, 1}, {1, 3}, {3, 0.5}}};
  for (const std::vector<Rank>& fleet : fleets) {
    std::vector<RankSpec> specs;
    for (const Rank& rank : fleet) {
      specs.push_back({.row = RowId(0), .num_slots = rank.slots, .relative_speed = rank.speed});
    }
    const auto topology = Topology::Create(specs);
    ASSERT_TRUE(topology.ok());
    for (int experts = 1; experts <= std::min(4, topology->num_slots()); ++experts) {
      std::vector<std::vector<ExpertId>> placements;
      AddPlacements(*topology, experts, 0, {}, placements);
      ForEachLoad(experts, [&](const std::vector<double>& load) {
        const Optimum optimum = BruteForce(*topology, load, placements);
        EXPECT_LE(LayerLowerBound(*topology, load, SplitRule::kEqual).value,
                  optimum.equal * (1 + kRounding));
        EXPECT_LE(LayerLowerBound(*topology, load, SplitRule::kBest).value,
                  optimum.best * (1 + kRounding));
      });
    }
  }
}

TEST(EplbExhaustiveTest, NoHandOutHasASmallerLoadPerReplica) {
  for (int slots = 1; slots <= 6; ++slots) {
    for (int experts = 1; experts <= std::min(4, slots); ++experts) {
      ForEachLoad(experts, [&](const std::vector<double>& load) {
        const auto layout =
            SolveEplb({slots, 1, 1, 1}, LoadOf({load}), EplbPolicy::kGlobal, TieOrder::kStable);
        ASSERT_TRUE(layout.ok());
        double largest = 0;
        for (int expert = 0; expert < experts; ++expert) {
          largest = std::max(largest, load[expert] / layout->replica_count[expert]);
        }
        EXPECT_DOUBLE_EQ(largest, BestHandOut(load, 0, slots - experts));
      });
    }
  }
}

}  // namespace
}  // namespace ballast
