#include "client/fleet/fleet_board.h"

#include <algorithm>
#include <limits>

namespace ballast {

std::size_t FleetBoard::RegionBytes(int num_ranks) {
  return SharedRegion::BytesOf<RankBoard>(num_ranks) +
         SharedRegion::BytesOf<StepRecord>(kQueueLength) + SharedRegion::BytesOf<State>(1);
}

FleetBoard::FleetBoard(int num_ranks, SharedRegion& region)
    : ranks_(region.Take<RankBoard>(num_ranks)),
      queue_(region.Take<StepRecord>(kQueueLength)),
      state_(region.Take<State>(1).front()) {}

bool FleetBoard::TryPush(const StepRecord& record) {
  const std::uint64_t pushed = state_.pushed.load(std::memory_order_relaxed);
  if (pushed - state_.taken.load(std::memory_order_acquire) == kQueueLength) return false;
  queue_[pushed % kQueueLength] = record;
  state_.pushed.store(pushed + 1, std::memory_order_release);
  return true;
}

std::uint64_t FleetBoard::last_pushed() const {
  const std::uint64_t pushed = state_.pushed.load(std::memory_order_acquire);
  return pushed == 0 ? 0 : queue_[(pushed - 1) % kQueueLength].step;
}

std::vector<StepRecord> FleetBoard::TakeAll() {
  std::uint64_t taken = state_.taken.load(std::memory_order_relaxed);
  const std::uint64_t pushed = state_.pushed.load(std::memory_order_acquire);
  std::vector<StepRecord> records;
  for (; taken != pushed; ++taken) records.push_back(queue_[taken % kQueueLength]);
  state_.taken.store(taken, std::memory_order_release);
  return records;
}

int FleetBoard::NumConnected() const {
  return static_cast<int>(std::count_if(ranks_.begin(), ranks_.end(), [](const RankBoard& rank) {
    return rank.connected.load(std::memory_order_acquire) != 0;
  }));
}

std::uint64_t FleetBoard::NumReturns() const {
  std::uint64_t returns = 0;
  for (const RankBoard& rank : ranks_) returns += rank.returns.load(std::memory_order_acquire);
  return returns;
}

std::uint64_t FleetBoard::MovedSlots() const {
  std::uint64_t moved = 0;
  for (const RankBoard& rank : ranks_) moved += rank.moved_slots.load(std::memory_order_acquire);
  return moved;
}

std::uint64_t FleetBoard::PlansActivatedByAll() const {
  std::uint64_t plans = std::numeric_limits<std::uint64_t>::max();
  for (const RankBoard& rank : ranks_) {
    plans = std::min(plans, rank.plans_activated.load(std::memory_order_acquire));
  }
  return plans;
}

}  // namespace ballast
