#include "core/routing/placement_table.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/base/ids.h"

namespace ballast {
namespace {

// "`what` 7 out of [0, 4)".
std::string OutOfRange(const char* what, int value, int bound) {
  return std::string(what) + " " + std::to_string(value) + " out of [0, " + std::to_string(bound) +
         ")";
}

std::string Place(int layer, int slot) {
  return "layer " + std::to_string(layer) + ", slot " + std::to_string(slot) + ": ";
}

std::string WrongSize(const char* name, std::size_t size, std::size_t expected) {
  return std::string(name) + " has " + std::to_string(size) + " entries, not " +
         std::to_string(expected);
}

// Each check returns what is wrong, or nothing.

std::string CheckSizes(const TableSpec& spec) {
  if (spec.num_layers < 1) return "num_layers " + std::to_string(spec.num_layers) + " is below 1";
  if (spec.num_experts < 1) {
    return "num_experts " + std::to_string(spec.num_experts) + " is below 1";
  }
  if (spec.num_slots < spec.num_experts || spec.num_slots > kMaxTableSlots) {
    return "num_slots " + std::to_string(spec.num_slots) + " out of [" +
           std::to_string(spec.num_experts) + ", " + std::to_string(kMaxTableSlots) +
           "]: every expert needs a slot";
  }
  const std::size_t cells = static_cast<std::size_t>(spec.num_layers) * spec.num_slots;
  // Offsets into the replica lists are 32 bits wide.
  if (cells + spec.num_layers > std::numeric_limits<std::uint32_t>::max()) {
    return "num_layers " + std::to_string(spec.num_layers) + " times num_slots " +
           std::to_string(spec.num_slots) + " is too large";
  }
  if (spec.expert_in_slot.size() != cells) {
    return WrongSize("expert_in_slot", spec.expert_in_slot.size(), cells);
  }
  if (spec.share.size() != cells) return WrongSize("share", spec.share.size(), cells);
  const auto num_slots = static_cast<std::size_t>(spec.num_slots);
  if (spec.rank_of_slot.size() != num_slots) {
    return WrongSize("rank_of_slot", spec.rank_of_slot.size(), num_slots);
  }
  return "";
}

std::string CheckRanks(const TableSpec& spec) {
  // Ranks without a slot are legal, so that the slots do not bound their number.
  if (spec.row_of_rank.empty() || spec.row_of_rank.size() > kMaxTableSlots) {
    return "row_of_rank has " + std::to_string(spec.row_of_rank.size()) + " entries, not 1 to " +
           std::to_string(kMaxTableSlots);
  }
  const int num_ranks = static_cast<int>(spec.row_of_rank.size());
  for (int r = 0; r < num_ranks; ++r) {
    if (!spec.row_of_rank[r].valid()) {
      return "rank " + std::to_string(r) + ": row " + std::to_string(spec.row_of_rank[r].value) +
             " is negative";
    }
  }
  if (spec.own_rank.value < 0 || spec.own_rank.value >= num_ranks) {
    return OutOfRange("own rank", spec.own_rank.value, num_ranks);
  }
  for (int s = 0; s < spec.num_slots; ++s) {
    const RankId rank = spec.rank_of_slot[s];
    if (rank.value < 0 || rank.value >= num_ranks) {
      return "slot " + std::to_string(s) + ": " + OutOfRange("rank", rank.value, num_ranks);
    }
    if (s > 0 && rank < spec.rank_of_slot[s - 1]) {
      return "slot " + std::to_string(s) + ": rank " + std::to_string(rank.value) + " after rank " +
             std::to_string(spec.rank_of_slot[s - 1].value) + "; slots are ordered by rank";
    }
  }
  return "";
}

std::string CheckExperts(const TableSpec& spec) {
  std::vector<bool> seen(spec.num_experts);
  for (int layer = 0; layer < spec.num_layers; ++layer) {
    const auto in_slot = spec.expert_in_slot.subspan(
        static_cast<std::size_t>(layer) * spec.num_slots, spec.num_slots);
    seen.assign(spec.num_experts, false);
    for (int s = 0; s < spec.num_slots; ++s) {
      const int expert = in_slot[s].value;
      if (expert < 0 || expert >= spec.num_experts) {
        return Place(layer, s) + OutOfRange("expert", expert, spec.num_experts);
      }
      seen[expert] = true;
    }
    const auto missing = std::find(seen.begin(), seen.end(), false);
    if (missing != seen.end()) {
      return "layer " + std::to_string(layer) + ": expert " +
             std::to_string(missing - seen.begin()) + " has no replica";
    }
  }
  return "";
}

}  // namespace

// Fills a table from a spec that passed all checks, layer by layer.
class PlacementTable::Builder {
 public:
  Builder(const TableSpec& spec, PlacementTable* table) : spec_(spec), table_(*table) {}

