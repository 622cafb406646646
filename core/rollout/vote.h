#ifndef BALLAST_CORE_ROLLOUT_VOTE_H_
#define BALLAST_CORE_ROLLOUT_VOTE_H_

#include <algorithm>
#include <cstdint>

#include "core/base/ids.h"

namespace ballast {

// What a rank puts into a collective of its engine in every step: 16 bytes, reduced
// with MIN element by element over all ranks. {0, 0} means "not ready".
//
// With p the digest prefix of the plan a rank holds, it votes {p, ~p}. The minimum
// of ~p is ~max(p), so after the reduction low == ~high says that all ranks are
// ready and hold the same digest, and low == 0 that some rank is not ready.
struct VoteWord {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend constexpr bool operator==(const VoteWord&, const VoteWord&) = default;
};

enum class VoteResult {
  kNotReady,   // Some rank does not hold a committed plan.
  kAgreed,     // All ranks hold one plan: switch at the next step.
  kDisagreed,  // All are ready, but for different digests: stay, raise an alarm.
};

// Vote for the plan with this digest prefix. 0 and ~0 are moved by one, so that
// a vote never looks like "not ready".
constexpr VoteWord MakeVote(std::uint64_t digest_prefix) {
  const std::uint64_t p = std::clamp<std::uint64_t>(digest_prefix, 1, ~std::uint64_t{0} - 1);
  return {p, ~p};
}

// Reduction of two votes; associative, commutative, idempotent.
constexpr VoteWord ReduceVotes(const VoteWord& a, const VoteWord& b) {
  return {std::min(a.low, b.low), std::min(a.high, b.high)};
}

constexpr VoteResult ReadVote(const VoteWord& reduced) {
  if (reduced.low == 0 || reduced.high == 0) return VoteResult::kNotReady;
  return reduced.low == ~reduced.high ? VoteResult::kAgreed : VoteResult::kDisagreed;
}

}  // namespace ballast

#endif  // BALLAST_CORE_ROLLOUT_VOTE_H_
