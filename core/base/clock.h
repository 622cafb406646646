#ifndef BALLAST_CORE_BASE_CLOCK_H_
#define BALLAST_CORE_BASE_CLOCK_H_

#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace ballast {

// The only source of time outside core/routing. Production code gets
// RealClock(), tests and the simulator a SimulatedClock. Code that calls
// absl::Now() or sleeps on its own fails the layering check.
//
// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time, for people and for records that outlive the process. May jump.
  virtual absl::Time WallNow() const = 0;

  // Time since an unspecified start. Never decreases; use it for every interval.
  virtual absl::Duration Uptime() const = 0;

  // Blocks until `condition` holds or Uptime() >= `deadline`; returns whether
  // the condition held. Needs `mutex` held; it may be released while waiting.
  virtual bool WaitUntil(absl::Mutex& mutex, const absl::Condition& condition,
                         absl::Duration deadline) = 0;
};

// The process-wide clock of the machine. Never destroyed.
Clock& RealClock();

// Fresh entropy of the machine, for incarnation numbers and jitter seeds only.
// Never for planning: plans are functions of their inputs.
std::uint64_t RandomSeed();

}  // namespace ballast

#endif  // BALLAST_CORE_BASE_CLOCK_H_