  void Build() {
    SetFrame();
    for (int layer = 0; layer < spec_.num_layers; ++layer) {
      CountReplicas(layer);
      ListReplicas(layer);
      ListRoutes(layer);
    }
  }

 private:
  bool near(RankId rank) const {
    return spec_.row_of_rank[rank.value] == spec_.row_of_rank[spec_.own_rank.value];
  }
  std::size_t cell(int layer, int slot) const {
    return static_cast<std::size_t>(layer) * spec_.num_slots + slot;
  }
  // An expert none of whose slots has a share keeps all: it must stay reachable.
  bool used(int layer, int slot) const {
    return spec_.share[cell(layer, slot)] > 0 ||
           !has_share_[spec_.expert_in_slot[cell(layer, slot)].value];
  }
  // Ranks passed on the way up from the own rank, around the end.
  int DistanceFromOwn(RankId rank) const {
    const int distance = rank.value - spec_.own_rank.value;
    return distance >= 0 ? distance : distance + table_.num_ranks_;
  }

  void SetFrame() {
    const std::size_t cells = spec_.expert_in_slot.size();
    const std::size_t experts = static_cast<std::size_t>(spec_.num_layers) * spec_.num_experts;
    table_.id_ = spec_.id;
    table_.num_layers_ = spec_.num_layers;
    table_.num_experts_ = spec_.num_experts;
    table_.num_ranks_ = static_cast<int>(spec_.row_of_rank.size());
    table_.own_rank_ = spec_.own_rank;
    table_.rank_of_slot_.assign(spec_.rank_of_slot.begin(), spec_.rank_of_slot.end());
    const auto [first, last] =
        std::equal_range(table_.rank_of_slot_.begin(), table_.rank_of_slot_.end(), spec_.own_rank);
    table_.own_first_slot_ = SlotId(static_cast<int>(first - table_.rank_of_slot_.begin()));
    table_.own_num_slots_ = static_cast<int>(last - first);
    table_.begin_.reserve(experts + spec_.num_layers);
    table_.slots_.reserve(cells);
    table_.num_near_.assign(experts, 0);
    table_.routes_.reserve(experts);
    table_.hosts_.reserve(cells);
  }

  // Fills has_share_, and begin_ and num_near_ of the layer.
  void CountReplicas(int layer) {
    has_share_.assign(spec_.num_experts, false);
    for (int s = 0; s < spec_.num_slots; ++s) {
      if (spec_.share[cell(layer, s)] > 0)
        has_share_[spec_.expert_in_slot[cell(layer, s)].value] = true;
    }
    count_.assign(spec_.num_experts, 0);
    std::uint32_t* num_near = layer_near(layer);
    for (int s = 0; s < spec_.num_slots; ++s) {
      if (!used(layer, s)) continue;
      const int expert = spec_.expert_in_slot[cell(layer, s)].value;
      ++count_[expert];
      if (near(spec_.rank_of_slot[s])) ++num_near[expert];
    }
    auto next = static_cast<std::uint32_t>(table_.slots_.size());
    for (std::uint32_t count : count_) {
      table_.begin_.push_back(next);
      next += count;
    }
    table_.begin_.push_back(next);
    table_.slots_.resize(next);
  }

