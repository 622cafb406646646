#ifndef BALLAST_CLIENT_FLEET_FLEET_BOARD_H_
#define BALLAST_CLIENT_FLEET_FLEET_BOARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "client/fleet/shared_region.h"
#include "core/base/ids.h"

namespace ballast {

// What one rank shows of itself. Written by its process, read by the parent.
struct alignas(64) RankBoard {
  std::atomic<std::uint32_t> connected;  // 1: a session with the daemon stands.
  std::atomic<std::uint64_t> plans_activated;
  std::atomic<std::uint64_t> moved_slots;
  std::atomic<std::uint32_t> returns;  // Times it came back after it was lost.
};

// One step as it was served.
struct StepRecord {
  std::uint64_t step = 0;
  PlanVersion plan{};               // Served in this step by all ranks; {0, 0}: the initial one.
  std::uint64_t digest_prefix = 0;  // Of that plan.
  double imbalance_before = 1;      // Mean over layers of max/mean, had the initial plan served.
  double imbalance_after = 1;       // The same, as measured.
};

// The blackboard of a fleet in shared memory: a board per rank, a queue of step records
// from one writer to one reader, and the wish of the reader that the fleet stop.
class FleetBoard {
 public:
  static std::size_t RegionBytes(int num_ranks);
  FleetBoard(int num_ranks, SharedRegion& region);

  RankBoard& rank(RankId rank) { return ranks_[rank.value]; }

  // False if the reader is kQueueLength records behind.
  bool TryPush(const StepRecord& record);
  // Step of the newest record pushed; 0: none.
  std::uint64_t last_pushed() const;
  // Everything pushed since the last call, oldest first.
  std::vector<StepRecord> TakeAll();

  void RequestStop() { state_.stop.store(1, std::memory_order_release); }
  bool stop_requested() const { return state_.stop.load(std::memory_order_acquire) != 0; }

  // The step that all ranks have agreed is the last; 0: not known yet. All write the same.
  void SetLastStep(std::uint64_t step) { state_.last_step.store(step, std::memory_order_release); }
  std::uint64_t last_step() const { return state_.last_step.load(std::memory_order_acquire); }

  // Over all ranks.
  int NumConnected() const;
  std::uint64_t NumReturns() const;
  std::uint64_t MovedSlots() const;
  // Plans that every rank has activated.
  std::uint64_t PlansActivatedByAll() const;

  static constexpr std::size_t kQueueLength = 1 << 14;

 private:
  struct State {
    alignas(64) std::atomic<std::uint64_t> pushed;
    alignas(64) std::atomic<std::uint64_t> taken;
    std::atomic<std::uint32_t> stop;
    std::atomic<std::uint64_t> last_step;
  };

  absl::Span<RankBoard> ranks_;
  absl::Span<StepRecord> queue_;
  State& state_;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_FLEET_BOARD_H_
