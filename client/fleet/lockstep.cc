#include "client/fleet/lockstep.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <ctime>

namespace ballast {
namespace {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

// A bound on every sleep: a wake-up that is missed for any reason costs this much.
constexpr timespec kLongestSleep = {.tv_sec = 0, .tv_nsec = 200'000'000};

// Not the process-private kind that std::atomic::wait uses: the word lies in memory that
// several processes map.
void SleepWhile(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT, value, &kLongestSleep, nullptr, 0);
}

void WakeAll(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

bool Lockstep::Arrive(RankId rank) {
  if (aborted()) return false;
  const std::uint32_t round = rounds(rank) + 1;
  state_.rounds[rank.value].store(round, std::memory_order_seq_cst);
  return Await(round);
}

// Whoever sees that all have come says so: the last to come may have died before it could.
bool Lockstep::Await(std::uint32_t round) {
  while (true) {
    std::uint32_t generation = state_.generation.load(std::memory_order_acquire);
    if (generation >= round) return true;
    if (aborted()) return false;
    if (AllArrived(round)) {
      if (state_.generation.compare_exchange_strong(generation, round)) {
        WakeAll(state_.generation);
      }
      continue;
    }
    SleepWhile(state_.generation, generation);
  }
}

bool Lockstep::AllArrived(std::uint32_t round) const {
  for (int rank = 0; rank < num_ranks_; ++rank) {
    if (rounds(RankId(rank)) < round) return false;
  }
  return true;
}

void Lockstep::Abort(int rank, absl::string_view reason) {
  std::uint32_t expected = 0;
  if (!state_.aborted.compare_exchange_strong(expected, 1, std::memory_order_acq_rel)) return;
  state_.abort_rank = rank;
  const std::size_t size = std::min(reason.size(), sizeof(state_.abort_reason) - 1);
  std::memcpy(state_.abort_reason, reason.data(), size);
  state_.abort_reason[size] = '\0';
  state_.aborted.store(2, std::memory_order_release);
  WakeAll(state_.generation);
}

std::optional<Lockstep::Failure> Lockstep::failure() const {
  if (state_.aborted.load(std::memory_order_acquire) != 2) return std::nullopt;
  return Failure{state_.abort_rank, state_.abort_reason};
}

}  // namespace ballast
