#ifndef BALLAST_CORE_BASE_FINGERPRINT_H_
#define BALLAST_CORE_BASE_FINGERPRINT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/ids.h"

namespace ballast {

// Collects canonical bytes: integers little-endian at a fixed width, doubles as
// their IEEE bits (-0 as +0), text with its length in front. What is appended
// never changes meaning once released: stored digests depend on it.
//
// Not thread-safe.
class CanonicalBytes {
 public:
  void AppendU16(std::uint16_t value) { AppendLittleEndian(value, 2); }
  void AppendU32(std::uint32_t value) { AppendLittleEndian(value, 4); }
  void AppendU64(std::uint64_t value) { AppendLittleEndian(value, 8); }
  void AppendDouble(double value);
  void AppendText(absl::string_view text);

  absl::string_view bytes() const { return bytes_; }

 private:
  void AppendLittleEndian(std::uint64_t value, int width);

  std::string bytes_;
};

// SHA-256 of `bytes`.
Digest Sha256(absl::string_view bytes);

// First 8 bytes of the SHA-256 of `bytes`, read little-endian.
std::uint64_t Fingerprint64(absl::string_view bytes);

// Lower-case hex of the first `num_bytes` (default all) bytes, for people.
std::string DigestHex(const Digest& digest, int num_bytes = 32);

// First 8 bytes, read little-endian: what ranks compare in the vote.
std::uint64_t DigestPrefix(const Digest& digest);

// "term.sequence (hex prefix)", as status prints a plan: "7.42 (a91f03c2)".
std::string PlanIdText(const PlanId& id);

}  // namespace ballast

#endif  // BALLAST_CORE_BASE_FINGERPRINT_H_
