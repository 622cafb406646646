#include "daemon/observe/event_limiter.h"

#include <algorithm>
#include <utility>

namespace ballast {
namespace {

constexpr absl::string_view kOtherKeys = "other";

}  // namespace

bool EventLimiter::Admit(absl::string_view key, absl::Duration now) {
  absl::MutexLock lock(&mutex_);
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= limits_.max_keys) key = kOtherKeys;
    found = buckets_.try_emplace(std::string(key), Bucket{limits_.burst, now}).first;
  }
  Bucket& bucket = found->second;
  const double refill = limits_.per_second * absl::ToDoubleSeconds(now - bucket.filled);
  bucket.tokens = std::min(limits_.burst, bucket.tokens + refill);
  bucket.filled = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return true;
  }
  if (bucket.suppressed++ == 0) ++num_suppressing_;
  return false;
}

std::vector<EventLimiter::Suppressed> EventLimiter::TakeSuppressed(absl::Duration now) {
  std::vector<Suppressed> all;
  absl::MutexLock lock(&mutex_);
  if (num_suppressing_ == 0) return all;
  for (auto& [key, bucket] : buckets_) {
    if (bucket.suppressed == 0 || now - bucket.told < limits_.tell_every) continue;
    all.push_back({key, std::exchange(bucket.suppressed, 0)});
    bucket.told = now;
    --num_suppressing_;
  }
  return all;
}

}  // namespace ballast
