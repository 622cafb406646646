#include "core/load/rate_check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/load/plausibility_limits.h"

namespace ballast {

std::optional<RateCheck::Excess> RateCheck::Add(RankId rank, double picks, std::uint64_t steps) {
  RankRate& own = ranks_[rank.value];
  const double span = static_cast<double>(std::max<std::uint64_t>(steps, 1));
  const double kept =
      own.reported_at == 0 ? 0 : std::exp2(-span / PlausibilityLimits::kHalfLifeSteps);
  own.rate = kept * own.rate + (1 - kept) * picks / span;
  own.reported_at = ++reports_;
  const bool enough = picks >= static_cast<double>(PlausibilityLimits::kMinPicks);
  const double median = Median();
  if (median == 0 || own.rate <= far_above_ * median) {
    own.enough_picks = enough;
    own.far_above_since = 0;
    return std::nullopt;
  }
  own.enough_picks |= enough;
  if (!own.enough_picks) return std::nullopt;
  if (own.far_above_since == 0) own.far_above_since = reports_;
  if (!MostReportedSince(own.far_above_since)) return std::nullopt;
  return Excess{own.rate, median};
}

bool RateCheck::AnyFarAbove() const {
  const double median = Median();
  if (median == 0) return false;
  return std::any_of(ranks_.begin(), ranks_.end(), [&](const RankRate& rank) {
    return rank.enough_picks && rank.rate > far_above_ * median;
  });
}

// The lower one, of all ranks that have reported: for a rank above it, that is the median of
// the others. 0 if these are too few, or idle: one expert may well have everything.
double RateCheck::Median() const {
  rates_.clear();
  for (const RankRate& rank : ranks_) {
    if (rank.reported_at > 0) rates_.push_back(rank.rate);
  }
  if (rates_.size() <= static_cast<std::size_t>(PlausibilityLimits::kMinOthers)) return 0;
  const auto middle = rates_.begin() + static_cast<std::ptrdiff_t>((rates_.size() - 1) / 2);
  std::nth_element(rates_.begin(), middle, rates_.end());
  return *middle;
}

bool RateCheck::MostReportedSince(std::uint64_t time) const {
  int since = 0;
  int others = -1;  // Not the one that asks.
  for (const RankRate& rank : ranks_) {
    if (rank.reported_at > 0) ++others;
    // The one that asks reports now.
    if (rank.reported_at > time && rank.reported_at != reports_) ++since;
  }
  return 2 * since > others;
}

}  // namespace ballast
