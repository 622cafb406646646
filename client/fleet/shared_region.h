#ifndef BALLAST_CLIENT_FLEET_SHARED_REGION_H_
#define BALLAST_CLIENT_FLEET_SHARED_REGION_H_

#include <cstddef>
#include <type_traits>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace ballast {

// Zeroed memory that this process shares with the children it forks afterwards. Arrays
// are taken from it one after the other; each begins on a cache line of its own.
//
// Movable; the mapping ends with the object. Taking is not thread-safe.
class SharedRegion {
 public:
  // ResourceExhausted if the machine does not give so much address space. Pages that
  // nobody touches cost nothing.
  static absl::StatusOr<SharedRegion> Create(std::size_t num_bytes);

  SharedRegion(SharedRegion&& other) noexcept;
  SharedRegion& operator=(SharedRegion&&) = delete;
  ~SharedRegion();

  // The next `count` objects, all bytes zero. They are never destroyed. The region must
  // have been made large enough, see BytesOf(); checked.
  template <typename T>
  absl::Span<T> Take(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return {static_cast<T*>(TakeBytes(count * sizeof(T))), count};
  }

  // What Take<T>(count) uses up at most.
  template <typename T>
  static std::size_t BytesOf(std::size_t count) {
    return count * sizeof(T) + kAlignment;
  }

 private:
  static constexpr std::size_t kAlignment = 64;

  SharedRegion(std::byte* begin, std::size_t size) : begin_(begin), size_(size) {}
  void* TakeBytes(std::size_t num_bytes);

  std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_SHARED_REGION_H_
