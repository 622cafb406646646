#include "core/load/plausibility.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>

#include "absl/strings/str_cat.h"

namespace ballast {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

std::uint64_t SaturatingSum(std::uint64_t a, std::uint64_t b) {
  return a > kLargest - b ? kLargest : a + b;
}

std::uint64_t SumOf(absl::Span<const std::uint64_t> picks) {
  // Without branches, so that the compiler makes vectors of it; 2^32 counts below 2^32 can not
  // overflow.
  std::uint64_t sum = 0;
  std::uint64_t bits = 0;
  for (const std::uint64_t count : picks) {
    sum += count;
    bits |= count;
  }
  if (bits >> 32 == 0) return sum;
  return std::accumulate(picks.begin(), picks.end(), std::uint64_t{0}, SaturatingSum);
}

RateCheck::Gain RateGain(const ReportGain& gain) {
  return {.picks = static_cast<double>(SumOf(gain.picks)),
          .step_first = gain.step_first,
          .steps = gain.steps};
}

}  // namespace

Plausibility::Plausibility(const ModelShape& shape, const Topology& topology)
    : shape_(shape),
      topology_(topology),
      received_(topology.num_ranks(), PlausibilityLimits::kFarAbove),
      sent_(topology.num_ranks(), PlausibilityLimits::kFarAboveSent) {}

std::string Plausibility::Judge(RankId rank, ReportForm form, const ReportGain& gain) {
  return form == ReportForm::kSlot ? JudgeReceived(rank, gain) : JudgeSent(rank, gain);
}

void Plausibility::Begin(RankId rank, ReportForm form, std::uint64_t group_step) {
  (form == ReportForm::kSlot ? received_ : sent_).Add(rank, {}, group_step);
}

std::string Plausibility::JudgeReceived(RankId rank, const ReportGain& gain) {
  const std::optional<RateCheck::Excess> excess =
      received_.Add(rank, RateGain(gain), gain.group_step);
  if (!excess.has_value()) return "";
  return absl::StrCat("rank ", rank.value, ": received ", excess->rate, " picks a step, more than ",
                      PlausibilityLimits::kFarAbove, " times the median of the others, ",
                      excess->median, "; is the whole group's load counted on each rank?");
}

std::string Plausibility::JudgeSent(RankId rank, const ReportGain& gain) {
  std::string sums = JudgeSums(rank, gain);
  if (!sums.empty()) return sums;
  const std::optional<RateCheck::Excess> excess = sent_.Add(rank, RateGain(gain), gain.group_step);
  if (excess.has_value()) {
    return absl::StrCat("rank ", rank.value, ": sent ", excess->rate, " picks a step, more than ",
                        PlausibilityLimits::kFarAboveSent, " times the median of the others, ",
                        excess->median);
  }
  if (!OwnExpertsOnly(rank, gain)) return "";
  return absl::StrCat("rank ", rank.value,
                      ": sent picks to none but its own experts; are picks received reported as "
                      "picks sent?");
}

std::string Plausibility::JudgeSums(RankId rank, const ReportGain& gain) const {
  std::uint64_t smallest = ~std::uint64_t{0};
  std::uint64_t largest = 0;
  int smallest_layer = 0;
  int largest_layer = 0;
  const std::uint64_t top_k = static_cast<std::uint64_t>(shape_.top_k);
  const std::uint64_t expected = gain.tokens > kLargest / top_k ? kLargest : gain.tokens * top_k;
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    const absl::Span<const std::uint64_t> picks = gain.picks.subspan(
        static_cast<std::size_t>(layer) * shape_.num_experts, shape_.num_experts);
    const std::uint64_t sum = SumOf(picks);
    if (gain.tokens > 0 && sum != expected) {
      return absl::StrCat("rank ", rank.value, ", layer ", layer, ": ", sum, " picks of ",
                          gain.tokens, " tokens, not ", expected, " (top-", shape_.top_k, ")");
    }
    if (sum > 0 && sum < smallest) smallest = sum, smallest_layer = layer;
    if (sum > largest) largest = sum, largest_layer = layer;
  }
  if (largest < PlausibilityLimits::kMinPicks ||
      double(largest) <= PlausibilityLimits::kLayerSpread * double(smallest)) {
    return "";
  }
  return absl::StrCat("rank ", rank.value, ": ", largest, " picks in layer ", largest_layer,
                      " and ", smallest, " in layer ", smallest_layer,
                      "; each token makes top-k picks in every layer");
}

bool Plausibility::OwnExpertsOnly(RankId rank, const ReportGain& gain) const {
  const SlotRange slots = topology_.slots_of(rank);
  // A rank that holds most experts sends to most of its own.
  if (gain.expert_in_slot == nullptr || 2 * slots.count >= shape_.num_experts) return false;
  std::uint64_t total = 0;
  std::uint64_t own = 0;
  std::vector<bool> is_own(static_cast<std::size_t>(shape_.num_experts));
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    const std::size_t first =
        static_cast<std::size_t>(layer) * topology_.num_slots() + slots.first.value;
    is_own.assign(is_own.size(), false);
    for (int slot = 0; slot < slots.count; ++slot) {
      is_own[(*gain.expert_in_slot)[first + slot].value] = true;
    }
    const std::size_t at = static_cast<std::size_t>(layer) * shape_.num_experts;
    for (int expert = 0; expert < shape_.num_experts; ++expert) {
      total += gain.picks[at + expert];
      if (is_own[expert]) own += gain.picks[at + expert];
    }
    if (own != total) return false;
  }
  return total >= PlausibilityLimits::kMinPicks;
}

}  // namespace ballast
