#ifndef BALLAST_CORE_ROUTING_PLACEMENT_TABLE_H_
#define BALLAST_CORE_ROUTING_PLACEMENT_TABLE_H_

// Standard library and ids.h only: workers embed this folder alone.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/ids.h"

namespace ballast {

// What a table is built from. Spans need to live during Build() only.
struct TableSpec {
  PlanId id;
  int num_layers = 0;
  int num_experts = 0;
  int num_slots = 0;
  std::span<const ExpertId> expert_in_slot;  // [num_layers * num_slots]
  std::span<const std::uint16_t> share;      // [num_layers * num_slots]; 0: no traffic
  std::span<const RankId> rank_of_slot;      // [num_slots], ascending
  std::span<const RowId> row_of_rank;        // [num_ranks]
  RankId own_rank;                           // Its row counts as near.
};

// Replica lists of every (layer, logical expert), own row's replicas first.
// Immutable, hence wait-free to read from any number of threads.
class PlacementTable {
 public:
  // Replicas of one expert: near() in the own row, then far() elsewhere, each
  // ascending by slot. Slots with share 0 are left out, unless that leaves none.
  struct Replicas {
    std::span<const SlotId> all;
    std::size_t num_near = 0;
  };

  // Null if `spec` is malformed: a wrong size, an index out of range, an expert
  // without a replica. `*error` then names layer, slot or expert and the value;
  // it is what the worker sends back in its NACK. Does not throw on bad input.
  static std::shared_ptr<const PlacementTable> Build(const TableSpec& spec, std::string* error);

  const PlanId& id() const { return id_; }
  int num_layers() const { return num_layers_; }
  int num_experts() const { return num_experts_; }
  int num_slots() const { return static_cast<int>(rank_of_slot_.size()); }
  int num_ranks() const { return num_ranks_; }
  RankId own_rank() const { return own_rank_; }

  // First slot of the own rank and how many it has.
  SlotId own_first_slot() const { return own_first_slot_; }
  int own_num_slots() const { return own_num_slots_; }

  // Never empty. The arguments must be in range; they are not checked.
  Replicas replicas(LayerId layer, ExpertId expert) const noexcept {
    const std::size_t i =
        static_cast<std::size_t>(layer.value) * num_experts_ + expert.value;
    const std::size_t begin = begin_[i + layer.value];
    return {{slots_.data() + begin, slots_.data() + begin_[i + layer.value + 1]}, num_near_[i]};
  }
  RankId rank_of(SlotId slot) const noexcept { return rank_of_slot_[slot.value]; }

 private:
  PlacementTable() = default;

  PlanId id_;
  int num_layers_ = 0;
  int num_experts_ = 0;
  int num_ranks_ = 0;
  RankId own_rank_;
  SlotId own_first_slot_;
  int own_num_slots_ = 0;
  std::vector<std::uint32_t> begin_;     // [num_layers * (num_experts + 1)]
  std::vector<SlotId> slots_;            // [<= num_layers * num_slots]
  std::vector<std::uint16_t> num_near_;  // [num_layers * num_experts]
  std::vector<RankId> rank_of_slot_;     // [num_slots]
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROUTING_PLACEMENT_TABLE_H_
