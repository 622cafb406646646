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
// Steps are those of the group, which no rank moves alone: a rank that claims many steps
// would seem to have few picks in each. Only the first report of a rank goes by its own.
//
// When traffic returns to a quiet group, the first rank to report it is far above the
// others until they have reported it too. So a rank is refused only if it was far above
// at its previous report already and most others have reported since; what it had in
// between must not reach an estimate either, see AnyFarAbove().
//
// Not thread-safe: Plausibility owns it. All calls are O(ranks).
class RateCheck {
 public:
  // What a report adds.
  struct Gain {
    double picks = 0;
    std::uint64_t step_first = 0;  // As the rank says: the step it began with, and how many
    std::uint64_t steps = 0;       // it made.
  };
  struct Excess {
    double rate = 0;  // Picks per step, averaged.
    double median = 0;
  };

  // A rank is far above if its rate is more than `far_above` times the median.
  RateCheck(int num_ranks, double far_above) : far_above_(far_above), ranks_(num_ranks) {}

  // Files what a report of `rank` adds; by how much it is too much, if it is to be refused.
  // `group_step`: where the median rank is.
  std::optional<Excess> Add(RankId rank, const Gain& gain, std::uint64_t group_step);

  // Whether any rank is far above as things stand. Ask it when all ranks have reported the
  // same steps.
  bool AnyFarAbove(std::uint64_t group_step) const;

 private:
  struct RankRate {
    std::uint64_t reported_at = 0;  // In reports of all ranks; 0: never.
    std::uint64_t group_step = 0;   // At the last report.
    double rate = 0;
    Gain first;                         // Where there is no more than the first; steps 0: there is.
    bool enough_picks = false;          // To conclude something from.
    std::uint64_t far_above_since = 0;  // Like reported_at; 0: it is not.
  };

  void Average(RankRate& own, const Gain& gain, std::uint64_t group_step);
  static double RateOf(const RankRate& rank, std::uint64_t group_step);
  double Median(std::uint64_t group_step) const;
  bool MostReportedSince(std::uint64_t time) const;

  double far_above_;
  std::vector<RankRate> ranks_;  // [num_ranks]
  std::uint64_t reports_ = 0;
  int ranks_reported_ = 0;
  std::uint64_t begin_ = 0;            // The group's step when there was a median first.
  mutable std::vector<double> rates_;  // Scratch.
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_RATE_CHECK_H_
