#include "core/solver/eplb_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "tests/solver/solver_instance.h"

namespace ballast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::vector<double>> kReadme = {
    {90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86},
    {20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27}};

LoadMatrix EvenLoad(int experts) { return LoadOf({std::vector<double>(experts, 1.0)}); }

absl::Status StatusOf(const EplbSize& size, const LoadMatrix& load,
                      EplbPolicy policy = EplbPolicy::kAuto) {
  return SolveEplb(size, load, policy, TieOrder::kStable).status();
}

TEST(SolveEplbTest, ReproducesThePublishedExample) {
  const auto layout =
      SolveEplb({16, 8, 2, 4}, LoadOf(kReadme), EplbPolicy::kAuto, TieOrder::kStable);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_TRUE(layout->hierarchical);
  std::vector<int> phy2log;
  for (ExpertId expert : layout->expert_in_slot) phy2log.push_back(expert.value);
  EXPECT_THAT(phy2log, ElementsAre(5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1,  //
                                   7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1));
}

TEST(SolveEplbTest, ListsTheSlotsOfEachReplica) {
  const auto layout =
      SolveEplb({16, 8, 2, 4}, LoadOf(kReadme), EplbPolicy::kAuto, TieOrder::kStable);
  ASSERT_TRUE(layout.ok()) << layout.status();
  int width = 0;
  const std::vector<std::int32_t> slots = SlotsOfReplicas(*layout, 2, &width);
  EXPECT_EQ(width, 2);
  ASSERT_EQ(slots.size(), 2u * 12 * 2);
  EXPECT_EQ(slots[0], 12);
  EXPECT_EQ(slots[1], -1);
  EXPECT_EQ(slots[2 * 5], 0);
  EXPECT_EQ(slots[2 * 5 + 1], 2);
  EXPECT_EQ(slots[2 * (12 + 1)], 15);
}

TEST(SolveEplbTest, AutoIsHierarchicalIfGroupsAreAMultipleOfRows) {
  const LoadMatrix load = LoadOf({std::vector<double>(16, 1.0)});
  const auto fits = SolveEplb({24, 8, 2, 4}, load, EplbPolicy::kAuto, TieOrder::kStable);
  const auto does_not = SolveEplb({24, 8, 4, 2}, load, EplbPolicy::kAuto, TieOrder::kStable);
  ASSERT_TRUE(fits.ok() && does_not.ok());
  EXPECT_TRUE(fits->hierarchical);
  EXPECT_FALSE(does_not->hierarchical);
  EXPECT_TRUE(does_not->fallback.empty());
}

TEST(SolveEplbTest, SaysWhyItCouldNotBeHierarchical) {
  const auto layout =
      SolveEplb({24, 8, 4, 2}, EvenLoad(16), EplbPolicy::kHierarchical, TieOrder::kStable);
  ASSERT_TRUE(layout.ok());
  EXPECT_FALSE(layout->hierarchical);
  EXPECT_THAT(layout->fallback, HasSubstr("2 expert groups are no multiple of 4 rows"));
}

TEST(SolveEplbTest, GlobalPolicyIgnoresGroupsAndRows) {
  const auto layout =
      SolveEplb({21, 7, 2, 4}, EvenLoad(15), EplbPolicy::kGlobal, TieOrder::kStable);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_FALSE(layout->hierarchical);
}

TEST(SolveEplbTest, AcceptsALayerWithoutLoad) {
  const auto layout =
      SolveEplb({6, 2, 1, 1}, LoadOf({{0, 0, 0, 0}}), EplbPolicy::kAuto, TieOrder::kStable);
  ASSERT_TRUE(layout.ok());
  EXPECT_THAT(layout->replica_count, ElementsAre(3, 1, 1, 1));
}

TEST(SolveEplbTest, AcceptsTheLargestLoads) {
  const double most = std::numeric_limits<float>::max();
  const auto layout = SolveEplb({8, 4, 2, 2}, LoadOf({{most, most, most, most, 0, 1}}),
                                EplbPolicy::kAuto, TieOrder::kStable);
  EXPECT_TRUE(layout.ok()) << layout.status();
}

