#ifndef BALLAST_CORE_BASE_BOUNDED_QUEUE_H_
#define BALLAST_CORE_BASE_BOUNDED_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"

namespace ballast {

// Hands events from many threads to one. When it is full the new event is
// dropped and counted: a producer never waits. Thread-safe.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // False, and one more in dropped(), if the queue is full or closed.
  bool TryPush(T item) {
    absl::MutexLock lock(&mutex_);
    if (closed_ || items_.size() >= capacity_) {
      ++dropped_;
      return false;
    }
    items_.push_back(std::move(item));
    return true;
  }

  // Everything queued, oldest first. Waits for the first item until `deadline`
  // on `clock`; empty after the deadline or once closed and drained.
  std::vector<T> PopAll(Clock& clock, absl::Duration deadline) {
    absl::MutexLock lock(&mutex_);
    clock.WaitUntil(mutex_, absl::Condition(this, &BoundedQueue::Ready), deadline);
    std::vector<T> out;
    out.reserve(items_.size());
    for (T& item : items_) out.push_back(std::move(item));
    items_.clear();
    return out;
  }

  // Blocks until Close() or the deadline, whatever is pushed meanwhile: lets a reader gather.
  void AwaitClose(Clock& clock, absl::Duration deadline) {
    absl::MutexLock lock(&mutex_);
    clock.WaitUntil(mutex_, absl::Condition(&closed_), deadline);
  }

  // Wakes the reader; later pushes are dropped.
  void Close() {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }

  bool closed() const {
    absl::MutexLock lock(&mutex_);
    return closed_;
  }

  // Events refused so far.
  std::uint64_t dropped() const {
    absl::MutexLock lock(&mutex_);
    return dropped_;
  }

 private:
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_ || !items_.empty(); }

  const std::size_t capacity_;
  mutable absl::Mutex mutex_;
  std::deque<T> items_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace ballast

#endif  // BALLAST_CORE_BASE_BOUNDED_QUEUE_H_
