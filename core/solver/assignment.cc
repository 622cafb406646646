#include "core/solver/assignment.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>

namespace ballast {
namespace {

constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();

// Duals: price_left[l] + price_right[r] >= weight(l, r) on every edge, with equality
// on matched ones, all prices >= 0, and 0 at every unmatched vertex whose turn has
// come. This is what proves a matching to be of maximum weight.
class HungarianMatcher {
 public:
  explicit HungarianMatcher(const WeightedGraph& graph)
      : graph_(graph),
        match_left_(graph.num_left(), -1),
        match_right_(graph.num_right, -1),
        price_left_(graph.num_left(), 0),
        price_right_(graph.num_right, 0),
        distance_(graph.num_right, kFar),
        parent_(graph.num_right, -1) {
    for (int left = 0; left < graph.num_left(); ++left) {
      for (std::size_t e = graph.begin[left]; e < graph.begin[left + 1]; ++e) {
        price_left_[left] = std::max(price_left_[left], graph.edges[e].weight);
      }
    }
  }

  std::vector<std::int32_t> Match() {
    for (int left = 0; left < graph_.num_left(); ++left) Place(left);
    return match_left_;
  }

 private:
  struct Reach {
    std::int64_t distance;
    std::int32_t right;
    friend bool operator>(const Reach& a, const Reach& b) {
      return std::tie(a.distance, a.right) > std::tie(b.distance, b.right);
    }
  };

  // Finds the cheapest way to make room for `root`: an alternating path that ends
  // at a free right vertex, or at a left vertex that had better stay unmatched.
  void Place(std::int32_t root) {
    std::priority_queue<Reach, std::vector<Reach>, std::greater<Reach>> frontier;
    std::int64_t shortest = price_left_[root];  // Leave the root itself unmatched.
    std::int32_t loser = root;
    std::int32_t end = -1;
    std::vector<std::int32_t> reached;
    Expand(root, 0, frontier, reached);
    while (!frontier.empty() && frontier.top().distance < shortest) {
      const Reach next = frontier.top();
      frontier.pop();
      if (next.distance != distance_[next.right]) continue;  // A shorter way was found since.
      const std::int32_t owner = match_right_[next.right];
      if (owner < 0) {
        shortest = next.distance;
        end = next.right;
        break;
      }
      if (next.distance + price_left_[owner] < shortest) {
        shortest = next.distance + price_left_[owner];
        loser = owner;
      }
      Expand(owner, next.distance, frontier, reached);
    }
    UpdatePrices(root, shortest, reached);
    Augment(root, loser, end);
    for (std::int32_t right : reached) distance_[right] = kFar;
  }

  void Expand(std::int32_t left, std::int64_t distance,
              std::priority_queue<Reach, std::vector<Reach>, std::greater<Reach>>& frontier,
              std::vector<std::int32_t>& reached) {
    for (std::size_t e = graph_.begin[left]; e < graph_.begin[left + 1]; ++e) {
      const WeightedGraph::Edge& edge = graph_.edges[e];
      if (match_left_[left] == edge.right) continue;
      const std::int64_t slack = price_left_[left] + price_right_[edge.right] - edge.weight;
      if (distance + slack >= distance_[edge.right]) continue;
      if (distance_[edge.right] == kFar) reached.push_back(edge.right);
      distance_[edge.right] = distance + slack;
      parent_[edge.right] = left;
      frontier.push({distance + slack, edge.right});
    }
  }

  void UpdatePrices(std::int32_t root, std::int64_t shortest,
                    const std::vector<std::int32_t>& reached) {
    price_left_[root] -= shortest;
    for (std::int32_t right : reached) {
      if (distance_[right] >= shortest) continue;
      price_right_[right] += shortest - distance_[right];
      price_left_[match_right_[right]] -= shortest - distance_[right];
    }
  }

  // Flips the path that ends at the free right vertex `end`, or at `loser`.
  void Augment(std::int32_t root, std::int32_t loser, std::int32_t end) {
    std::int32_t right = end;
    if (end < 0) {
      right = match_left_[loser];
      match_left_[loser] = -1;
      if (loser == root) return;
    }
    for (;;) {
      const std::int32_t left = parent_[right];
      const std::int32_t previous = match_left_[left];
      match_right_[right] = left;
      match_left_[left] = right;
      if (left == root) return;
      right = previous;
    }
  }

  const WeightedGraph& graph_;
  std::vector<std::int32_t> match_left_;
  std::vector<std::int32_t> match_right_;
  std::vector<std::int64_t> price_left_;
  std::vector<std::int64_t> price_right_;
  std::vector<std::int64_t> distance_;  // [num_right], kFar outside the current search.
  std::vector<std::int32_t> parent_;    // [num_right], the left vertex it was reached from.
};

}  // namespace

std::vector<std::int32_t> MaxWeightMatching(const WeightedGraph& graph) {
  return HungarianMatcher(graph).Match();
}

std::int64_t MatchingWeight(const WeightedGraph& graph, const std::vector<std::int32_t>& match) {
  std::int64_t sum = 0;
  for (int left = 0; left < graph.num_left(); ++left) {
    for (std::size_t e = graph.begin[left]; e < graph.begin[left + 1]; ++e) {
      if (graph.edges[e].right == match[left]) sum += graph.edges[e].weight;
    }
  }
  return sum;
}

}  // namespace ballast
