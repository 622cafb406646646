#include "core/solver/eplb_planner.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "core/solver/packing.h"
#include "core/solver/relabel.h"
#include "core/solver/replication.h"

namespace ballast {
namespace {

absl::Status CheckSize(const EplbSize& size, const LoadMatrix& load) {
  const std::pair<const char*, int> fields[] = {
      {"layers", load.num_layers()}, {"experts", load.num_experts()},
      {"slots", size.num_slots},     {"ranks", size.num_ranks},
      {"rows", size.num_rows},       {"expert groups", size.num_expert_groups}};
  for (const auto& [name, value] : fields) {
    if (value < 1) return absl::InvalidArgumentError(absl::StrCat("number of ", name, ": ", value));
  }
  if (size.num_slots % size.num_ranks != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("eplb needs equal slots per rank: ", size.num_slots,
                     " slots are no multiple of ", size.num_ranks, " ranks"));
  }
  if (size.num_slots < load.num_experts()) {
    return absl::FailedPreconditionError(absl::StrCat(
        load.num_experts(), " experts need as many slots, there are ", size.num_slots));
  }
  return absl::OkStatus();
}

absl::Status CheckHierarchical(const EplbSize& size, int num_experts) {
  if (num_experts % size.num_expert_groups != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("hierarchical eplb needs equal expert groups: ", num_experts,
                     " experts are no multiple of ", size.num_expert_groups, " groups"));
  }
  if (size.num_ranks % size.num_rows != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("hierarchical eplb needs equal rows: ", size.num_ranks,
                     " ranks are no multiple of ", size.num_rows, " rows"));
  }
  return absl::OkStatus();
}

// Solves layer by layer. Holds the working memory of one solve.
class LayerSolver {
 public:
  // `size` is the one to solve for: one group and one row for the global branch.
  LayerSolver(const EplbSize& size, int num_experts, TieOrder ties)
      : size_(size),
        ties_(ties),
        num_experts_(num_experts),
        experts_per_row_(num_experts / size.num_rows),
        slots_per_row_(size.num_slots / size.num_rows),
        slots_per_rank_(size.num_slots / size.num_ranks),
        group_load_(size.num_expert_groups),
        row_of_group_(size.num_expert_groups),
        place_of_group_(size.num_expert_groups),
        expert_of_place_(num_experts),
        load_(num_experts),
        copy_load_(slots_per_row_),
        place_of_copy_(slots_per_row_),
        replica_index_(slots_per_row_),
        replica_count_(experts_per_row_),
        rank_of_copy_(slots_per_row_),
        slot_of_copy_(slots_per_row_) {}

  void Solve(absl::Span<const double> load, LayerId layer, EplbLayout& layout) {
    PackGroups(load);
    for (int place = 0; place < num_experts_; ++place) {
      load_[place] = static_cast<float>(load[expert_of_place_[place]]);
    }
    for (int row = 0; row < size_.num_rows; ++row) SolveRow(row, layer, layout);
  }

 private:
  // Orders the experts by row, by group within the row, by index within the group:
  // a place is a position in that order.
  void PackGroups(absl::Span<const double> load) {
    const int group_size = num_experts_ / size_.num_expert_groups;
    const int groups_per_row = size_.num_expert_groups / size_.num_rows;
    for (int group = 0; group < size_.num_expert_groups; ++group) {
      float sum = 0;
      for (int i = 0; i < group_size; ++i) {
        sum += static_cast<float>(load[group * group_size + i]);
      }
      group_load_[group] = sum;
    }
    packing_.Run(group_load_, size_.num_rows, ties_,
                 {absl::MakeSpan(row_of_group_), absl::MakeSpan(place_of_group_)});
    for (int group = 0; group < size_.num_expert_groups; ++group) {
      const int first =
          (row_of_group_[group] * groups_per_row + place_of_group_[group]) * group_size;
      for (int i = 0; i < group_size; ++i) expert_of_place_[first + i] = group * group_size + i;
    }
  }

