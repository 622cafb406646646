#include <chrono>
#include <random>

#include "absl/time/clock.h"
#include "core/base/clock.h"

namespace ballast {
namespace {

class MachineClock final : public Clock {
 public:
  absl::Time WallNow() const override { return absl::Now(); }

  absl::Duration Uptime() const override {
    return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }

  bool WaitUntil(absl::Mutex& mutex, const absl::Condition& condition,
                 absl::Duration deadline) override {
    return mutex.AwaitWithTimeout(condition, deadline - Uptime());
  }
};

}  // namespace

Clock& RealClock() {
  static MachineClock* const clock = new MachineClock;
  return *clock;
}

std::uint64_t RandomSeed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace ballast
