#ifndef BALLAST_TESTS_ROLLOUT_PLAN_NAMES_H_
#define BALLAST_TESTS_ROLLOUT_PLAN_NAMES_H_

#include <cstdint>

#include "core/base/ids.h"

namespace ballast {

// A digest that differs from those of other `content`.
inline Digest ContentDigest(std::uint8_t content) {
  Digest digest{};
  digest[0] = content;
  digest[31] = content;
  return digest;
}

// Plan {term, sequence}, whose content follows from the sequence alone.
inline PlanId Plan(std::uint64_t term, std::uint64_t sequence) {
  return {{term, sequence}, ContentDigest(static_cast<std::uint8_t>(sequence + 1))};
}

inline PlanId InitialPlanId() { return Plan(0, 0); }

}  // namespace ballast

#endif  // BALLAST_TESTS_ROLLOUT_PLAN_NAMES_H_
