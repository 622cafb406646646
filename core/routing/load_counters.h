#ifndef BALLAST_CORE_ROUTING_LOAD_COUNTERS_H_
#define BALLAST_CORE_ROUTING_LOAD_COUNTERS_H_

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
class LoadCounters {
 public:
  LoadCounters(int num_layers, int num_local_slots);

  // Adds `picks` to a local slot (0 = the rank's first). Arguments in range; not
  // checked. Engine thread only; wait-free.
  void Add(LayerId layer, int local_slot, std::uint64_t picks) noexcept;

  // The step just finished; it is reported with the counts. Engine thread only.
  void EndStep(std::uint64_t step) noexcept;

  // Counting begins anew for plan `id`, whose first step is `step`. What the other
  // bank still held is lost. Engine thread only.
  void Activate(const PlanId& id, std::uint64_t step);

  // One bank as it stands.
  struct Snapshot {
    PlanId plan;
    std::uint64_t step_first = 0;       // First step of this plan.
    std::uint64_t step_last = 0;        // Last step that ended; step_first - 1 if none.
    std::vector<std::uint64_t> counts;  // [num_layers * num_local_slots]
  };

  // The bank in use.
  Snapshot Current() const;

  // The bank of the plan before; false if there was none since construction or
  // it was taken already. Taking it does not disturb the engine thread.
  bool TakePrevious(Snapshot* snapshot);
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROUTING_LOAD_COUNTERS_H_
