#include "client/fleet/weight_memory.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace ballast {
namespace {

std::size_t BlockCount(int num_layers, const Topology& topology) {
  return static_cast<std::size_t>(num_layers) * topology.num_slots();
}

}  // namespace

std::size_t WeightMemory::RegionBytes(int num_layers, const Topology& topology) {
  return 2 * SharedRegion::BytesOf<WeightBlock>(BlockCount(num_layers, topology));
}

WeightMemory::WeightMemory(int num_layers, const Topology& topology, SharedRegion& region)
    : num_layers_(num_layers),
      num_slots_(topology.num_slots()),
      slots_(region.Take<WeightBlock>(BlockCount(num_layers, topology))),
      spares_(region.Take<WeightBlock>(BlockCount(num_layers, topology))) {}

void WeightMemory::LoadAll(const PlacementPlan& plan) {
  LoadRank(plan, {SlotId(0), plan.num_slots});
}

void WeightMemory::LoadRank(const PlacementPlan& plan, SlotRange own) {
  for (int layer = 0; layer < plan.num_layers(); ++layer) {
    const absl::Span<const ExpertId> experts = plan.experts(LayerId(layer));
    for (int number = own.first.value; number < own.first.value + own.count; ++number) {
      slot(LayerId(layer), SlotId(number)) = BlockOf(LayerId(layer), experts[number]);
    }
  }
}

void WeightMemory::Wipe(SlotRange own) {
  for (int layer = 0; layer < num_layers_; ++layer) {
    for (int number = own.first.value; number < own.first.value + own.count; ++number) {
      slot(LayerId(layer), SlotId(number)).fill(~0u);
    }
  }
}

WeightBlock WeightMemory::BlockOf(LayerId layer, ExpertId expert) {
  WeightBlock block;
  for (std::uint32_t i = 0; i < block.size(); ++i) {
    // The expert in the first word, mixed with layer and place in the others.
    block[i] = static_cast<std::uint32_t>(expert.value) +
               i * (0x9e3779b1u + 0x85ebca6bu * static_cast<std::uint32_t>(layer.value + 1));
  }
  return block;
}

ExpertId WeightMemory::ExpertIn(LayerId layer, const WeightBlock& block) {
  const ExpertId expert(static_cast<std::int32_t>(block[0]));
  return block == BlockOf(layer, expert) ? expert : ExpertId();
}

std::optional<Nack> MemoryWeightLoader::StageMove(const SlotMove& move) {
  WeightBlock& spare = memory_.spare(move.layer, move.slot);
  if (!move.source.valid()) {
    spare = WeightMemory::BlockOf(move.layer, move.expert);
    return std::nullopt;
  }
  spare = memory_.slot(move.layer, move.source);
  const ExpertId found = WeightMemory::ExpertIn(move.layer, spare);
  if (found == move.expert) return std::nullopt;
  return Nack{NackCode::kWeightSourceMissing,
              absl::StrCat("layer ", move.layer.value, ", slot ", move.slot.value, ": source slot ",
                           move.source.value, " of rank ", move.source_rank.value, " holds expert ",
                           found.value, ", not ", move.expert.value)};
}

void MemoryWeightLoader::AwaitNoStall() const {
  if (stall_file_.empty()) return;
  while (access(stall_file_.c_str(), F_OK) == 0) absl::SleepFor(absl::Milliseconds(10));
}

std::optional<Nack> MemoryWeightLoader::Stage(const StageRequest& request, StageControl& control) {
  AwaitNoStall();
  for (const SlotMove& move : request.moves) {
    if (control.cancelled()) return Nack{NackCode::kCopyFailed, "cancelled"};
    if (!move.through_staging) continue;
    if (std::optional<Nack> nack = StageMove(move); nack.has_value()) return nack;
    control.AddProgress(static_cast<std::uint64_t>(request.expert_bytes));
  }
  std::lock_guard lock(mutex_);
  moves_ = request.moves;
  return std::nullopt;
}

void MemoryWeightLoader::Activate(const PlanId&) noexcept {
  std::lock_guard lock(mutex_);
  for (const SlotMove& move : moves_) {
    memory_.slot(move.layer, move.slot) = move.through_staging
                                              ? memory_.spare(move.layer, move.slot)
                                              : memory_.slot(move.layer, move.source);
  }
  moved_slots_ += moves_.size();
  moves_.clear();
}

void MemoryWeightLoader::Retire(const PlanId&) {
  std::lock_guard lock(mutex_);
  moves_.clear();
}

void MemoryWeightLoader::Drop(const PlanId&) {
  std::lock_guard lock(mutex_);
  moves_.clear();
}

}  // namespace ballast
