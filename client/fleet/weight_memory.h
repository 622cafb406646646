#ifndef BALLAST_CLIENT_FLEET_WEIGHT_MEMORY_H_
#define BALLAST_CLIENT_FLEET_WEIGHT_MEMORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "client/fleet/shared_region.h"
#include "client/worker/weight_loader.h"
#include "core/base/ids.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

// The weights of one slot of the simulated accelerators: small, but really copied from
// slot to slot. Every word depends on layer and expert, so a wrong, old or half copy shows.
using WeightBlock = std::array<std::uint32_t, 16>;

// Memory for the weights of all ranks: a block per layer and slot, and as much again that
// only loading uses. Shared by the ranks; a rank writes its own blocks only.
class WeightMemory {
 public:
  static std::size_t RegionBytes(int num_layers, const Topology& topology);
  WeightMemory(int num_layers, const Topology& topology, SharedRegion& region);

  // Loads every slot with its expert, as an engine does from disk before it serves.
  void LoadAll(const PlacementPlan& plan);

  // The same for the slots of one rank, as when its process begins anew.
  void LoadRank(const PlacementPlan& plan, SlotRange own);
  // What becomes of the slots of a rank whose process is gone.
  void Wipe(SlotRange own);

  WeightBlock& slot(LayerId layer, SlotId slot) { return slots_[Offset(layer, slot)]; }
  // Spare memory beside that slot.
  WeightBlock& spare(LayerId layer, SlotId slot) { return spares_[Offset(layer, slot)]; }

  // What an expert's weights look like, and which expert's they are: invalid if none's.
  static WeightBlock BlockOf(LayerId layer, ExpertId expert);
  static ExpertId ExpertIn(LayerId layer, const WeightBlock& block);

 private:
  std::size_t Offset(LayerId layer, SlotId slot) const {
    return static_cast<std::size_t>(layer.value) * num_slots_ + slot.value;
  }

  int num_layers_ = 0;
  int num_slots_ = 0;
  absl::Span<WeightBlock> slots_;   // [num_layers * num_slots]
  absl::Span<WeightBlock> spares_;  // [num_layers * num_slots]
};

// Moves weights inside a WeightMemory for one rank.
class MemoryWeightLoader final : public WeightLoader {
 public:
  // `memory` must outlive it. While a file of the name `stall_file` exists, Stage() does not
  // go on, cancelled or not: an accelerator that hangs.
  explicit MemoryWeightLoader(WeightMemory& memory, std::string stall_file = "")
      : memory_(memory), stall_file_(std::move(stall_file)) {}

  // A move without a source is loaded as from disk. WEIGHT_SOURCE_MISSING if a source holds another
  // expert than the move says.
  std::optional<Nack> Stage(const StageRequest& request, StageControl& control) override;
  void Activate(const PlanId& plan) noexcept override;
  void Retire(const PlanId& plan) override;
  void Drop(const PlanId& plan) override;

  // Slots that got another expert, over all activations. Engine thread.
  std::uint64_t moved_slots() const { return moved_slots_; }

 private:
  std::optional<Nack> StageMove(const SlotMove& move);
  void AwaitNoStall() const;

  WeightMemory& memory_;
  const std::string stall_file_;  // Empty: none.
  std::mutex mutex_;
  std::vector<SlotMove> moves_;  // Of the plan in hand. Guarded by mutex_.
  std::uint64_t moved_slots_ = 0;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_WEIGHT_MEMORY_H_
