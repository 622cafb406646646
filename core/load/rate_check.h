#ifndef BALLAST_CORE_LOAD_RATE_CHECK_H_
#define BALLAST_CORE_LOAD_RATE_CHECK_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/ids.h"

namespace ballast {

// Compares the picks per step of each rank of an EP group with those of the median rank,
// averaged, so that a burst of one step is none of a hundred.
//
// When traffic returns to a quiet group, the first rank to report it is far above the
// others until they have reported it too. So a rank is refused only if it was far above
// at its previous report already and most others have reported since; what it had in
// between must not reach an estimate either, see AnyFarAbove().
//
// Not thread-safe: Plausibility owns it. All calls are O(ranks).
class RateCheck {
 public:
  struct Excess {
    double rate = 0;  // Picks per step, averaged.
    double median = 0;
  };

  // A rank is far above if its rate is more than `far_above` times the median.
  RateCheck(int num_ranks, double far_above) : far_above_(far_above), ranks_(num_ranks) {}

  // Files what a report of `rank` adds; by how much it is too much, if it is to be refused.
  std::optional<Excess> Add(RankId rank, double picks, std::uint64_t steps);

  // Whether any rank is far above as things stand. Ask it when all ranks have reported the
  // same steps.
  bool AnyFarAbove() const;

 private:
  struct RankRate {
    std::uint64_t reported_at = 0;  // In reports of all ranks; 0: never.
    double rate = 0;
    bool enough_picks = false;          // To conclude something from.
    std::uint64_t far_above_since = 0;  // Like reported_at; 0: it is not.
  };

  double Median() const;
  bool MostReportedSince(std::uint64_t time) const;

  double far_above_;
  std::vector<RankRate> ranks_;  // [num_ranks]
  std::uint64_t reports_ = 0;
  mutable std::vector<double> rates_;  // Scratch.
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_RATE_CHECK_H_