  // Slots come ascending, so both parts of each list do.
  void ListReplicas(int layer) {
    const std::uint32_t* begin = layer_begin(layer);
    const std::uint32_t* num_near = layer_near(layer);
    next_near_.assign(begin, begin + spec_.num_experts);
    next_far_.resize(spec_.num_experts);
    for (int e = 0; e < spec_.num_experts; ++e) next_far_[e] = begin[e] + num_near[e];
    for (int s = 0; s < spec_.num_slots; ++s) {
      if (!used(layer, s)) continue;
      const int expert = spec_.expert_in_slot[cell(layer, s)].value;
      std::uint32_t& next = near(spec_.rank_of_slot[s]) ? next_near_[expert] : next_far_[expert];
      table_.slots_[next++] = SlotId(s);
    }
  }

  void ListRoutes(int layer) {
    const std::size_t first_route = table_.routes_.size();
    const std::size_t first_host = table_.hosts_.size();
    table_.layer_hosts_.push_back(first_host);
    const std::uint32_t* begin = layer_begin(layer);
    const std::uint32_t* num_near = layer_near(layer);
    for (int e = 0; e < spec_.num_experts; ++e) {
      Route route;
      route.expert = ExpertId(e);
      route.first_host = static_cast<std::uint32_t>(table_.hosts_.size() - first_host);
      route.num_near = AddHosts(begin[e], begin[e] + num_near[e]);
      route.num_hosts = route.num_near + AddHosts(begin[e] + num_near[e], begin[e + 1]);
      table_.routes_.push_back(route);
    }
    std::sort(table_.routes_.begin() + static_cast<std::ptrdiff_t>(first_route),
              table_.routes_.end(), [](const Route& a, const Route& b) {
                return a.num_hosts != b.num_hosts ? a.num_hosts < b.num_hosts : a.expert < b.expert;
              });
  }

  // Adds the distinct ranks of slots_[from, to); returns their number.
  std::uint32_t AddHosts(std::uint32_t from, std::uint32_t to) {
    const std::size_t first = table_.hosts_.size();
    for (std::uint32_t i = from; i < to; ++i) {
      const SlotId slot = table_.slots_[i];
      const RankId rank = table_.rank_of(slot);
      if (i > from && table_.hosts_.back().rank == rank) continue;
      table_.hosts_.push_back({rank, slot});
    }
    std::sort(table_.hosts_.begin() + static_cast<std::ptrdiff_t>(first), table_.hosts_.end(),
              [this](const Host& a, const Host& b) {
                return DistanceFromOwn(a.rank) < DistanceFromOwn(b.rank);
              });
    return static_cast<std::uint32_t>(table_.hosts_.size() - first);
  }

  const std::uint32_t* layer_begin(int layer) const {
    return table_.begin_.data() + static_cast<std::size_t>(layer) * (spec_.num_experts + 1);
  }
  std::uint32_t* layer_near(int layer) {
    return table_.num_near_.data() + static_cast<std::size_t>(layer) * spec_.num_experts;
  }

  const TableSpec& spec_;
  PlacementTable& table_;
  // Of the layer under work, all [num_experts].
  std::vector<bool> has_share_;
  std::vector<std::uint32_t> count_;
  std::vector<std::uint32_t> next_near_;
  std::vector<std::uint32_t> next_far_;
};

std::shared_ptr<const PlacementTable> PlacementTable::Build(const TableSpec& spec,
                                                            std::string* error) {
  for (const auto check : {CheckSizes, CheckRanks, CheckExperts}) {
    *error = check(spec);
    if (!error->empty()) return nullptr;
  }
  std::shared_ptr<PlacementTable> table(new PlacementTable);
  Builder(spec, table.get()).Build();
  return table;
}

}  // namespace ballast
