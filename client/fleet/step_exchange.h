#ifndef BALLAST_CLIENT_FLEET_STEP_EXCHANGE_H_
#define BALLAST_CLIENT_FLEET_STEP_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "client/fleet/shared_region.h"
#include "core/base/ids.h"
#include "core/model/topology.h"
#include "core/rollout/vote.h"

namespace ballast {

// What a rank tells all others in a step, besides its picks.
struct RankWord {
  VoteWord vote;
  std::uint64_t digest_prefix = 0;  // Of the plan that this step is routed by.
  PlanVersion version{};            // Of the same.
  std::uint64_t wants_stop = 0;     // 1: this step shall be the last.
};

// The collectives of a serving step over shared memory: an all-to-all of the picks per
// slot, and an all-reduce of the votes. A rank writes its part of step s, the ranks meet
// in one Lockstep::Arrive(), then each reads what it needs. Two buffers take turns, so
// that one meeting per step is enough: who writes step s + 2 has met all ranks in step
// s + 1, hence after their last read of step s. What a rank Received() in step s is read
// after the meeting of step s + 1.
//
// Thread-safe as long as that order is kept and each rank writes its own parts only.
class StepExchange {
 public:
  struct Size {
    int num_layers = 0;
    int num_slots = 0;
    int num_ranks = 0;
  };

  // Bytes to be taken from a region.
  static std::size_t RegionBytes(const Size& size);
  // Takes them; all parts are zero.
  StepExchange(const Size& size, SharedRegion& region);

  // Picks that `sender` sends to each slot, [num_layers * num_slots], and to each rank
  // had the initial plan been served, [num_layers * num_ranks]. Written before the meeting.
  absl::Span<std::uint32_t> Outbox(std::uint64_t step, RankId sender);
  absl::Span<std::uint32_t> ShadowOutbox(std::uint64_t step, RankId sender);
  RankWord& Word(std::uint64_t step, RankId rank);

  // After the meeting: picks for one slot, or shadow picks for one rank, of all senders.
  std::uint64_t PicksFor(std::uint64_t step, LayerId layer, SlotId slot) const;
  std::uint64_t ShadowPicksFor(std::uint64_t step, LayerId layer, RankId rank) const;
  VoteWord ReducedVote(std::uint64_t step) const;
  bool StopWanted(std::uint64_t step) const;
  // First rank whose digest differs from that of rank 0; invalid if all are equal.
  RankId OddRank(std::uint64_t step) const;

  // What a rank received by its own count, [num_layers], as served and in the shadow.
  // Written by the rank after the meeting of `step`.
  absl::Span<std::uint32_t> Received(std::uint64_t step, RankId rank);
  absl::Span<std::uint32_t> ShadowReceived(std::uint64_t step, RankId rank);

 private:
  // Part `rank` of buffer `step` of an array with `width` entries per rank.
  std::size_t Offset(std::uint64_t step, RankId rank, int width) const {
    return ((step % 2) * size_.num_ranks + rank.value) * static_cast<std::size_t>(width);
  }

  Size size_;
  absl::Span<std::uint32_t> picks_;            // [2][num_ranks][num_layers][num_slots]
  absl::Span<std::uint32_t> shadow_;           // [2][num_ranks][num_layers][num_ranks]
  absl::Span<RankWord> words_;                 // [2][num_ranks]
  absl::Span<std::uint32_t> received_;         // [2][num_ranks][num_layers]
  absl::Span<std::uint32_t> shadow_received_;  // [2][num_ranks][num_layers]
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_STEP_EXCHANGE_H_
