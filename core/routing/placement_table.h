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

// Chosen: as core/model's limits; a table of 64 layers then stays under 100 MiB.
inline constexpr int kMaxTableSlots = 65536;

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

  // Null if `spec` is malformed: a wrong size, an index out of range, slots not
  // ordered by rank, an expert without a replica, more than kMaxTableSlots slots.
  // `*error` then names layer, slot or expert and the value, as in `layer 12, slot 3:
  // expert 256 out of [0, 256)`; it is what the worker sends back in its NACK.
  // Does not throw on bad input. Cost: about 0.9 ms for 58 layers of 384 slots.
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
    const std::size_t i = static_cast<std::size_t>(layer.value) * num_experts_ + expert.value;
    const std::size_t begin = begin_[i + layer.value];
    return {{slots_.data() + begin, slots_.data() + begin_[i + layer.value + 1]}, num_near_[i]};
  }
  RankId rank_of(SlotId slot) const noexcept { return rank_of_slot_[slot.value]; }

 private:
  friend class ReplicaRouter;
  class Builder;

  // A rank that holds an expert, and the expert's lowest slot there. To a router
  // several replicas on one rank are one.
  struct Host {
    RankId rank;
    SlotId slot;
  };

  // Hosts [first_host, first_host + num_hosts) of the layer: the own row's first, and in
  // both parts in cyclic order of rank from the own rank on. Equal loads go to the earlier host, so
  // that senders do not all start with the same rank.
  struct Route {
    ExpertId expert;
    std::uint32_t first_host = 0;
    std::uint32_t num_hosts = 0;
    std::uint32_t num_near = 0;
  };

  PlacementTable() = default;

  // All experts of a layer, by ascending number of hosts: the least flexible first.
  std::span<const Route> routes(LayerId layer) const noexcept {
    return {routes_.data() + static_cast<std::size_t>(layer.value) * num_experts_,
            static_cast<std::size_t>(num_experts_)};
  }
  const Host* hosts(LayerId layer) const noexcept {
    return hosts_.data() + layer_hosts_[layer.value];
  }

  PlanId id_;
  int num_layers_ = 0;
  int num_experts_ = 0;
  int num_ranks_ = 0;
  RankId own_rank_;
  SlotId own_first_slot_;
  int own_num_slots_ = 0;
  std::vector<std::uint32_t> begin_;      // [num_layers * (num_experts + 1)]
  std::vector<SlotId> slots_;             // [<= num_layers * num_slots]
  std::vector<std::uint32_t> num_near_;   // [num_layers * num_experts]
  std::vector<RankId> rank_of_slot_;      // [num_slots]
  std::vector<Route> routes_;             // [num_layers * num_experts]
  std::vector<Host> hosts_;               // [<= num_layers * num_slots]
  std::vector<std::size_t> layer_hosts_;  // [num_layers], begin of each layer in hosts_.
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROUTING_PLACEMENT_TABLE_H_
