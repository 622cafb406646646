#include "core/base/simulated_clock.h"

#include "core/base/check.h"

namespace ballast {

SimulatedClock::SimulatedClock(absl::Time wall_start) : wall_start_(wall_start) {}

absl::Time SimulatedClock::WallNow() const {
  absl::MutexLock lock(&mutex_);
  return wall_start_ + uptime_;
}

absl::Duration SimulatedClock::Uptime() const {
  absl::MutexLock lock(&mutex_);
  return uptime_;
}

bool SimulatedClock::WaitUntil(absl::Mutex& mutex, const absl::Condition& condition,
                               absl::Duration deadline) {
  while (Uptime() < deadline) {
    Clock& machine = RealClock();
    if (machine.WaitUntil(mutex, condition, machine.Uptime() + absl::Milliseconds(1))) return true;
  }
  return condition.Eval();
}

void SimulatedClock::Advance(absl::Duration step) {
  BALLAST_CHECK(step >= absl::ZeroDuration());
  absl::MutexLock lock(&mutex_);
  uptime_ += step;
}

}  // namespace ballast
