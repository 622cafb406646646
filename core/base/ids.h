#ifndef BALLAST_CORE_BASE_IDS_H_
#define BALLAST_CORE_BASE_IDS_H_

// Index types and identities of the domain. Every index is its own type, so
// that a rank can not be passed where a slot is meant. All indices are dense,
// start at 0, and are local to one EP group. This header needs the standard
// library only: the worker-side routing library includes it.

#include <array>
#include <compare>
#include <cstdint>

namespace ballast {

// A typed index. `Tag` only tells the types apart; it is never defined.
template <typename Tag>
struct Index {
  std::int32_t value = -1;  // -1 is "none"; a valid index is >= 0.

  constexpr Index() = default;
  constexpr explicit Index(std::int32_t v) : value(v) {}
  constexpr bool valid() const { return value >= 0; }
  friend constexpr auto operator<=>(Index, Index) = default;
};

using LayerId = Index<struct LayerTag>;    // An MoE layer; dense layers are not counted.
using ExpertId = Index<struct ExpertTag>;  // A logical expert inside one layer.
using SlotId = Index<struct SlotTag>;      // A place for one physical expert; ordered by rank.
using RankId = Index<struct RankTag>;      // An EP rank: one accelerator.
using RowId = Index<struct RowTag>;        // Ranks that reach each other cheaply.

// Orders all plans of an EP group. `term` is the daemon's fencing number, so a
// plan of a deposed daemon compares lower than any plan of its successor.
struct PlanVersion {
  std::uint64_t term = 0;
  std::uint64_t sequence = 0;  // Strictly rising over all terms, from 1; never reused.

  friend constexpr auto operator<=>(const PlanVersion&, const PlanVersion&) = default;
};

// SHA-256 of a plan's canonical bytes (core/model/placement_plan.h).
using Digest = std::array<std::uint8_t, 32>;

// Names one plan. Two ranks agree if and only if their digests are equal; the
// version orders plans and fences old daemons. {0, 0} is the initial plan,
// which every worker and the daemon compute alike without talking.
struct PlanId {
  PlanVersion version;
  Digest digest{};

  friend constexpr auto operator<=>(const PlanId&, const PlanId&) = default;
};

}  // namespace ballast

#endif  // BALLAST_CORE_BASE_IDS_H_
