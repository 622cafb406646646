#include "core/routing/replica_router.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <span>

#include "core/base/ids.h"
#include "core/routing/placement_table.h"

namespace ballast {
namespace {

// Picks of one hot expert in a row would wait for each other's increment; every lane
// counts in its own histogram.
constexpr std::size_t kLanes = 4;

// Never reached, and twice it still fits: thresholds and loads can be added freely.
constexpr std::int32_t kManyPicks = 1 << 30;

}  // namespace

ReplicaRouter::ReplicaRouter(TableCell& cell, const RouterOptions& options)
    : cell_(cell), options_(options) {
  options_.spill_threshold = std::clamp(options_.spill_threshold, 0, kManyPicks);
}

bool ReplicaRouter::BeginStep() noexcept {
  if (cell_.generation_.load(std::memory_order_acquire) != seen_) {
    std::shared_ptr<const PlacementTable> table;
    {
      std::lock_guard lock(cell_.mutex_);
      seen_ = cell_.generation_.load(std::memory_order_relaxed);
      table = cell_.table_;
    }
    table_.swap(table);
    if (table_ != nullptr) Resize();
  }
  return table_ != nullptr;
}

void ReplicaRouter::Resize() {
  const auto num_experts = static_cast<std::size_t>(table_->num_experts());
  histogram_.resize(kLanes * num_experts);
  load_.resize(table_->num_ranks());
  counts_.resize(table_->num_slots());
  levels_.resize(table_->num_ranks());
  cursors_.resize(num_experts);
  choices_.resize(num_experts);
}

void ReplicaRouter::PickBatch(LayerId layer, std::span<const ExpertId> experts,
                              std::span<SlotId> slots) noexcept {
  CountPicks(experts);
  PlaceForcedPicks(layer);
  bool changed = true;
  for (int round = 0; round < kMaxRounds && changed; ++round) {
    changed = false;
    for (std::size_t i = 0; i < num_choices_; ++i) {
      const Choice& choice = choices_[i];
      changed |= choice.num_hosts == 2 ? RefillPair(choice) : Refill(choice);
    }
  }
  SetCursors();
  HandOut(experts, slots);
}

// Leaves the sum of all lanes in the first.
void ReplicaRouter::CountPicks(std::span<const ExpertId> experts) noexcept {
  std::fill(histogram_.begin(), histogram_.end(), 0);
  const auto num_experts = static_cast<std::size_t>(table_->num_experts());
  std::int32_t* lane[kLanes];
  for (std::size_t k = 0; k < kLanes; ++k) lane[k] = histogram_.data() + k * num_experts;
  std::size_t i = 0;
  for (; i + kLanes <= experts.size(); i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) ++lane[k][experts[i + k].value];
  }
  for (; i < experts.size(); ++i) ++lane[0][experts[i].value];
  for (std::size_t k = 1; k < kLanes; ++k) {
    for (std::size_t e = 0; e < num_experts; ++e) lane[0][e] += lane[k][e];
  }
}

// Gives experts with one host their slot, and lists the others in choices_.
void ReplicaRouter::PlaceForcedPicks(LayerId layer) noexcept {
  std::fill(load_.begin(), load_.end(), 0);
  std::fill(counts_.begin(), counts_.end(), 0);
  hosts_ = table_->hosts(layer);
  num_choices_ = 0;
  for (const Route& route : table_->routes(layer)) {
    const std::int32_t picks = histogram_[route.expert.value];
    const auto first = static_cast<std::int32_t>(route.first_host);
    if (route.num_hosts == 1) {
      load_[hosts_[first].rank.value] += picks;
      cursors_[route.expert.value] = {hosts_[first].slot, kManyPicks, first};
      continue;
    }
    // In small batches it is a coin toss whether an expert was picked: no branch on it.
    choices_[num_choices_] = {route.expert, picks, first,
                              static_cast<std::int32_t>(route.num_hosts),
                              static_cast<std::int32_t>(route.num_near)};
    num_choices_ += picks > 0 ? 1 : 0;
  }
}

