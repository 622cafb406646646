#ifndef BALLAST_CORE_ROUTING_LOAD_COUNTERS_H_
#define BALLAST_CORE_ROUTING_LOAD_COUNTERS_H_

// Standard library and ids.h only: workers embed this folder alone.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/ids.h"

namespace ballast {

// Picks that the own rank received, per local slot and layer, cumulative since the
// plan in force became active. One engine thread adds; any thread reads a
// snapshot, which may lag by picks still under way but never goes back.
//
// Two banks: Activate() turns to the other one, so that the last report for the
// old plan can still be read while the engine already counts for the new.
//
// The engine thread never waits and never allocates here. A reader begins anew if
// its bank is turned under it, which takes an Activate() during its copy.
class LoadCounters {
 public:
  // Both >= 0. Until the first Activate() it counts for PlanId{} from step 0 on.
  LoadCounters(int num_layers, int num_local_slots);

  LoadCounters(const LoadCounters&) = delete;
  LoadCounters& operator=(const LoadCounters&) = delete;

  // Adds `picks` to a local slot (0 = the rank's first). Arguments in range; not
  // checked. Engine thread only; wait-free.
  void Add(LayerId layer, int local_slot, std::uint64_t picks) noexcept {
    const std::size_t i = static_cast<std::size_t>(layer.value) * num_local_slots_ +
                          static_cast<std::size_t>(local_slot);
    // One writer, so load and store lose nothing, and cost a tenth of a locked add.
    std::atomic<std::uint64_t>& count = writing_->counts[i];
    count.store(count.load(std::memory_order_relaxed) + picks, std::memory_order_release);
  }

  // The step just finished; it is reported with the counts: a snapshot with this
  // `step_last` holds all that was added before. Engine thread only; wait-free.
  void EndStep(std::uint64_t step) noexcept {
    writing_->step_last.store(step, std::memory_order_release);
  }

  // Counting begins anew for plan `id`, whose first step is `step`. What the other
  // bank still held is lost. Engine thread only; wait-free, O(layers * slots).
  void Activate(const PlanId& id, std::uint64_t step) noexcept;

  // One bank as it stands.
  struct Snapshot {
    PlanId plan;
    std::uint64_t step_first = 0;       // First step of this plan.
    std::uint64_t step_last = 0;        // Last step that ended; step_first - 1 (modulo
                                        // 2^64) if none.
    std::vector<std::uint64_t> counts;  // [num_layers * num_local_slots]
  };

  // The bank in use. Thread-safe.
  Snapshot Current() const;

  // The bank of the plan before; false, and `*snapshot` is unspecified, if there was
  // none or it was taken already. What was counted before the first Activate() is such
  // a plan only if a step ended. Thread-safe; does not disturb the engine thread.
  bool TakePrevious(Snapshot* snapshot);

 private:
  // A sequence lock. All fields are atomic, so a reader may look while the engine
  // thread writes; it then sees by `turn` that it has to begin anew.
  struct Bank {
    explicit Bank(std::size_t num_counts) : counts(num_counts) {}

    std::atomic<std::uint64_t> turn{0};                // Odd while Activate() resets the bank.
    std::array<std::atomic<std::uint64_t>, 6> plan{};  // Term, sequence, digest.
    std::atomic<std::uint64_t> step_first{0};
    std::atomic<std::uint64_t> step_last{~std::uint64_t{0}};
    std::vector<std::atomic<std::uint64_t>> counts;  // [num_layers * num_local_slots]
  };

  static void StorePlan(const PlanId& id, Bank* bank) noexcept;
  static PlanId LoadPlan(const Bank& bank) noexcept;

  // Copies the bank that is number `activation` in the order of plans. False if it has
  // been turned since.
  bool Copy(std::uint64_t activation, Snapshot* snapshot) const;

  std::size_t num_local_slots_;
  std::array<Bank, 2> banks_;
  Bank* writing_;                              // Engine thread only.
  std::atomic<std::uint64_t> activations_{0};  // Bank activations_ % 2 is in use.
  std::atomic<std::uint64_t> taken_{0};        // TakePrevious() is done up to here.
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROUTING_LOAD_COUNTERS_H_
