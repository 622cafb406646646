#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "absl/time/clock.h"
#include "core/base/clock.h"

namespace ballast {
namespace {

using Steady = std::chrono::steady_clock;

// Chosen: how late a wait may end whose mutex another thread holds at the deadline.
constexpr std::chrono::milliseconds kRetry{1};

// A wait with a deadline, on the stack of the thread that waits.
struct Waiter {
  absl::Mutex& mutex;
  const absl::Condition& condition;
  const Steady::time_point deadline;
  bool late = false;  // Guarded by `mutex`: the deadline has passed.

  bool Over() const { return late || condition.Eval(); }
};

// Ends waits at their deadline. The timed waits of absl::Mutex wait for a wall time: set
// back an hour, they wait an hour longer. This one thread waits on the monotonic clock for
// the whole process, and the waiters without any clock.
//
// Thread-safe. A wait costs two short locks; its thread is woken only for a deadline
// earlier than all others.
class DeadlineThread {
 public:
  // Needs waiter.mutex held, as does Remove().
  void Add(Waiter* waiter) {
    std::lock_guard lock(mutex_);
    waiters_.insert(waiter);
    if (!started_) {
      started_ = true;
      std::thread([this] { Run(); }).detach();
    } else if (waiter->deadline < wakes_at_) {
      earlier_.notify_one();
    }
  }

  // After this nothing here touches the waiter, nor its mutex.
  void Remove(Waiter* waiter) {
    std::lock_guard lock(mutex_);
    if (!waiter->late) waiters_.erase(waiter);
  }

 private:
  struct Sooner {
    bool operator()(const Waiter* a, const Waiter* b) const {
      return a->deadline != b->deadline ? a->deadline < b->deadline : a < b;
    }
  };

  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wakes_at_ = EndDue(Steady::now());
      if (wakes_at_ == Steady::time_point::max()) {
        earlier_.wait(lock);
      } else {
        earlier_.wait_until(lock, wakes_at_);
      }
    }
  }

  // Ends the waits that are due at `now` and tells when to look again. It only tries to
  // lock: a waiter locks its mutex before ours, and who holds it may wait here himself.
  Steady::time_point EndDue(Steady::time_point now) {
    bool missed = false;
    for (auto it = waiters_.begin(); it != waiters_.end();) {
      Waiter* const waiter = *it;
      if (waiter->deadline > now) return missed ? now + kRetry : waiter->deadline;
      if (waiter->mutex.TryLock()) {
        it = waiters_.erase(it);
        waiter->late = true;
        waiter->mutex.Unlock();
      } else {
        missed = true;
        ++it;
      }
    }
    return missed ? now + kRetry : Steady::time_point::max();
  }

  std::mutex mutex_;
  std::condition_variable earlier_;
  std::set<Waiter*, Sooner> waiters_;
  Steady::time_point wakes_at_ = Steady::time_point::max();
  bool started_ = false;
};

// Both live as long as the process.
std::atomic<DeadlineThread*> deadline_thread{nullptr};
std::atomic<DeadlineThread*> parents_thread{nullptr};

// A child of fork() has neither the thread nor the waiters, and perhaps a locked mutex.
// It begins anew; what it has inherited stays as it is.
void ForgetDeadlineThread() { parents_thread = deadline_thread.exchange(nullptr); }

DeadlineThread& TheDeadlineThread() {
  DeadlineThread* current = deadline_thread.load(std::memory_order_acquire);
  if (current != nullptr) return *current;
  auto* const fresh = new DeadlineThread;
  if (deadline_thread.compare_exchange_strong(current, fresh, std::memory_order_acq_rel)) {
    return *fresh;
  }
  delete fresh;
  return *current;
}

class MachineClock final : public Clock {
 public:
  MachineClock() { pthread_atfork(nullptr, nullptr, ForgetDeadlineThread); }

  absl::Time WallNow() const override { return absl::Now(); }

  absl::Duration Uptime() const override {
    return absl::FromChrono(Steady::now().time_since_epoch());
  }

  bool WaitUntil(absl::Mutex& mutex, const absl::Condition& condition,
                 absl::Duration deadline) override {
    if (condition.Eval()) return true;
    const absl::Duration now = Uptime();
    if (deadline <= now) return false;
    if (deadline - now > kForEver) {
      mutex.Await(condition);
      return true;
    }
    Waiter waiter{mutex, condition, Steady::time_point(absl::ToChronoNanoseconds(deadline))};
    DeadlineThread& thread = TheDeadlineThread();
    thread.Add(&waiter);
    mutex.Await(absl::Condition(&waiter, &Waiter::Over));
    thread.Remove(&waiter);
    return condition.Eval();
  }

 private:
  // A year: longer waits do without a deadline, and all others fit in nanoseconds.
  static constexpr absl::Duration kForEver = absl::Hours(24 * 365);
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