  void SolveRow(int row, LayerId layer, EplbLayout& layout) {
    const int first_place = row * experts_per_row_;
    const absl::Span<float> load = absl::MakeSpan(load_).subspan(first_place, experts_per_row_);
    replication_.Run(load, {absl::MakeSpan(place_of_copy_), absl::MakeSpan(replica_index_),
                            absl::MakeSpan(replica_count_)});
    const std::size_t layer_expert = static_cast<std::size_t>(layer.value) * num_experts_;
    for (int place = 0; place < experts_per_row_; ++place) {
      layout.replica_count[layer_expert + expert_of_place_[first_place + place]] =
          replica_count_[place];
      load[place] /= static_cast<float>(replica_count_[place]);
    }
    for (int copy = 0; copy < slots_per_row_; ++copy) copy_load_[copy] = load[place_of_copy_[copy]];
    packing_.Run(copy_load_, size_.num_ranks / size_.num_rows, ties_,
                 {absl::MakeSpan(rank_of_copy_), absl::MakeSpan(slot_of_copy_)});
    const std::size_t first_slot =
        static_cast<std::size_t>(layer.value) * size_.num_slots + row * slots_per_row_;
    for (int copy = 0; copy < slots_per_row_; ++copy) {
      const std::size_t slot =
          first_slot + rank_of_copy_[copy] * slots_per_rank_ + slot_of_copy_[copy];
      layout.expert_in_slot[slot] = ExpertId(expert_of_place_[first_place + place_of_copy_[copy]]);
      layout.replica_index[slot] = replica_index_[copy];
    }
  }

  const EplbSize size_;
  const TieOrder ties_;
  const int num_experts_;
  const int experts_per_row_;
  const int slots_per_row_;
  const int slots_per_rank_;
  Replication replication_;
  Packing packing_;
  std::vector<float> group_load_;              // [groups]
  std::vector<std::int32_t> row_of_group_;     // [groups]
  std::vector<std::int32_t> place_of_group_;   // [groups], within the row.
  std::vector<std::int32_t> expert_of_place_;  // [num_experts]
  std::vector<float> load_;                    // [num_experts] by place, then per copy.
  std::vector<float> copy_load_;               // From here on [slots_per_row_], one row's copies
  std::vector<std::int32_t> place_of_copy_;    // in the order of their creation.
  std::vector<std::int32_t> replica_index_;
  std::vector<std::int32_t> replica_count_;  // [experts_per_row_]
  std::vector<std::int32_t> rank_of_copy_;   // Within the row.
  std::vector<std::int32_t> slot_of_copy_;   // Within the rank.
};

// Takes the counts that the layout knows already; as SetEqualShares() otherwise.
std::vector<std::uint16_t> EqualShares(const EplbLayout& layout, int num_slots, int num_experts) {
  std::vector<std::uint16_t> share(layout.expert_in_slot.size());
  std::vector<std::int32_t> seen(num_experts);
  const std::int32_t* count = layout.replica_count.data();
  for (std::size_t first = 0; first < share.size(); first += num_slots, count += num_experts) {
    std::fill(seen.begin(), seen.end(), 0);
    for (std::size_t slot = first; slot < first + num_slots; ++slot) {
      const int expert = layout.expert_in_slot[slot].value;
      if (count[expert] == 1) {
        share[slot] = kWholeShare;
        continue;
      }
      const int extra = seen[expert]++ < kWholeShare % count[expert] ? 1 : 0;
      share[slot] = static_cast<std::uint16_t>(kWholeShare / count[expert] + extra);
    }
  }
  return share;
}

absl::Status CheckRequest(const PlanRequest& request) {
  BALLAST_RETURN_IF_ERROR(CheckShape(request.shape));
  if (request.load.num_layers() != request.shape.num_layers ||
      request.load.num_experts() != request.shape.num_experts) {
    return absl::InvalidArgumentError(absl::StrCat("load is ", request.load.num_layers(), " x ",
                                                   request.load.num_experts(), ", the model has ",
                                                   request.shape.num_layers, " layers x ",
                                                   request.shape.num_experts, " experts"));
  }
  const Topology& topology = request.topology;
  const int slots = topology.slots_of(RankId(0)).count;
  for (int rank = 1; rank < topology.num_ranks(); ++rank) {
    if (topology.slots_of(RankId(rank)).count != slots) {
      return absl::FailedPreconditionError(
          absl::StrCat("eplb needs equal slots per rank: rank 0 has ", slots, ", rank ", rank,
                       " has ", topology.slots_of(RankId(rank)).count));
    }
  }
  if (request.current == nullptr) return absl::OkStatus();
  const absl::Status current = CheckPlan(request.shape, topology, *request.current);
  if (current.ok()) return current;
  return absl::InvalidArgumentError(absl::StrCat("current plan: ", current.message()));
}

// Rows of one size, which the hierarchical branch needs.
absl::Status CheckEqualRows(const Topology& topology) {
  std::vector<int> ranks_in_row(topology.num_rows(), 0);
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    ++ranks_in_row[topology.row_of(RankId(rank)).value];
  }
  for (int row = 1; row < topology.num_rows(); ++row) {
    if (ranks_in_row[row] != ranks_in_row[0]) {
      return absl::FailedPreconditionError(
          absl::StrCat("hierarchical eplb needs equal rows: row 0 has ", ranks_in_row[0],
                       " ranks, row ", row, " has ", ranks_in_row[row]));
    }
  }
  return absl::OkStatus();
}

