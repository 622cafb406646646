#ifndef BALLAST_CLIENT_WORKER_WAKEUP_H_
#define BALLAST_CLIENT_WORKER_WAKEUP_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"

namespace ballast {

// Wakes the connection thread: something happened, look around. Signals that come
// before the thread looks count as one. Thread-safe; shared, because a gRPC thread may
// still leave Signal() while the session goes away.
class Wakeup {
 public:
  void Signal() {
    absl::MutexLock lock(&mutex_);
    signalled_ = true;
  }

  // Waits for a signal since the last Wait(), or until `deadline` on `clock`.
  void Wait(Clock& clock, absl::Duration deadline) {
    absl::MutexLock lock(&mutex_);
    clock.WaitUntil(mutex_, absl::Condition(&signalled_), deadline);
    signalled_ = false;
  }

 private:
  absl::Mutex mutex_;
  bool signalled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_WAKEUP_H_
