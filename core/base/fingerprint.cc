#include "core/base/fingerprint.h"

#include <openssl/sha.h>

#include <bit>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace ballast {

void CanonicalBytes::AppendDouble(double value) {
  AppendU64(std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value));
}

void CanonicalBytes::AppendText(absl::string_view text) {
  AppendU32(static_cast<std::uint32_t>(text.size()));
  bytes_.append(text.data(), text.size());
}

void CanonicalBytes::AppendLittleEndian(std::uint64_t value, int width) {
  for (int i = 0; i < width; ++i) {
    bytes_.push_back(static_cast<char>(value >> (8 * i)));
  }
}

Digest Sha256(absl::string_view bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

std::uint64_t Fingerprint64(absl::string_view bytes) { return DigestPrefix(Sha256(bytes)); }

std::string DigestHex(const Digest& digest, int num_bytes) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), num_bytes));
}

std::uint64_t DigestPrefix(const Digest& digest) {
  std::uint64_t prefix = 0;
  for (int i = 0; i < 8; ++i) prefix |= std::uint64_t{digest[i]} << (8 * i);
  return prefix;
}

std::string PlanIdText(const PlanId& id) {
  return absl::StrCat(id.version.term, ".", id.version.sequence, " (", DigestHex(id.digest, 4),
                      ")");
}

}  // namespace ballast
