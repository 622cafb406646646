#ifndef BALLAST_CLIENT_WORKER_BACKOFF_H_
#define BALLAST_CLIENT_WORKER_BACKOFF_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "core/base/random.h"

namespace ballast {

// Waits between attempts with full jitter: uniform in (0, min(cap, base * 2^n)), so that
// a thousand workers that lost one daemon do not come back together. Not thread-safe.
class Backoff {
 public:
  Backoff(absl::Duration base, absl::Duration cap, std::uint64_t seed)
      : base_(base), cap_(cap), random_(seed) {}

  absl::Duration Next() {
    const absl::Duration limit = limit_;
    limit_ = std::min(cap_, std::max(limit_, base_) * 2);
    return std::min(cap_, std::max(limit, base_)) * random_.Uniform();
  }
  // A wait that the other end asked all of its peers for, longer by up to a half: they were
  // asked at one moment and shall not come back at one.
  absl::Duration Spread(absl::Duration wait) { return wait * (1 + 0.5 * random_.Uniform()); }
  // The last attempt was a success that lasted.
  void Reset() { limit_ = absl::ZeroDuration(); }

 private:
  const absl::Duration base_;
  const absl::Duration cap_;
  absl::Duration limit_;  // Of the next wait, before base and cap; 0: none yet.
  Random random_;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_BACKOFF_H_
