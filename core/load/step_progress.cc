#include "core/load/step_progress.h"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace ballast {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

std::uint64_t SaturatingSum(std::uint64_t a, std::uint64_t b) {
  return a > kLargest - b ? kLargest : a + b;
}

std::uint64_t Distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

}  // namespace

void StepProgress::Advance(RankId rank, std::uint64_t step_first, std::uint64_t step_last,
                           bool counted_from_start) {
  RankSteps& steps = ranks_[rank.value];
  // Counters that began with step 0 and hold nothing: step_first - 1 wrapped.
  if (step_first == 0 && step_last == kLargest) step_last = 0;
  if (!steps.reported) {
    steps.reported = true;
    ++reported_;
    steps.last = step_last;
    steps.start = !counted_from_start ? step_last : step_first == 0 ? 0 : step_first - 1;
    return;
  }
  const std::uint64_t others = MinOfOthers(rank);
  const std::uint64_t last = SaturatingSum(step_last, steps.offset);
  if (last < steps.last) {
    // The worker began to count anew. A lead that the others never had ends, and the minimum
    // does not fall: it is no more than `others`.
    const bool knows_others = all_reported() && ranks_.size() > 1;
    steps.last = knows_others ? std::max(step_last, others) : std::max(steps.last, others);
    steps.offset = steps.last - step_last;
  } else if (step_last >= steps.last && Distance(step_last, others) < Distance(last, others)) {
    // It took over the count of the group.
    steps.last = step_last;
    steps.offset = 0;
  } else {
    steps.last = last;
  }
}

std::uint64_t StepProgress::MinOfOthers(RankId rank) const {
  std::uint64_t smallest = kLargest;
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    if (static_cast<int>(i) == rank.value) continue;
    smallest = std::min(smallest, ranks_[i].reported ? ranks_[i].last : 0);
  }
  return ranks_.size() == 1 ? 0 : smallest;
}

std::uint64_t StepProgress::MinLastStep() const {
  if (!all_reported()) return 0;
  std::uint64_t smallest = kLargest;
  for (const RankSteps& steps : ranks_) smallest = std::min(smallest, steps.last);
  return smallest;
}

std::uint64_t StepProgress::MedianLastStep() const {
  if (reported_ == 0) return 0;
  steps_.clear();
  for (const RankSteps& steps : ranks_) {
    if (steps.reported) steps_.push_back(steps.last);
  }
  const auto middle = steps_.begin() + static_cast<std::ptrdiff_t>((steps_.size() - 1) / 2);
  std::nth_element(steps_.begin(), middle, steps_.end());
  return *middle;
}

std::uint64_t StepProgress::MinStart() const {
  std::uint64_t smallest = kLargest;
  for (const RankSteps& steps : ranks_) smallest = std::min(smallest, steps.start);
  return smallest;
}

std::uint64_t StepProgress::MaxStart() const {
  std::uint64_t largest = 0;
  for (const RankSteps& steps : ranks_) largest = std::max(largest, steps.start);
  return largest;
}

}  // namespace ballast
