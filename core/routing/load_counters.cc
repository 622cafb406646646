#include "core/routing/load_counters.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/base/ids.h"

namespace ballast {
namespace {

std::size_t NumCounts(int num_layers, int num_columns) {
  return static_cast<std::size_t>(num_layers) * static_cast<std::size_t>(num_columns);
}

using DigestWords = std::array<std::uint64_t, 4>;
static_assert(sizeof(DigestWords) == sizeof(Digest));

}  // namespace

LoadCounters::LoadCounters(int num_layers, int num_columns)
    : num_columns_(static_cast<std::size_t>(num_columns)),
      counting_(NumCounts(num_layers, num_columns)),
      writing_(&banks_[0]),
      banks_{Bank(counting_.size()), Bank(counting_.size())} {}

void LoadCounters::StorePlan(const PlanId& id, Bank* bank) noexcept {
  const auto digest = std::bit_cast<DigestWords>(id.digest);
  bank->plan[0].store(id.version.term, std::memory_order_release);
  bank->plan[1].store(id.version.sequence, std::memory_order_release);
  for (std::size_t i = 0; i < digest.size(); ++i) {
    bank->plan[2 + i].store(digest[i], std::memory_order_release);
  }
}

PlanId LoadCounters::LoadPlan(const Bank& bank) noexcept {
  PlanId id;
  id.version.term = bank.plan[0].load(std::memory_order_acquire);
  id.version.sequence = bank.plan[1].load(std::memory_order_acquire);
  DigestWords digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = bank.plan[2 + i].load(std::memory_order_acquire);
  }
  id.digest = std::bit_cast<Digest>(digest);
  return id;
}

// Every store between the two turns is a release and every load of a reader an acquire: a
// reader that sees any of the new values also sees the odd turn when it looks again.
void LoadCounters::Publish(std::uint64_t step) noexcept {
  writing_->step_last.store(step, std::memory_order_release);
  writing_->tokens.store(counting_tokens_, std::memory_order_release);
  std::atomic<std::uint64_t>* const shown = writing_->counts.data();
  for (std::size_t i = 0; i < counting_.size(); ++i) {
    shown[i].store(counting_[i], std::memory_order_release);
  }
}

void LoadCounters::EndStep(std::uint64_t step) noexcept {
  const std::uint64_t turn = writing_->turn.load(std::memory_order_relaxed);
  writing_->turn.store(turn + 1, std::memory_order_relaxed);
  Publish(step);
  writing_->turn.store(turn + 2, std::memory_order_release);
}

void LoadCounters::Activate(const PlanId& id, std::uint64_t step) noexcept {
  const std::uint64_t activation = activations_.load(std::memory_order_relaxed) + 1;
  std::fill(counting_.begin(), counting_.end(), 0);
  counting_tokens_ = 0;
  writing_ = &banks_[activation % 2];
  const std::uint64_t turn = writing_->turn.load(std::memory_order_relaxed);
  writing_->turn.store(turn + 1, std::memory_order_relaxed);
  writing_->activation.store(activation, std::memory_order_release);
  StorePlan(id, writing_);
  writing_->step_first.store(step, std::memory_order_release);
  Publish(step - 1);
  writing_->turn.store(turn + 2, std::memory_order_release);
  activations_.store(activation, std::memory_order_release);
}

bool LoadCounters::Copy(std::uint64_t activation, Snapshot* snapshot) const {
  const Bank& bank = banks_[activation % 2];
  const std::uint64_t turn = bank.turn.load(std::memory_order_acquire);
  if (turn % 2 != 0) return false;
  const bool is_of_activation = bank.activation.load(std::memory_order_acquire) == activation;
  snapshot->plan = LoadPlan(bank);
  snapshot->step_first = bank.step_first.load(std::memory_order_acquire);
  snapshot->step_last = bank.step_last.load(std::memory_order_acquire);
  snapshot->tokens = bank.tokens.load(std::memory_order_acquire);
  snapshot->counts.resize(bank.counts.size());
  for (std::size_t i = 0; i < bank.counts.size(); ++i) {
    snapshot->counts[i] = bank.counts[i].load(std::memory_order_acquire);
  }
  return is_of_activation && bank.turn.load(std::memory_order_relaxed) == turn;
}

LoadCounters::Snapshot LoadCounters::Current() const {
  Snapshot snapshot;
  while (!Copy(activations_.load(std::memory_order_acquire), &snapshot)) {
  }
  return snapshot;
}

bool LoadCounters::TakePrevious(Snapshot* snapshot) {
  for (;;) {
    const std::uint64_t activation = activations_.load(std::memory_order_acquire);
    std::uint64_t taken = taken_.load(std::memory_order_acquire);
    if (activation == 0 || taken >= activation) return false;
    if (!Copy(activation - 1, snapshot)) continue;
    if (activation == 1 && snapshot->step_last + 1 == snapshot->step_first) return false;
    // Of several readers the first has it.
    return taken_.compare_exchange_strong(taken, activation, std::memory_order_acq_rel);
  }
}

}  // namespace ballast
