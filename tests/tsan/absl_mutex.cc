// Tells ThreadSanitizer about absl::Mutex and absl::Notification.
//
// Debian's libabsl_synchronization is not instrumented, so TSan does not see that a lock orders
// what it guards, and would report every guarded variable. The linker (--wrap, CMakeLists.txt
// here) turns the calls of our code to the functions below: an unlock publishes all that came
// before it, a lock receives it. Readers are ordered among themselves too, which hides only
// races between readers.

#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace ballast::tsan {

using absl::Condition;
using absl::Mutex;
using absl::Notification;

// Abseil's own functions, under the names that --wrap gives them.
void RealLock(Mutex*) asm("__real__ZN4absl7debian35Mutex4LockEv");
void RealUnlock(Mutex*) asm("__real__ZN4absl7debian35Mutex6UnlockEv");
bool RealTryLock(Mutex*) asm("__real__ZN4absl7debian35Mutex7TryLockEv");
void RealReaderLock(Mutex*) asm("__real__ZN4absl7debian35Mutex10ReaderLockEv");
void RealReaderUnlock(Mutex*) asm("__real__ZN4absl7debian35Mutex12ReaderUnlockEv");
void RealLockWhen(Mutex*,
                  const Condition&) asm("__real__ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE");
void RealAwait(Mutex*,
               const Condition&) asm("__real__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
void RealNotify(Notification*) asm("__real__ZN4absl7debian312Notification6NotifyEv");
void RealWait(const Notification*) asm(
    "__real__ZNK4absl7debian312Notification19WaitForNotificationEv");

// What our code calls instead.
void Lock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex4LockEv");
void Unlock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex6UnlockEv");
bool TryLock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex7TryLockEv");
void ReaderLock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex10ReaderLockEv");
void ReaderUnlock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex12ReaderUnlockEv");
void LockWhen(Mutex*,
              const Condition&) asm("__wrap__ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE");
void Await(Mutex*, const Condition&) asm("__wrap__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
void Notify(Notification*) asm("__wrap__ZN4absl7debian312Notification6NotifyEv");
void Wait(const Notification*) asm("__wrap__ZNK4absl7debian312Notification19WaitForNotificationEv");

namespace {

void Acquire(const void* address) { __tsan_acquire(const_cast<void*>(address)); }
void Release(const void* address) { __tsan_release(const_cast<void*>(address)); }

// A condition that is waited for. Abseil evaluates it with the mutex held, in this thread or
// in the one that unlocks.
struct Awaited {
  Mutex* mutex;
  const Condition& condition;

  bool Holds() const {
    Acquire(mutex);
    const bool holds = condition.Eval();
    Release(mutex);
    return holds;
  }
};

}  // namespace

void Lock(Mutex* mutex) {
  RealLock(mutex);
  Acquire(mutex);
}

void Unlock(Mutex* mutex) {
  Release(mutex);
  RealUnlock(mutex);
}

bool TryLock(Mutex* mutex) {
  const bool locked = RealTryLock(mutex);
  if (locked) Acquire(mutex);
  return locked;
}

void ReaderLock(Mutex* mutex) {
  RealReaderLock(mutex);
  Acquire(mutex);
}

void ReaderUnlock(Mutex* mutex) {
  Release(mutex);
  RealReaderUnlock(mutex);
}

void LockWhen(Mutex* mutex, const Condition& condition) {
  Awaited awaited{mutex, condition};
  RealLockWhen(mutex, Condition(&awaited, &Awaited::Holds));
  Acquire(mutex);
}

void Await(Mutex* mutex, const Condition& condition) {
  Release(mutex);
  Awaited awaited{mutex, condition};
  RealAwait(mutex, Condition(&awaited, &Awaited::Holds));
  Acquire(mutex);
}

void Notify(Notification* notification) {
  Release(notification);
  RealNotify(notification);
}

void Wait(const Notification* notification) {
  RealWait(notification);
  Acquire(notification);
}

}  // namespace ballast::tsan
