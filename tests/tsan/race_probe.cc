// Two threads that add to one counter: `guarded` by a mutex and waiting for each other, or
// `racy`. Shows that the thread sanitizer, set up as the tests use it, reports the one and not the
// other.

#include <cstring>
#include <thread>

#include "absl/synchronization/mutex.h"

namespace {

struct Shared {
  absl::Mutex mutex;
  int counter = 0;
  bool ended = false;
};

void AddGuarded(Shared* shared, bool wait) {
  absl::MutexLock lock(&shared->mutex);
  if (wait) shared->mutex.Await(absl::Condition(&shared->ended));
  ++shared->counter;
  shared->ended = true;
}

void AddRacy(Shared* shared) { ++shared->counter; }

}  // namespace

int main(int argc, char** argv) {
  const bool racy = argc == 2 && std::strcmp(argv[1], "racy") == 0;
  Shared shared;
  const auto add = [&shared, racy](bool wait) {
    if (racy) {
      AddRacy(&shared);
    } else {
      AddGuarded(&shared, wait);
    }
  };
  std::thread first(add, true);
  std::thread second(add, false);
  first.join();
  second.join();
  return shared.counter == 2 ? 0 : 1;
}