struct BadSize {
  const char* name;
  EplbSize size;
  int experts;
  absl::StatusCode code;
  const char* message;
};

const BadSize kBadSizes[] = {
    {"SlotsNoMultipleOfRanks",
     {18, 8, 2, 4},
     16,
     absl::StatusCode::kInvalidArgument,
     "18 slots are no multiple of 8 ranks"},
    {"UnevenSlots",
     {320, 128, 16, 8},
     256,
     absl::StatusCode::kInvalidArgument,
     "320 slots are no multiple of 128 ranks"},
    {"FewerSlotsThanExperts",
     {8, 8, 2, 4},
     16,
     absl::StatusCode::kFailedPrecondition,
     "16 experts need as many slots, there are 8"},
    {"RanksNoMultipleOfRows",
     {24, 8, 3, 3},
     15,
     absl::StatusCode::kInvalidArgument,
     "8 ranks are no multiple of 3 rows"},
    {"ExpertsNoMultipleOfGroups",
     {24, 8, 2, 6},
     16,
     absl::StatusCode::kInvalidArgument,
     "16 experts are no multiple of 6 groups"},
    {"NoRows", {24, 8, 0, 4}, 16, absl::StatusCode::kInvalidArgument, "number of rows: 0"},
    {"NoRanks", {24, 0, 2, 4}, 16, absl::StatusCode::kInvalidArgument, "number of ranks: 0"},
    {"NoGroups",
     {24, 8, 2, 0},
     16,
     absl::StatusCode::kInvalidArgument,
     "number of expert groups: 0"},
    {"NegativeRows", {24, 8, -2, 4}, 16, absl::StatusCode::kInvalidArgument, "number of rows: -2"},
    {"NoSlots", {0, 8, 2, 4}, 16, absl::StatusCode::kInvalidArgument, "number of slots: 0"},
};

class BadSizeTest : public testing::TestWithParam<BadSize> {};

TEST_P(BadSizeTest, NamesBothNumbers) {
  const absl::Status status = StatusOf(GetParam().size, EvenLoad(GetParam().experts));
  EXPECT_EQ(status.code(), GetParam().code);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(SolveEplbTest, BadSizeTest, testing::ValuesIn(kBadSizes),
                         [](const auto& test) { return test.param.name; });

TEST(SolveEplbTest, RefusesNoLayersAndNoExperts) {
  EXPECT_THAT(std::string(StatusOf({8, 8, 1, 1}, LoadMatrix(0, 4)).message()),
              HasSubstr("number of layers: 0"));
  EXPECT_THAT(std::string(StatusOf({8, 8, 1, 1}, LoadMatrix(1, 0)).message()),
              HasSubstr("number of experts: 0"));
}

TEST(SolveEplbTest, NamesLayerExpertAndValueOfABadLoad) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {std::nan(""), infinity, -infinity, -2.0, 1e300}) {
    const absl::Status status = StatusOf({4, 2, 1, 1}, LoadOf({{1, 2}, {3, bad}}));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(status.message()), HasSubstr("layer 1, expert 1: weight")) << bad;
  }
}

