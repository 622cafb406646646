// Goal: the laws that every planner, bound and renumbering obeys.
// Method: 200 random instances of both branches; BALLAST_TEST_SEED repeats a failure.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "core/model/balance.h"
#include "core/solver/certificate.h"
#include "core/solver/eplb_planner.h"
#include "core/solver/relabel.h"
#include "tests/solver/solver_instance.h"

namespace ballast {
namespace {

constexpr int kInstances = 200;

template <typename Law>
void ForEachInstance(Law law) {
  Random random(SolverTestSeed());
  for (int i = 0; i < kInstances; ++i) {
    SCOPED_TRACE(SeedLine(i));
    const SolverInstance instance = RandomInstance(random);
    law(instance, random);
    if (testing::Test::HasFatalFailure()) return;
  }
}

PlacementPlan Solve(const SolverInstance& instance, const PlacementPlan* current = nullptr) {
  const auto result =
      EplbPlanner().Plan({instance.shape, instance.topology, instance.load, current, {}});
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? result->plan : InitialPlan(instance.shape, instance.topology);
}

std::vector<double> SortedRankLoads(const SolverInstance& instance, const PlacementPlan& plan,
                                    LayerId layer) {
  std::vector<double> loads = RankPicks(instance.topology, instance.load, plan, layer);
  std::sort(loads.begin(), loads.end());
  return loads;
}

void ExpectSameRankLoads(const SolverInstance& instance, const PlacementPlan& a,
                         const PlacementPlan& b, double tolerance) {
  for (int layer = 0; layer < instance.shape.num_layers; ++layer) {
    const std::vector<double> loads = SortedRankLoads(instance, a, LayerId(layer));
    EXPECT_THAT(SortedRankLoads(instance, b, LayerId(layer)),
                testing::Pointwise(testing::DoubleNear(tolerance * (1 + loads.back())), loads));
  }
}

SolverInstance WithDrift(const SolverInstance& instance, Random& random, double sigma) {
  SolverInstance drifted = instance;
  for (double& picks : drifted.load.mutable_values()) picks *= std::exp(sigma * random.Normal());
  return drifted;
}

TEST(PlannerPropertyTest, PlansPassTheCheck) {
  ForEachInstance([](const SolverInstance& instance, Random&) {
    EXPECT_TRUE(CheckPlan(instance.shape, instance.topology, Solve(instance)).ok());
  });
}

TEST(PlannerPropertyTest, TwiceTheLoadGivesTheSamePlanAndTwiceTheStraggler) {
  ForEachInstance([](const SolverInstance& instance, Random&) {
    SolverInstance doubled = instance;
    for (double& picks : doubled.load.mutable_values()) picks *= 2;
    const PlacementPlan plan = Solve(instance);
    EXPECT_EQ(Solve(doubled), plan);
    EXPECT_EQ(StragglerLoad(PlanBalance(doubled.topology, doubled.load, plan)),
              2 * StragglerLoad(PlanBalance(instance.topology, instance.load, plan)));
  });
}

// Exchanges whole expert groups, and experts within each of them.
std::vector<int> RandomRenaming(const ModelShape& shape, Random& random) {
  const int group_size = shape.num_experts / shape.num_expert_groups;
  std::vector<int> groups(shape.num_expert_groups);
  for (int g = 0; g < shape.num_expert_groups; ++g) groups[g] = g;
  for (int g = shape.num_expert_groups - 1; g > 0; --g) {
    std::swap(groups[g], groups[random.Below(g + 1)]);
  }
  std::vector<int> renamed;
  for (int group : groups) {
    std::vector<int> members(group_size);
    for (int i = 0; i < group_size; ++i) members[i] = group * group_size + i;
    for (int i = group_size - 1; i > 0; --i) std::swap(members[i], members[random.Below(i + 1)]);
    renamed.insert(renamed.end(), members.begin(), members.end());
  }
  return renamed;
}

TEST(PlannerPropertyTest, RenamingExpertsKeepsTheRankLoads) {
  ForEachInstance([](const SolverInstance& instance, Random& random) {
    const std::vector<int> renaming = RandomRenaming(instance.shape, random);
    SolverInstance renamed = instance;
    for (int layer = 0; layer < instance.shape.num_layers; ++layer) {
      for (int expert = 0; expert < instance.shape.num_experts; ++expert) {
        renamed.load.Set(LayerId(layer), ExpertId(renaming[expert]),
                         instance.load.at(LayerId(layer), ExpertId(expert)));
      }
    }
    PlacementPlan back = Solve(renamed);
    for (ExpertId& expert : back.expert_in_slot) {
      const auto original = std::find(renaming.begin(), renaming.end(), expert.value);
      expert = ExpertId(static_cast<std::int32_t>(original - renaming.begin()));
    }
    SetEqualShares(instance.shape, back);
    ExpectSameRankLoads(instance, Solve(instance), back, 1e-4);
  });
}

TEST(PlannerPropertyTest, RenamingExpertsChangesNoBound) {
  ForEachInstance([](const SolverInstance& instance, Random& random) {
    const absl::Span<const double> load = instance.load.layer(LayerId(0));
    std::vector<double> shuffled(load.begin(), load.end());
    for (std::size_t i = shuffled.size() - 1; i > 0; --i) {
      std::swap(shuffled[i], shuffled[random.Below(i + 1)]);
    }
    for (const SplitRule rule : {SplitRule::kEqual, SplitRule::kBest}) {
      const LowerBound bound = LayerLowerBound(instance.topology, load, rule);
      const LowerBound same = LayerLowerBound(instance.topology, shuffled, rule);
      EXPECT_NEAR(bound.value, same.value, 1e-12 * bound.value);
      EXPECT_EQ(bound.name, same.name);
    }
  });
}

TEST(PlannerPropertyTest, LoweringALoadNeverRaisesABound) {
  ForEachInstance([](const SolverInstance& instance, Random& random) {
    const absl::Span<const double> load = instance.load.layer(LayerId(0));
    std::vector<double> lower(load.begin(), load.end());
    lower[random.Below(lower.size())] *= random.Uniform();
    for (const SplitRule rule : {SplitRule::kEqual, SplitRule::kBest}) {
      EXPECT_LE(LayerLowerBound(instance.topology, lower, rule).value,
                LayerLowerBound(instance.topology, load, rule).value * (1 + 1e-12));
    }
  });
}

TEST(PlannerPropertyTest, LowerBoundsAreBelowValues) {
  ForEachInstance([](const SolverInstance& instance, Random&) {
    const PlacementPlan plan = Solve(instance);
    for (const SplitRule rule : {SplitRule::kEqual, SplitRule::kBest}) {
      const Certificate certificate = CertifyPlan(instance.topology, instance.load, rule, plan);
      EXPECT_LE(certificate.lower_bound, *certificate.value);
      for (int layer = 0; layer < instance.shape.num_layers; ++layer) {
        const LayerCertificate& proof = certificate.per_layer[layer];
        EXPECT_LE(proof.lower_bound, *proof.value);
        EXPECT_LE(*proof.split_bound, *proof.value);
        EXPECT_LE(
            LayerLowerBound(instance.topology, instance.load.layer(LayerId(layer)), rule).value,
            *proof.value * (1 + 1e-12));
        EXPECT_NEAR(proof.proof.load / proof.proof.capacity, proof.lower_bound,
                    1e-9 * proof.lower_bound);
        EXPECT_NEAR(proof.split_proof->load / proof.split_proof->capacity, *proof.split_bound,
                    1e-9 * *proof.split_bound);
      }
    }
  });
}

TEST(PlannerPropertyTest, GivesTheSameBytesFromSeveralThreads) {
  ForEachInstance([](const SolverInstance& instance, Random&) {
    const EplbPlanner planner;
    const PlanRequest request = {instance.shape, instance.topology, instance.load, nullptr, {}};
    std::vector<PlacementPlan> plans(4);
    std::vector<std::thread> threads;
    for (PlacementPlan& plan : plans) {
      threads.emplace_back([&] {
        auto result = planner.Plan(request);
        if (result.ok()) plan = std::move(result->plan);
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const PlacementPlan& plan : plans) ASSERT_EQ(plan, Solve(instance));
  });
}

TEST(PlannerPropertyTest, StartedFromItsOwnResultItReturnsIt) {
  ForEachInstance([](const SolverInstance& instance, Random&) {
    const PlacementPlan plan = Solve(instance);
    EXPECT_EQ(Solve(instance, &plan), plan);
    EXPECT_TRUE(Diff(plan, plan).empty());
  });
}

// The same placement with the content of two random ranks of each row exchanged.
PlacementPlan ExchangeRanks(const SolverInstance& instance, PlacementPlan plan, Random& random) {
  const int row_size = instance.topology.num_ranks() / instance.topology.num_rows();
  for (int layer = 0; layer < instance.shape.num_layers; ++layer) {
    for (int row = 0; row < instance.topology.num_rows(); ++row) {
      const auto first_slot = [&] {
        const auto rank = static_cast<std::int32_t>(row * row_size + random.Below(row_size));
        return static_cast<std::ptrdiff_t>(layer) * plan.num_slots +
               instance.topology.slots_of(RankId(rank)).first.value;
      };
      const auto a = plan.expert_in_slot.begin() + first_slot();
      const auto b = plan.expert_in_slot.begin() + first_slot();
      if (a != b) std::swap_ranges(a, a + instance.topology.slots_of(RankId(0)).count, b);
    }
  }
  SetEqualShares(instance.shape, plan);
  return plan;
}

TEST(PlannerPropertyTest, StartedFromItsResultOnOtherRanksItReturnsThat) {
  ForEachInstance([](const SolverInstance& instance, Random& random) {
    const PlacementPlan current = ExchangeRanks(instance, Solve(instance), random);
    EXPECT_EQ(Solve(instance, &current), current);
  });
}

TEST(PlannerPropertyTest, RenumberingKeepsRankLoadsAndNeverMovesMore) {
  ForEachInstance([](const SolverInstance& instance, Random& random) {
    const PlacementPlan from = Solve(instance);
    const SolverInstance drifted = WithDrift(instance, random, 0.3);
    PlacementPlan to = Solve(drifted);
    PlacementPlan kept = to;
    KeepSlotsWithinRanks(instance.topology, from, &kept);
    EXPECT_LE(Diff(from, kept).size(), Diff(from, to).size());
    ExpectSameRankLoads(drifted, to, kept, 1e-12);
    std::size_t fewest = Diff(from, kept).size();
    for (const RelabelScope scope :
         {RelabelScope::kWithinRows, RelabelScope::kWholeRows, RelabelScope::kAllRanks}) {
      PlacementPlan renumbered = to;
      RelabelRanks(instance.topology, from, scope, &renumbered);
      KeepSlotsWithinRanks(instance.topology, from, &renumbered);
      // Each scope allows all that the one before allows.
      EXPECT_LE(Diff(from, renumbered).size(), fewest);
      fewest = Diff(from, renumbered).size();
      ExpectSameRankLoads(drifted, to, renumbered, 1e-12);
      EXPECT_TRUE(CheckPlan(instance.shape, instance.topology, renumbered).ok());
    }
  });
}

TEST(PlannerPropertyTest, AMovedPlanHasTheBalanceOfAFreshOne) {
  ForEachInstance([](const SolverInstance& instance, Random& random) {
    const PlacementPlan current = Solve(instance);
    const SolverInstance drifted = WithDrift(instance, random, 0.3);
    const PlacementPlan fresh = Solve(drifted);
    const PlacementPlan moved = Solve(drifted, &current);
    // Shares are in 1/65535, whose odd units go by slot number.
    ExpectSameRankLoads(drifted, fresh, moved, 1e-3);
    EXPECT_LE(Diff(current, moved).size(), Diff(current, fresh).size());
  });
}

// Not a law: with equal shares one slot more can hurt.
TEST(PlannerPropertyTest, OneSlotMoreMayHurtUnderEqualSharesOnly) {
  const std::vector<double> load = {10};
  const auto two =
      Topology::Create({{.row = RowId(0), .num_slots = 1}, {.row = RowId(0), .num_slots = 1}});
  const auto three =
      Topology::Create({{.row = RowId(0), .num_slots = 2}, {.row = RowId(0), .num_slots = 1}});
  const std::vector<ExpertId> experts(3, ExpertId(0));
  const LayerSplit before = SplitLayer(*two, load, absl::MakeSpan(experts).first(2));
  const LayerSplit after = SplitLayer(*three, load, experts);
  EXPECT_DOUBLE_EQ(before.equal_value, 5);
  EXPECT_DOUBLE_EQ(after.equal_value, 20.0 / 3);
  EXPECT_NEAR(before.best_value, 5, 1e-9);
  EXPECT_NEAR(after.best_value, 5, 1e-9);
}

}  // namespace
}  // namespace ballast
