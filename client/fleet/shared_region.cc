#include "client/fleet/shared_region.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace ballast {

absl::StatusOr<SharedRegion> SharedRegion::Create(std::size_t num_bytes) {
  void* begin = mmap(nullptr, num_bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (begin == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat(num_bytes, " bytes of shared memory: ", std::strerror(errno)));
  }
  return SharedRegion(static_cast<std::byte*>(begin), num_bytes);
}

SharedRegion::SharedRegion(SharedRegion&& other) noexcept
    : begin_(std::exchange(other.begin_, nullptr)), size_(other.size_), used_(other.used_) {}

SharedRegion::~SharedRegion() {
  if (begin_ != nullptr) munmap(begin_, size_);
}

void* SharedRegion::TakeBytes(std::size_t num_bytes) {
  const std::size_t first = (used_ + kAlignment - 1) / kAlignment * kAlignment;
  BALLAST_CHECK(first <= size_ && num_bytes <= size_ - first);
  used_ = first + num_bytes;
  return begin_ + first;
}

}  // namespace ballast