bool HasUnequalSpeeds(const Topology& topology) {
  for (int rank = 1; rank < topology.num_ranks(); ++rank) {
    if (topology.relative_speed(RankId(rank)) != topology.relative_speed(RankId(0))) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<EplbLayout> SolveEplb(const EplbSize& size, const LoadMatrix& load,
                                     EplbPolicy policy, TieOrder ties) {
  BALLAST_RETURN_IF_ERROR(CheckSize(size, load));
  BALLAST_RETURN_IF_ERROR(CheckLoad(load));
  EplbLayout layout;
  const bool groups_fit = size.num_expert_groups % size.num_rows == 0;
  layout.hierarchical = policy != EplbPolicy::kGlobal && groups_fit;
  if (policy == EplbPolicy::kHierarchical && !groups_fit) {
    layout.fallback =
        absl::StrCat("hierarchical is not possible, ", size.num_expert_groups,
                     " expert groups are no multiple of ", size.num_rows, " rows: solved globally");
  }
  EplbSize branch = size;
  if (layout.hierarchical) {
    BALLAST_RETURN_IF_ERROR(CheckHierarchical(size, load.num_experts()));
  } else {
    branch.num_expert_groups = 1;
    branch.num_rows = 1;
  }
  const std::size_t num_layers = load.num_layers();
  layout.expert_in_slot.resize(num_layers * size.num_slots);
  layout.replica_index.resize(num_layers * size.num_slots);
  layout.replica_count.resize(num_layers * load.num_experts());
  LayerSolver solver(branch, load.num_experts(), ties);
  for (int layer = 0; layer < load.num_layers(); ++layer) {
    solver.Solve(load.layer(LayerId(layer)), LayerId(layer), layout);
  }
  return layout;
}

std::vector<std::int32_t> SlotsOfReplicas(const EplbLayout& layout, int num_layers, int* width) {
  const std::size_t num_slots = layout.expert_in_slot.size() / num_layers;
  const std::size_t num_experts = layout.replica_count.size() / num_layers;
  *width = *std::max_element(layout.replica_count.begin(), layout.replica_count.end());
  std::vector<std::int32_t> slots(layout.replica_count.size() * *width, -1);
  for (std::size_t i = 0; i < layout.expert_in_slot.size(); ++i) {
    const std::size_t layer = i / num_slots;
    const std::size_t expert = layer * num_experts + layout.expert_in_slot[i].value;
    slots[expert * *width + layout.replica_index[i]] = static_cast<std::int32_t>(i % num_slots);
  }
  return slots;
}

absl::StatusOr<PlanResult> EplbPlanner::Plan(const PlanRequest& request) const {
  BALLAST_RETURN_IF_ERROR(CheckRequest(request));
  const Topology& topology = request.topology;
  const EplbSize size = {topology.num_slots(), topology.num_ranks(), topology.num_rows(),
                         request.shape.num_expert_groups};
  BALLAST_ASSIGN_OR_RETURN(EplbLayout layout, SolveEplb(size, request.load, request.options.policy,
                                                        request.options.ties));
  if (layout.hierarchical) BALLAST_RETURN_IF_ERROR(CheckEqualRows(topology));

  PlanResult result;
  result.policy = layout.hierarchical ? "hierarchical" : "global";
  result.fallback = layout.fallback;
  if (HasUnequalSpeeds(topology)) {
    absl::StrAppend(&result.fallback, result.fallback.empty() ? "" : "; ",
                    "eplb does not know relative speeds: solved as if all were equal");
  }
  PlacementPlan& plan = result.plan;
  plan.topology_fingerprint = topology.fingerprint();
  plan.num_slots = topology.num_slots();
  plan.share = EqualShares(layout, plan.num_slots, request.shape.num_experts);
  plan.expert_in_slot = std::move(layout.expert_in_slot);
  result.replica_index = std::move(layout.replica_index);
  if (request.current != nullptr) {
    const RelabelScope scope =
        layout.hierarchical ? RelabelScope::kWholeRows : RelabelScope::kAllRanks;
    RelabelRanks(topology, *request.current, scope, &plan);
    KeepSlotsWithinRanks(topology, *request.current, &plan);
    // The odd units of a share go by slot number; with the slots renumbered, an
    // unchanged placement would otherwise not have the digest of the current one.
    SetEqualShares(request.shape, plan);
    result.replica_index.clear();
  }
  return result;
}

}  // namespace ballast
