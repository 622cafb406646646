#include "tests/routing/counting_new.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

// In a file of their own: where both are visible, the compiler takes the inlined pair of
// new and free for a mistake.

namespace {
std::atomic<long> num_allocations{0};
}  // namespace

void* operator new(std::size_t size) {
  num_allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ballast {

long NumAllocations() { return num_allocations.load(); }

}  // namespace ballast