// Takes the expert's picks out and hands them out anew, as if one by one to the host
// of the least level: a far host's level is its load plus the spill threshold. Returns
// whether a count changed.
bool ReplicaRouter::Refill(const Choice& choice) noexcept {
  const Host* const hosts = hosts_ + choice.first;
  const std::int32_t* const counts = counts_.data() + choice.first;
  const std::int32_t* const load = load_.data();
  std::int32_t* const levels = levels_.data();
  const std::int32_t num_hosts = choice.num_hosts;
  const std::int32_t num_near = choice.num_near;
  const std::int32_t spill_threshold = options_.spill_threshold;
  std::int64_t sum = choice.picks;
  for (std::int32_t h = 0; h < num_hosts; ++h) {
    const std::int32_t spill = h < num_near ? 0 : spill_threshold;
    levels[h] = load[hosts[h].rank.value] - counts[h] + spill;
    sum += levels[h];
  }
  // The level up to which the picks fill their hosts completely. Hosts above it get
  // none, and without them it is lower still.
  auto fill = static_cast<std::int32_t>(sum / num_hosts);
  std::int32_t used = num_hosts;
  for (;;) {
    std::int32_t below = 0;
    sum = choice.picks;
    for (std::int32_t h = 0; h < num_hosts; ++h) {
      const bool is_below = levels[h] <= fill;
      below += is_below ? 1 : 0;
      sum += is_below ? levels[h] : 0;
    }
    if (below == used) break;
    used = below;
    fill = static_cast<std::int32_t>(sum / used);
  }
  return FillTo(choice, fill, static_cast<std::int32_t>(sum - std::int64_t{fill} * used));
}

// Brings all hosts of lower level up to `fill`, and the first `rest` of them one pick
// above it.
bool ReplicaRouter::FillTo(const Choice& choice, std::int32_t fill, std::int32_t rest) noexcept {
  const Host* const hosts = hosts_ + choice.first;
  std::int32_t* const counts = counts_.data() + choice.first;
  const std::int32_t* const levels = levels_.data();
  std::int32_t* const load = load_.data();
  const std::int32_t num_hosts = choice.num_hosts;
  std::int32_t changes = 0;
  for (std::int32_t h = 0; h < num_hosts; ++h) {
    // Without a branch: which hosts are below is a coin toss.
    const std::int32_t is_below = levels[h] <= fill ? 1 : 0;
    const std::int32_t extra = is_below & (rest > 0 ? 1 : 0);
    const std::int32_t count = (fill - levels[h]) * is_below + extra;
    rest -= extra;
    changes |= count ^ counts[h];
    load[hosts[h].rank.value] += count - counts[h];
    counts[h] = count;
  }
  return changes != 0;
}

// Refill() in closed form for two hosts, which most replicated experts have.
bool ReplicaRouter::RefillPair(const Choice& choice) noexcept {
  const Host* const hosts = hosts_ + choice.first;
  std::int32_t* const counts = counts_.data() + choice.first;
  std::int32_t& load0 = load_[hosts[0].rank.value];
  std::int32_t& load1 = load_[hosts[1].rank.value];
  load0 -= counts[0];
  load1 -= counts[1];
  const std::int32_t spill = choice.num_near == 1 ? options_.spill_threshold : 0;
  // How far the first host's level is below the second's. An odd pick goes to the first.
  const std::int64_t ahead = std::int64_t{load1} + spill - load0;
  const std::int64_t half = (choice.picks + ahead + 1) >> 1;
  const auto first = static_cast<std::int32_t>(std::clamp<std::int64_t>(half, 0, choice.picks));
  const bool changed = first != counts[0] || choice.picks - first != counts[1];
  counts[0] = first;
  counts[1] = choice.picks - first;
  load0 += counts[0];
  load1 += counts[1];
  return changed;
}

// Sets every expert's cursor to its first host with a count, and makes the last such
// host endless, so that HandOut() never looks past it.
void ReplicaRouter::SetCursors() noexcept {
  for (std::size_t i = 0; i < num_choices_; ++i) {
    const Choice& choice = choices_[i];
    std::int32_t first = choice.first;
    while (counts_[first] == 0) ++first;
    std::int32_t last = choice.first + choice.num_hosts - 1;
    while (counts_[last] == 0) --last;
    counts_[last] = kManyPicks;
    cursors_[choice.expert.value] = {hosts_[first].slot, counts_[first], first};
  }
}

void ReplicaRouter::HandOut(std::span<const ExpertId> experts, std::span<SlotId> slots) noexcept {
  Cursor* const cursors = cursors_.data();
  const std::int32_t* const counts = counts_.data();
  const Host* const hosts = hosts_;
  for (std::size_t i = 0; i < experts.size(); ++i) {
    Cursor& cursor = cursors[experts[i].value];
    slots[i] = cursor.slot;
    if (--cursor.left == 0) [[unlikely]] {
      do ++cursor.host;
      while (counts[cursor.host] == 0);
      cursor.slot = hosts[cursor.host].slot;
      cursor.left = counts[cursor.host];
    }
  }
}

}  // namespace ballast
