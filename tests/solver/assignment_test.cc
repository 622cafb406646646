#include "core/solver/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/solver/solver_instance.h"

namespace ballast {
namespace {

using testing::ElementsAre;

WeightedGraph GraphOf(const std::vector<std::vector<int>>& weights) {
  WeightedGraph graph;
  graph.num_right = static_cast<int>(weights.front().size());
  for (const std::vector<int>& line : weights) {
    for (int right = 0; right < graph.num_right; ++right) {
      if (line[right] > 0) graph.edges.push_back({right, line[right]});
    }
    graph.FinishLeft();
  }
  return graph;
}

// Best total over all matchings, by trying each right vertex or none for `left`.
int BruteForce(const std::vector<std::vector<int>>& weights, std::size_t left, unsigned taken) {
  if (left == weights.size()) return 0;
  int best = BruteForce(weights, left + 1, taken);
  for (std::size_t right = 0; right < weights[left].size(); ++right) {
    if ((taken >> right & 1u) != 0 || weights[left][right] == 0) continue;
    best =
        std::max(best, weights[left][right] + BruteForce(weights, left + 1, taken | 1u << right));
  }
  return best;
}

TEST(AssignmentTest, PrefersTheLargerSumToTheLargerEdge) {
  const WeightedGraph graph = GraphOf({{5, 4}, {4, 0}});
  EXPECT_THAT(MaxWeightMatching(graph), ElementsAre(1, 0));
}

TEST(AssignmentTest, LeavesAVertexUnmatchedWhereThatIsBetter) {
  const WeightedGraph graph = GraphOf({{9, 1}, {8, 0}});
  EXPECT_THAT(MaxWeightMatching(graph), ElementsAre(0, -1));
}

TEST(AssignmentTest, TakesAMatchAwayAgainWhenAHeavierOneComes) {
  const WeightedGraph graph = GraphOf({{1}, {7}});
  EXPECT_THAT(MaxWeightMatching(graph), ElementsAre(-1, 0));
}

TEST(AssignmentTest, MatchesNothingWithoutEdges) {
  EXPECT_THAT(MaxWeightMatching(GraphOf({{0, 0}, {0, 0}})), ElementsAre(-1, -1));
}

TEST(AssignmentTest, IsOptimalOnRandomGraphs) {
  Random random(SolverTestSeed());
  for (int instance = 0; instance < 2000; ++instance) {
    SCOPED_TRACE(SeedLine(instance));
    const std::size_t lefts = 1 + random.Below(6);
    const std::size_t rights = 1 + random.Below(6);
    const std::uint64_t heaviest = 1 + random.Below(9);
    std::vector<std::vector<int>> weights(lefts, std::vector<int>(rights));
    for (std::vector<int>& line : weights) {
      for (int& weight : line) {
        weight = random.Below(2) == 0 ? 0 : static_cast<int>(random.Below(heaviest + 1));
      }
    }
    const WeightedGraph graph = GraphOf(weights);
    const std::vector<std::int32_t> match = MaxWeightMatching(graph);
    std::set<std::int32_t> taken;
    for (std::size_t left = 0; left < lefts; ++left) {
      if (match[left] < 0) continue;
      ASSERT_TRUE(taken.insert(match[left]).second);
      ASSERT_GT(weights[left][match[left]], 0);
    }
    ASSERT_EQ(MatchingWeight(graph, match), BruteForce(weights, 0, 0));
  }
}

}  // namespace
}  // namespace ballast
