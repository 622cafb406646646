#ifndef BALLAST_CLIENT_FLEET_LOCKSTEP_H_
#define BALLAST_CLIENT_FLEET_LOCKSTEP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "client/fleet/shared_region.h"

namespace ballast {

// Keeps the ranks of a fleet, as threads or processes, at one step: a barrier in shared
// memory that can be given up. A rank that dies can not arrive any more; whoever notices
// calls Abort(), and nobody waits for ever.
//
// All objects over one region are one barrier. Thread-safe.
class Lockstep {
 public:
  // In the shared region; all zero is its beginning.
  struct State {
    std::atomic<std::uint32_t> generation;  // Rounds completed; ranks sleep on it.
    std::atomic<std::uint32_t> arrived;     // In the present round.
    std::atomic<std::uint32_t> aborted;     // 0: no, 1: being written, 2: reason is valid.
    std::int32_t abort_rank;
    char abort_reason[496];
  };

  // Why it was given up.
  struct Failure {
    int rank = -1;
    std::string reason;
  };

  // `state` must be zero at first, and outlive the object.
  Lockstep(State& state, int num_ranks) : state_(state), num_ranks_(num_ranks) {}

  // Waits until all ranks have arrived; what they wrote before is then visible to all.
  // False, at once, if it was aborted. Sleeps in the kernel, does not spin.
  bool Arrive();

  // Wakes all that wait, for good. The first reason stays; it is cut after 495 bytes.
  void Abort(int rank, absl::string_view reason);

  bool aborted() const { return state_.aborted.load(std::memory_order_acquire) != 0; }
  std::optional<Failure> failure() const;

 private:
  State& state_;
  const std::uint32_t num_ranks_;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_LOCKSTEP_H_
