#ifndef BALLAST_CLIENT_FLEET_LOCKSTEP_H_
#define BALLAST_CLIENT_FLEET_LOCKSTEP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "client/fleet/shared_region.h"
#include "core/base/ids.h"

namespace ballast {

// Keeps the ranks of a fleet, as threads or processes, at one step: a barrier in shared
// memory that can be given up. A rank that dies can not arrive any more; whoever notices
// calls Abort(), or has it started anew: it then goes on after rounds(). A rank may die
// anywhere, also inside Arrive().
//
// All objects over one region are one barrier. Thread-safe.
class Lockstep {
 public:
  static constexpr int kMaxRanks = 1024;

  // In the shared region; all zero is its beginning.
  struct State {
    std::atomic<std::uint32_t> generation;  // Rounds completed; ranks sleep on it.
    std::atomic<std::uint32_t> aborted;     // 0: no, 1: being written, 2: reason is valid.
    std::int32_t abort_rank;
    char abort_reason[496];
    std::atomic<std::uint32_t> rounds[kMaxRanks];  // Per rank: rounds it has arrived in.
  };

  // Why it was given up.
  struct Failure {
    int rank = -1;
    std::string reason;
  };

  // `state` must be zero at first, and outlive the object.
  Lockstep(State& state, int num_ranks) : state_(state), num_ranks_(num_ranks) {}

  // Waits until all ranks have arrived in the next round of `rank`; what they wrote before
  // is then visible to all. False, at once, if it was aborted. Sleeps in the kernel, does
  // not spin.
  bool Arrive(RankId rank);

  // Rounds that `rank` has arrived in, over all of its lives.
  std::uint32_t rounds(RankId rank) const {
    return state_.rounds[rank.value].load(std::memory_order_seq_cst);
  }
  // Waits until all have arrived in this round, counted from 1. False if it was aborted.
  bool Await(std::uint32_t round);

  // Wakes all that wait, for good. The first reason stays; it is cut after 495 bytes.
  void Abort(int rank, absl::string_view reason);

  bool aborted() const { return state_.aborted.load(std::memory_order_acquire) != 0; }
  std::optional<Failure> failure() const;

 private:
  bool AllArrived(std::uint32_t round) const;

  State& state_;
  const int num_ranks_;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_LOCKSTEP_H_
