#include "core/load/rate_check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "core/load/plausibility_limits.h"

namespace ballast {

std::optional<RateCheck::Excess> RateCheck::Add(RankId rank, const Gain& gain,
                                                std::uint64_t group_step) {
  RankRate& own = ranks_[rank.value];
  Average(own, gain, group_step);
  own.reported_at = ++reports_;
  const bool enough = gain.picks >= static_cast<double>(PlausibilityLimits::kMinPicks);
  const double median = Median(group_step);
  const double rate = RateOf(own, group_step);
  if (median == 0 || rate <= far_above_ * median) {
    own.enough_picks = enough;
    own.far_above_since = 0;
    return std::nullopt;
  }
  own.enough_picks |= enough;
  if (!own.enough_picks) return std::nullopt;
  if (own.far_above_since == 0) own.far_above_since = reports_;
  if (!MostReportedSince(own.far_above_since)) return std::nullopt;
  // However much it was, two half-lives without more forgive it.
  own.rate = std::min(rate, 4 * far_above_ * median);
  own.first.steps = 0;
  return Excess{rate, median};
}

void RateCheck::Average(RankRate& own, const Gain& gain, std::uint64_t group_step) {
  if (own.reported_at == 0) {
    own.first = gain;
    own.first.steps = std::max<std::uint64_t>(gain.steps, 1);
    if (++ranks_reported_ == PlausibilityLimits::kMinOthers + 1) begin_ = group_step;
  } else {
    own.rate = RateOf(own, group_step);
    own.first.steps = 0;
    const std::uint64_t since = std::max(own.group_step, begin_);
    const double steps = group_step > since ? static_cast<double>(group_step - since) : 0;
    const double kept = std::exp2(-steps / PlausibilityLimits::kHalfLifeSteps);
    // Within a step of the group the picks add up: the limit of the other form.
    const double weight =
        steps > 0 ? (1 - kept) / steps : std::numbers::ln2 / PlausibilityLimits::kHalfLifeSteps;
    own.rate = kept * own.rate + weight * gain.picks;
  }
  own.group_step = group_step;
}

// The first report of a rank counts from a step of its own on, but to where the group is.
double RateCheck::RateOf(const RankRate& rank, std::uint64_t group_step) {
  if (rank.first.steps == 0) return rank.rate;
  const std::uint64_t possible =
      group_step + 1 > rank.first.step_first ? group_step + 1 - rank.first.step_first : 0;
  const std::uint64_t steps = std::clamp<std::uint64_t>(possible, 1, rank.first.steps);
  return rank.first.picks / static_cast<double>(steps);
}

bool RateCheck::AnyFarAbove(std::uint64_t group_step) const {
  const double median = Median(group_step);
  if (median == 0) return false;
  return std::any_of(ranks_.begin(), ranks_.end(), [&](const RankRate& rank) {
    return rank.enough_picks && RateOf(rank, group_step) > far_above_ * median;
  });
}

// The lower one, of all ranks that have reported: for a rank above it, that is the median of
// the others. 0 if these are too few, or idle: one expert may well have everything.
double RateCheck::Median(std::uint64_t group_step) const {
  if (ranks_reported_ <= PlausibilityLimits::kMinOthers) return 0;
  rates_.clear();
  for (const RankRate& rank : ranks_) {
    if (rank.reported_at > 0) rates_.push_back(RateOf(rank, group_step));
  }
  const auto middle = rates_.begin() + static_cast<std::ptrdiff_t>((rates_.size() - 1) / 2);
  std::nth_element(rates_.begin(), middle, rates_.end());
  return *middle < PlausibilityLimits::kIdle ? 0 : *middle;
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
