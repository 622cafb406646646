#include "core/routing/split_flow.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "core/base/ids.h"

namespace ballast {
namespace {

// Sweeps of water-filling before the flow. Chosen: more sweeps leave less to the
// flow, and each costs about as much as a few of its searches.
constexpr int kSweeps = 4;

// A rank is too full if its load exceeds the level's by this part. Chosen: well
// above the rounding of sums of a thousand terms, far below the 1e-9 promised.
constexpr double kLoadTolerance = 1e-11;

// A rank takes load until it exceeds the level by this part, so that what is much to a
// slow rank, but less than the rounding of a fast one, can move there. Chosen: well
// below kLoadTolerance, which it must not trigger.
constexpr double kRoomTolerance = 1e-12;

// The slots of one expert on one rank.
struct Edge {
  int expert = 0;
  int rank = 0;
  int num_slots = 0;
  double flow = 0;  // Load of the expert that goes to the rank.
};

// Counting sort: the indices of `keys` by ascending key, equal keys in the order of
// `order`. Fills begin[k] .. begin[k + 1] with the range of key k.
std::vector<int> StableOrder(std::span<const int> keys, std::span<const int> order, int num_keys,
                             std::vector<int>* begin) {
  begin->assign(num_keys + 1, 0);
  for (int i : order) ++(*begin)[keys[i] + 1];
  for (int k = 0; k < num_keys; ++k) (*begin)[k + 1] += (*begin)[k];
  std::vector<int> next(begin->begin(), begin->end() - 1);
  std::vector<int> sorted(order.size());
  for (int i : order) sorted[next[keys[i]]++] = i;
  return sorted;
}

// The flow network of one call. All experts' loads are always placed in full; what
// varies is the level: the load / speed that no rank may exceed.
class SplitFlow {
 public:
  explicit SplitFlow(const SplitInput& input)
      : input_(input),
        num_experts_(static_cast<int>(input.expert_load.size())),
        num_ranks_(static_cast<int>(input.rank_speed.size())) {
    BuildEdges();
  }

  SplitResult Solve();

 private:
  // How a search came to a rank: load of `out`'s expert moves from out.rank to in.rank.
  struct Hop {
    int out = -1;  // Edge; -1: the search began here.
    int in = -1;   // Edge of the same expert.
  };

  std::span<Edge> edges_of(int expert) {
    return std::span(edges_).subspan(expert_begin_[expert],
                                     expert_begin_[expert + 1] - expert_begin_[expert]);
  }
  double speed(int rank) const { return input_.rank_speed[rank]; }
  double excess(int rank) const { return load_[rank] - level_ * speed(rank); }
  double room(int rank) const { return level_ * (1 + kRoomTolerance) * speed(rank) - load_[rank]; }

  void BuildEdges();
  void FillBySpeed();
  void SumLoads();
  void WaterFill(int expert);
  bool FindUnservedExpert(SplitResult* result) const;
  void RaiseToCut(const std::vector<int>& experts);
  void RaiseToSimpleCuts();
  void Relieve(int rank);
  int FindRoom(int from);
  // FindRoom()'s step at one rank: the first host with room, or -1.
  int Visit(int rank);
  void Push(int from, int to);
  void WriteShares(SplitResult* result) const;
  void WriteCut(SplitResult* result) const;

  const SplitInput& input_;
  const int num_experts_;
  const int num_ranks_;

  std::vector<Edge> edges_;        // By expert, then rank.
  std::vector<int> expert_begin_;  // [num_experts + 1] into edges_.
  std::vector<int> rank_edges_;    // Indices of edges_, by rank, then expert.
  std::vector<int> rank_begin_;    // [num_ranks + 1] into rank_edges_.
  std::vector<int> edge_of_slot_;  // [num_slots]; -1: takes nothing.
  std::vector<double> load_;       // [num_ranks]

  double level_ = 0;              // A proven lower bound of the value,
  std::vector<int> cut_experts_;  // by this set, ascending.

