#ifndef BALLAST_CORE_SOLVER_ASSIGNMENT_H_
#define BALLAST_CORE_SOLVER_ASSIGNMENT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ballast {

// A sparse bipartite graph with weights, built left vertex by left vertex.
struct WeightedGraph {
  struct Edge {
    std::int32_t right = 0;
    std::int64_t weight = 0;  // > 0
  };

  int num_right = 0;
  std::vector<std::size_t> begin{0};  // [num_left + 1]: edges[begin[l] .. begin[l + 1]) leave l.
  std::vector<Edge> edges;

  int num_left() const { return static_cast<int>(begin.size()) - 1; }
  // Ends the edges of the current left vertex; the next edge belongs to the next one.
  void FinishLeft() { begin.push_back(edges.size()); }
};

// A matching of maximum total weight: [num_left], the right vertex of each left
// vertex or -1. Exact (Hungarian method by shortest augmenting paths), hence no
// matching keeps more. Equal optima: the same one for the same graph.
// Time O(left * edges * log edges) at worst; memory O(vertices + edges).
std::vector<std::int32_t> MaxWeightMatching(const WeightedGraph& graph);

// Total weight of a matching of the graph.
std::int64_t MatchingWeight(const WeightedGraph& graph, const std::vector<std::int32_t>& match);

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_ASSIGNMENT_H_
