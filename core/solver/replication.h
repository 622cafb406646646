#ifndef BALLAST_CORE_SOLVER_REPLICATION_H_
#define BALLAST_CORE_SOLVER_REPLICATION_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace ballast {

// Hands out copies of experts by Adams' apportionment, as the published EPLB does:
// one copy each, then again and again one more for the expert with the largest
// load / copies in float32; the lowest index wins ties. No other hand-out has a
// smaller maximum of load / copies (METHODS: Adams).
//
// Keeps its working memory between calls, so that solving many layers allocates
// once. Not thread-safe: one per thread.
class Replication {
 public:
  // What one call writes. All spans must have the sizes given; they are checked.
  struct Output {
    absl::Span<std::int32_t> expert_of_copy;  // [num_copies], in the order of creation.
    absl::Span<std::int32_t> replica_index;   // [num_copies]: 0 for an expert's first copy.
    absl::Span<std::int32_t> replica_count;   // [num_experts]
  };

  // `load`: [num_experts], >= 0, not NaN, at most as many as there are copies
  // (checked). All zero: expert 0 gets every spare copy.
  // Time O(E + (copies - E) log E).
  void Run(absl::Span<const float> load, const Output& output);

 private:
  std::vector<std::uint64_t> heap_;  // [num_experts + 1]; see replication.cc.
};

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_REPLICATION_H_