  // The search in FindRoom().
  std::vector<Hop> hop_;              // [num_ranks]
  std::vector<int> queue_;            // Ranks reached, in order.
  std::vector<char> rank_reached_;    // [num_ranks]
  std::vector<char> expert_reached_;  // [num_experts]
  std::vector<Edge*> by_level_;       // Scratch of WaterFill().
};

void SplitFlow::BuildEdges() {
  const int num_slots = static_cast<int>(input_.expert_in_slot.size());
  std::vector<int> expert(num_slots);
  std::vector<int> rank(num_slots);
  std::vector<int> usable;
  for (int s = 0; s < num_slots; ++s) {
    expert[s] = input_.expert_in_slot[s].value;
    rank[s] = input_.rank_of_slot[s].value;
    if (expert[s] >= 0 && speed(rank[s]) > 0) usable.push_back(s);
  }
  std::vector<int> begin;
  const std::vector<int> by_rank = StableOrder(rank, usable, num_ranks_, &begin);
  const std::vector<int> by_expert = StableOrder(expert, by_rank, num_experts_, &begin);

  edge_of_slot_.assign(num_slots, -1);
  std::vector<int> edge_rank;
  std::vector<int> edge_expert;
  for (int s : by_expert) {
    if (edges_.empty() || edges_.back().expert != expert[s] || edges_.back().rank != rank[s]) {
      edges_.push_back({expert[s], rank[s], 0, 0});
      edge_rank.push_back(rank[s]);
      edge_expert.push_back(expert[s]);
    }
    ++edges_.back().num_slots;
    edge_of_slot_[s] = static_cast<int>(edges_.size()) - 1;
  }
  std::vector<int> all(edges_.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  StableOrder(edge_expert, all, num_experts_, &expert_begin_);
  rank_edges_ = StableOrder(edge_rank, all, num_ranks_, &rank_begin_);

  load_.assign(num_ranks_, 0);
  hop_.resize(num_ranks_);
  rank_reached_.resize(num_ranks_);
  expert_reached_.resize(num_experts_);
}

// Where the sweeps start from; experts with one host stay as placed here.
void SplitFlow::FillBySpeed() {
  for (int e = 0; e < num_experts_; ++e) {
    double capacity = 0;
    for (const Edge& edge : edges_of(e)) capacity += speed(edge.rank);
    for (Edge& edge : edges_of(e)) {
      edge.flow = input_.expert_load[e] * (speed(edge.rank) / capacity);
    }
  }
  SumLoads();
}

// Anew from the flows: what the sweeps have added and taken away again leaves rounding
// behind, which is not small against the load of a slow rank.
void SplitFlow::SumLoads() {
  std::fill(load_.begin(), load_.end(), 0.0);
  for (const Edge& edge : edges_) load_[edge.rank] += edge.flow;
}

// Places one expert anew so that the ranks it uses end at one level, below all
// others that could have taken it.
void SplitFlow::WaterFill(int expert) {
  by_level_.clear();
  for (Edge& edge : edges_of(expert)) {
    load_[edge.rank] -= edge.flow;
    edge.flow = 0;
    by_level_.push_back(&edge);
  }
  const auto level = [this](const Edge* edge) { return load_[edge->rank] / speed(edge->rank); };
  std::sort(by_level_.begin(), by_level_.end(), [&](const Edge* a, const Edge* b) {
    const double level_a = level(a);
    const double level_b = level(b);
    return level_a != level_b ? level_a < level_b : a < b;
  });
  double used_load = input_.expert_load[expert];
  double used_speed = 0;
  std::size_t used = 0;
  while (used < by_level_.size() &&
         (used == 0 || used_load > level(by_level_[used]) * used_speed)) {
    used_load += load_[by_level_[used]->rank];
    used_speed += speed(by_level_[used]->rank);
    ++used;
  }
  // The fastest takes what rounding leaves.
  double rest = input_.expert_load[expert];
  Edge* fastest = by_level_[0];
  for (std::size_t i = 0; i < used; ++i) {
    Edge& edge = *by_level_[i];
    const double missing = used_load / used_speed * speed(edge.rank) - load_[edge.rank];
    edge.flow = std::clamp(missing, 0.0, rest);
    rest -= edge.flow;
    load_[edge.rank] += edge.flow;
    if (speed(edge.rank) > speed(fastest->rank)) fastest = &edge;
  }
  fastest->flow += rest;
  load_[fastest->rank] += rest;
}

bool SplitFlow::FindUnservedExpert(SplitResult* result) const {
  for (int e = 0; e < num_experts_; ++e) {
    if (input_.expert_load[e] > 0 && expert_begin_[e] == expert_begin_[e + 1]) {
      result->value = std::numeric_limits<double>::infinity();
      result->cut_experts = {ExpertId(e)};
      result->cut_load = input_.expert_load[e];
      return true;
    }
  }
  return false;
}

// The hosts of `experts` (ascending) must carry all their load: a bound from below.
// Keeps it if it is the best so far.
void SplitFlow::RaiseToCut(const std::vector<int>& experts) {
  std::vector<char> hosts(num_ranks_, 0);
  double load = 0;
  for (int e : experts) {
    load += input_.expert_load[e];
    for (const Edge& edge : edges_of(e)) hosts[edge.rank] = 1;
  }
  double capacity = 0;
  for (int r = 0; r < num_ranks_; ++r) {
    if (hosts[r] != 0) capacity += speed(r);
  }
  if (capacity > 0 && load / capacity > level_) {
    level_ = load / capacity;
    cut_experts_ = experts;
  }
}

// The mean over all ranks, and the single expert that needs most.
void SplitFlow::RaiseToSimpleCuts() {
  std::vector<int> loaded;
  int neediest = -1;
  double need = 0;
  for (int e = 0; e < num_experts_; ++e) {
    if (input_.expert_load[e] <= 0) continue;
    loaded.push_back(e);
    double capacity = 0;
    for (const Edge& edge : edges_of(e)) capacity += speed(edge.rank);
    if (input_.expert_load[e] / capacity > need) {
      need = input_.expert_load[e] / capacity;
      neediest = e;
    }
  }
  RaiseToCut(loaded);
  if (neediest >= 0) RaiseToCut({neediest});
}

// Moves load away until `rank` is at the level. Where that is impossible, the ranks
// reached are a closed set, and the level rises to its mean.
void SplitFlow::Relieve(int rank) {
  while (excess(rank) > kLoadTolerance * level_ * speed(rank)) {
    const int target = FindRoom(rank);
    if (target >= 0) {
      Push(rank, target);
      continue;
    }
    std::vector<int> closed;
    for (int e = 0; e < num_experts_; ++e) {
      if (expert_reached_[e] != 0) closed.push_back(e);
    }
    const double before = level_;
    RaiseToCut(closed);
    if (level_ == before) return;  // The rest of the excess is rounding.
  }
}

// Breadth-first from a full rank over experts with flow on it to their other hosts;
// returns the nearest rank below the level, or -1. Nearest keeps the number of
// pushes bounded (Edmonds and Karp 1972), whatever the loads.
int SplitFlow::FindRoom(int from) {
  std::fill(rank_reached_.begin(), rank_reached_.end(), 0);
  std::fill(expert_reached_.begin(), expert_reached_.end(), 0);
  queue_.assign(1, from);
  rank_reached_[from] = 1;
  hop_[from] = {};
  for (std::size_t head = 0; head < queue_.size(); ++head) {
    const int found = Visit(queue_[head]);
    if (found >= 0) return found;
  }
  return -1;
}

int SplitFlow::Visit(int rank) {
  for (int i = rank_begin_[rank]; i < rank_begin_[rank + 1]; ++i) {
    const int out = rank_edges_[i];
    const int expert = edges_[out].expert;
    if (edges_[out].flow <= 0 || expert_reached_[expert] != 0) continue;
    expert_reached_[expert] = 1;
    for (int in = expert_begin_[expert]; in < expert_begin_[expert + 1]; ++in) {
      const int next = edges_[in].rank;
      if (rank_reached_[next] != 0) continue;
      rank_reached_[next] = 1;
      hop_[next] = {out, in};
      if (room(next) > 0) return next;
      queue_.push_back(next);
    }
  }
  return -1;
}

void SplitFlow::Push(int from, int to) {
  double amount = std::min(excess(from), room(to));
  for (int r = to; r != from; r = edges_[hop_[r].out].rank) {
    amount = std::min(amount, edges_[hop_[r].out].flow);
  }
  for (int r = to; r != from; r = edges_[hop_[r].out].rank) {
    edges_[hop_[r].out].flow -= amount;
    edges_[hop_[r].in].flow += amount;
  }
  load_[from] -= amount;
  load_[to] += amount;
}

void SplitFlow::WriteShares(SplitResult* result) const {
  result->share.assign(edge_of_slot_.size(), 0);
  for (std::size_t s = 0; s < edge_of_slot_.size(); ++s) {
    if (edge_of_slot_[s] < 0) continue;
    const Edge& edge = edges_[edge_of_slot_[s]];
    const double load = input_.expert_load[edge.expert];
    const int num_edges = expert_begin_[edge.expert + 1] - expert_begin_[edge.expert];
    const double part = load > 0 ? edge.flow / load : 1.0 / num_edges;
    result->share[s] = part / edge.num_slots;
  }
}

void SplitFlow::WriteCut(SplitResult* result) const {
  std::vector<char> hosts(num_ranks_, 0);
  for (int e : cut_experts_) {
    result->cut_experts.push_back(ExpertId(e));
    result->cut_load += input_.expert_load[e];
    for (int i = expert_begin_[e]; i < expert_begin_[e + 1]; ++i) hosts[edges_[i].rank] = 1;
  }
  for (int r = 0; r < num_ranks_; ++r) {
    if (hosts[r] == 0) continue;
    result->cut_ranks.push_back(RankId(r));
    result->cut_capacity += speed(r);
  }
  result->value = level_;
}

SplitResult SplitFlow::Solve() {
  SplitResult result;
  FillBySpeed();
  if (FindUnservedExpert(&result)) {
    WriteShares(&result);
    return result;
  }
  RaiseToSimpleCuts();
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (int e = 0; e < num_experts_; ++e) {
      if (edges_of(e).size() > 1) WaterFill(e);
    }
  }
  SumLoads();
  for (int r = 0; r < num_ranks_; ++r) {
    if (speed(r) > 0) Relieve(r);
  }
  WriteShares(&result);
  WriteCut(&result);
  return result;
}

}  // namespace

SplitResult MinMaxSplit(const SplitInput& input) { return SplitFlow(input).Solve(); }

}  // namespace ballast