TEST(EplbPlannerTest, TakesRowsAndGroupsFromFleetAndModel) {
  const LoadMatrix load = LoadOf(kReadme);
  const ModelShape shape = ShapeOf(load, 4);
  const Topology topology = UniformFleet(8, 4, 2);
  const auto result = EplbPlanner().Plan({shape, topology, load, nullptr, {}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->policy, "hierarchical");
  EXPECT_TRUE(result->reproducible);
  EXPECT_TRUE(CheckPlan(shape, topology, result->plan).ok());
  EXPECT_EQ(result->plan.version, PlanVersion{});
  EXPECT_EQ(result->plan.expert_in_slot[0], ExpertId(5));
  EXPECT_EQ(result->replica_index.size(), result->plan.expert_in_slot.size());
}

TEST(EplbPlannerTest, GivesEqualSharesAsTheModelDefinesThem) {
  Random random(SolverTestSeed());
  for (int i = 0; i < 50; ++i) {
    SCOPED_TRACE(SeedLine(i));
    const SolverInstance instance = RandomInstance(random);
    const auto result =
        EplbPlanner().Plan({instance.shape, instance.topology, instance.load, nullptr, {}});
    ASSERT_TRUE(result.ok()) << result.status();
    PlacementPlan expected = result->plan;
    SetEqualShares(instance.shape, expected);
    EXPECT_EQ(result->plan, expected);
  }
}

TEST(EplbPlannerTest, RefusesUnevenSlots) {
  const auto topology =
      Topology::Create({{.row = RowId(0), .num_slots = 3}, {.row = RowId(0), .num_slots = 2}});
  const LoadMatrix load = EvenLoad(4);
  const auto result = EplbPlanner().Plan({ShapeOf(load), *topology, load, nullptr, {}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("rank 0 has 3, rank 1 has 2"));
}

TEST(EplbPlannerTest, RefusesUnevenRowsInTheHierarchicalBranchOnly) {
  const auto topology = Topology::Create({{.row = RowId(0), .num_slots = 2},
                                          {.row = RowId(0), .num_slots = 2},
                                          {.row = RowId(0), .num_slots = 2},
                                          {.row = RowId(1), .num_slots = 2}});
  const LoadMatrix load = EvenLoad(8);
  const ModelShape shape = ShapeOf(load, 2);
  const auto hierarchical = EplbPlanner().Plan({shape, *topology, load, nullptr, {}});
  EXPECT_EQ(hierarchical.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(hierarchical.status().message()),
              HasSubstr("row 0 has 3 ranks, row 1 has 1"));
  EXPECT_TRUE(
      EplbPlanner().Plan({shape, *topology, load, nullptr, {.policy = EplbPolicy::kGlobal}}).ok());
}

TEST(EplbPlannerTest, RefusesLoadOfAnotherModel) {
  const LoadMatrix load = EvenLoad(4);
  ModelShape shape = ShapeOf(load);
  shape.num_experts = 5;
  const Topology topology = UniformFleet(2, 2, 4);
  const auto result = EplbPlanner().Plan({shape, topology, load, nullptr, {}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("load is 1 x 4"));
}

TEST(EplbPlannerTest, RefusesABrokenCurrentPlan) {
  const LoadMatrix load = EvenLoad(4);
  const ModelShape shape = ShapeOf(load);
  const Topology topology = UniformFleet(2, 2, 2);
  PlacementPlan current = InitialPlan(shape, topology);
  current.expert_in_slot[0] = ExpertId(7);
  const auto result = EplbPlanner().Plan({shape, topology, load, &current, {}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("current plan: layer 0, slot 0"));
}

TEST(EplbPlannerTest, SaysThatItIgnoresSpeeds) {
  const auto topology = Topology::Create(
      {{.row = RowId(0), .num_slots = 2}, {.row = RowId(0), .num_slots = 2, .relative_speed = 2}});
  const LoadMatrix load = EvenLoad(4);
  const auto result = EplbPlanner().Plan({ShapeOf(load), *topology, load, nullptr, {}});
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->fallback, HasSubstr("relative speeds"));
}

TEST(EplbPlannerTest, KeepsTheCurrentPlanWhereNothingIsToBeGained) {
  Random random(SolverTestSeed());
  const SolverInstance instance = RandomInstance(random);
  const PlanRequest first = {instance.shape, instance.topology, instance.load, nullptr, {}};
  const auto current = EplbPlanner().Plan(first);
  ASSERT_TRUE(current.ok());
  PlanRequest second = first;
  second.current = &current->plan;
  const auto again = EplbPlanner().Plan(second);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->plan, current->plan);
  EXPECT_TRUE(again->replica_index.empty());
}

TEST(MakePlannerTest, MakesEachPlannerByName) {
  for (const std::string& name : PlannerNames()) {
    const auto planner = MakePlanner(name);
    ASSERT_TRUE(planner.ok());
    EXPECT_EQ((*planner)->name(), name);
  }
}

TEST(MakePlannerTest, ListsTheNamesWhenItDoesNotKnowOne) {
  const auto planner = MakePlanner("eplbb");
  EXPECT_EQ(planner.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(planner.status().message()), HasSubstr("there are: eplb"));
}

}  // namespace
}  // namespace ballast
