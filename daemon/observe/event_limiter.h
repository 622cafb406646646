#ifndef BALLAST_DAEMON_OBSERVE_EVENT_LIMITER_H_
#define BALLAST_DAEMON_OBSERVE_EVENT_LIMITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace ballast {

struct EventLimits {
  // Chosen: each of 512 workers may come, go or be refused at once, and all of it is told.
  double burst = 600;
  // Chosen: what a person can still read and a disk does not notice, 2 KB a second.
  double per_second = 10;
  // How often it is told that events of a key are left out.
  absl::Duration tell_every = absl::Seconds(10);
  // Keys beyond that share one; names of events and groups are a few hundred.
  std::size_t max_keys = 1024;
};

// Bounds how often events of one key are written, so that no peer and no fault can fill a
// disk with them. Thread-safe. O(log keys) a call.
class EventLimiter {
 public:
  explicit EventLimiter(const EventLimits& limits) : limits_(limits) {}

  // Whether one more event of the key may be written at the uptime `now`, which does not
  // decrease from call to call.
  bool Admit(absl::string_view key, absl::Duration now);

  struct Suppressed {
    std::string key;
    std::uint64_t count = 0;  // Since it was told last.
  };
  // Keys with events left out that were not told within tell_every. By key.
  std::vector<Suppressed> TakeSuppressed(absl::Duration now);

 private:
  struct Bucket {
    double tokens = 0;
    absl::Duration filled;
    absl::Duration told = -absl::InfiniteDuration();
    std::uint64_t suppressed = 0;
  };

  const EventLimits limits_;
  absl::Mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_ ABSL_GUARDED_BY(mutex_);
  std::size_t num_suppressing_ ABSL_GUARDED_BY(mutex_) = 0;  // Buckets with suppressed > 0.
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_EVENT_LIMITER_H_
