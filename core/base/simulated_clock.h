#ifndef BALLAST_CORE_BASE_SIMULATED_CLOCK_H_
#define BALLAST_CORE_BASE_SIMULATED_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"

namespace ballast {

// A clock that stands still until somebody advances it. Wall time and uptime
// move together from the two starting points. Thread-safe.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(absl::Time wall_start = absl::UnixEpoch());

  absl::Time WallNow() const override;
  absl::Duration Uptime() const override;

  // Looks at the simulated time every millisecond of real time, because the
  // condition belongs to a mutex that Advance() does not know.
  bool WaitUntil(absl::Mutex& mutex, const absl::Condition& condition,
                 absl::Duration deadline) override;

  // `step` must be >= 0; checked in all builds.
  void Advance(absl::Duration step);

 private:
  const absl::Time wall_start_;
  mutable absl::Mutex mutex_;
  absl::Duration uptime_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
};

}  // namespace ballast

#endif  // BALLAST_CORE_BASE_SIMULATED_CLOCK_H_
