#ifndef BALLAST_CORE_SOLVER_PACKING_H_
#define BALLAST_CORE_SOLVER_PACKING_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/solver/planner.h"

namespace ballast {

// Spreads items over packs of equal capacity as the published EPLB does: heaviest
// item first, each into the lightest pack that has room. Pack loads are float32
// sums in that order; the lowest pack index wins ties, and TieOrder says which of
// two equal items comes first. With one item per pack, item i goes to pack i and
// nothing is sorted.
//
// Keeps its working memory between calls. Not thread-safe: one per thread.
class Packing {
 public:
  // Both spans: [num_items].
  struct Output {
    absl::Span<std::int32_t> pack;          // In [0, num_packs).
    absl::Span<std::int32_t> rank_in_pack;  // How many items came into the pack before.
  };

  // `weight`: [num_items], >= 0, not NaN. `num_packs` >= 1 divides num_items; both
  // checked. Time O(items log packs), plus the sort: a stable radix sort, or
  // std::sort for TieOrder::kLibstdcxx.
  void Run(absl::Span<const float> weight, int num_packs, TieOrder ties, const Output& output);

 private:
  struct Item {
    std::uint32_t bits;  // Of the weight.
    std::int32_t index;
  };

  void SortHeaviestFirst(absl::Span<const float> weight, TieOrder ties);
  void RadixSort();
  void FillLightestFirst(absl::Span<const float> weight, int num_packs, const Output& output);

  std::vector<Item> order_;           // [num_items], heaviest first once sorted.
  std::vector<Item> spare_;           // The other side of the radix sort.
  std::vector<std::uint64_t> heap_;   // [num_packs + 1] (load, pack), lightest on top.
  std::vector<std::int32_t> filled_;  // [num_packs]: items in the pack.
};

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_PACKING_H_
