#ifndef BALLAST_CORE_MODEL_TOPOLOGY_H_
#define BALLAST_CORE_MODEL_TOPOLOGY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/ids.h"

namespace ballast {

// What the deployment tells us about one rank.
struct RankSpec {
  RowId row;
  int num_slots = 0;            // Experts this rank holds per layer; >= 1.
  double relative_speed = 1.0;  // Expert throughput against the fleet's norm; > 0.
};

// Slots [first, first + count) of one rank. The same for every layer.
struct SlotRange {
  SlotId first;
  int count = 0;
};

// Chosen: 8 x the largest deployment of the design (512 ranks).
inline constexpr int kMaxRanks = 4096;
inline constexpr int kMaxSlots = 65536;

// The ranks and rows of one EP group, and where its slots are.
//
//   +- row 0 -+- row 1 -+       A rank may be slower than another, and may hold
//   | r0 r1 r2 | r3 ... |       fewer slots. Ranks of a row are contiguous; so
//   +----------+--------+       are slots of a rank.
//
// Immutable after Create(), hence safe to share between threads; a copy costs
// O(ranks + slots). A changed fleet is a new Topology with another fingerprint.
class Topology {
 public:
  // `ranks[r]` describes rank r. InvalidArgument, naming the rank and the value,
  // if there are none or more than kMaxRanks, rows are not numbered 0, 1, ... in
  // rank order, a rank has no slot, a speed is not in (0, inf), or there are more
  // than kMaxSlots slots.
  static absl::StatusOr<Topology> Create(std::vector<RankSpec> ranks);

  // `num_ranks` equal ranks with `slots_per_rank` slots each, in rows of
  // `row_size` (the last row may be smaller). Errors as Create().
  static absl::StatusOr<Topology> Uniform(int num_ranks, int row_size, int slots_per_rank);

  int num_ranks() const { return static_cast<int>(ranks_.size()); }
  int num_rows() const { return ranks_.back().row.value + 1; }
  int num_slots() const { return first_slot_.back(); }  // Over all ranks, for one layer.

  // The argument must be in range; it is not checked.
  RowId row_of(RankId rank) const { return ranks_[rank.value].row; }
  RankId rank_of(SlotId slot) const { return rank_of_slot_[slot.value]; }
  double relative_speed(RankId rank) const { return ranks_[rank.value].relative_speed; }
  SlotRange slots_of(RankId rank) const {
    return {SlotId(first_slot_[rank.value]),
            first_slot_[rank.value + 1] - first_slot_[rank.value]};
  }

  // Whether all ranks hold the same number of slots, and all rows the same number of ranks.
  bool uniform() const;

  // 64 bits over everything above, stable across processes and releases. A plan
  // carries the fingerprint it was made for and is refused by any other fleet.
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  Topology() = default;

  std::vector<RankSpec> ranks_;
  std::vector<std::int32_t> first_slot_;  // [num_ranks + 1], prefix sums.
  std::vector<RankId> rank_of_slot_;      // [num_slots]
  std::uint64_t fingerprint_ = 0;
};

}  // namespace ballast

#endif  // BALLAST_CORE_MODEL_TOPOLOGY_H_
