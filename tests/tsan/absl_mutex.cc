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
#include "absl/time/time.h"

namespace ballast::tsan {

using absl::Condition;
using absl::Duration;
using absl::Mutex;
using absl::Notification;
using absl::Time;

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
bool RealAwaitWithTimeout(Mutex*, const Condition&, Duration) asm(
    "__real__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
bool RealAwaitWithDeadline(Mutex*, const Condition&, Time) asm(
    "__real__ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
void RealNotify(Notification*) asm("__real__ZN4absl7debian312Notification6NotifyEv");
void RealWait(const Notification*) asm(
    "__real__ZNK4absl7debian312Notification19WaitForNotificationEv");
bool RealWaitWithTimeout(const Notification*, Duration) asm(
    "__real__ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE");

// What our code calls instead.
void Lock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex4LockEv");
void Unlock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex6UnlockEv");
bool TryLock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex7TryLockEv");
void ReaderLock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex10ReaderLockEv");
void ReaderUnlock(Mutex*) asm("__wrap__ZN4absl7debian35Mutex12ReaderUnlockEv");
void LockWhen(Mutex*,
              const Condition&) asm("__wrap__ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE");
void Await(Mutex*, const Condition&) asm("__wrap__ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
bool AwaitWithTimeout(Mutex*, const Condition&, Duration) asm(
    "__wrap__ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
bool AwaitWithDeadline(Mutex*, const Condition&, Time) asm(
    "__wrap__ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
void Notify(Notification*) asm("__wrap__ZN4absl7debian312Notification6NotifyEv");
void Wait(const Notification*) asm("__wrap__ZNK4absl7debian312Notification19WaitForNotificationEv");
bool WaitWithTimeout(const Notification*, Duration) asm(
    "__wrap__ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE");

namespace {

void Acquire(const void* address) { __tsan_acquire(const_cast<void*>(address)); }
void Release(const void* address) { __tsan_release(const_cast<void*>(address)); }

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
  Release(mutex);  // Others may evaluate the condition.
  RealLockWhen(mutex, condition);
  Acquire(mutex);
}

void Await(Mutex* mutex, const Condition& condition) {
  Release(mutex);
  RealAwait(mutex, condition);
  Acquire(mutex);
}

bool AwaitWithTimeout(Mutex* mutex, const Condition& condition, Duration timeout) {
  Release(mutex);
  const bool held = RealAwaitWithTimeout(mutex, condition, timeout);
  Acquire(mutex);
  return held;
}

bool AwaitWithDeadline(Mutex* mutex, const Condition& condition, Time deadline) {
  Release(mutex);
  const bool held = RealAwaitWithDeadline(mutex, condition, deadline);
  Acquire(mutex);
  return held;
}

void Notify(Notification* notification) {
  Release(notification);
  RealNotify(notification);
}

void Wait(const Notification* notification) {
  RealWait(notification);
  Acquire(notification);
}

bool WaitWithTimeout(const Notification* notification, Duration timeout) {
  const bool notified = RealWaitWithTimeout(notification, timeout);
  if (notified) Acquire(notification);
  return notified;
}

}  // namespace ballast::tsan
