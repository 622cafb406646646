#ifndef BALLAST_PROTO_WIRE_LITTLE_ENDIAN_H_
#define BALLAST_PROTO_WIRE_LITTLE_ENDIAN_H_

// Arrays of integers as little-endian blobs. On a little-endian machine every
// function is one copy or one widening loop.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace ballast {

// Writes `value` at `bytes`, lowest byte first.
template <std::unsigned_integral T>
inline void StoreLittleEndian(T value, char* bytes) {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(bytes, &value, sizeof(T));
  } else {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bytes[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
    }
  }
}

template <std::unsigned_integral T>
inline T LoadLittleEndian(const char* bytes) {
  T value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, bytes, sizeof(T));
  } else {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>(value | (T{static_cast<unsigned char>(bytes[i])} << (8 * i)));
    }
  }
  return value;
}

}  // namespace ballast

#endif  // BALLAST_PROTO_WIRE_LITTLE_ENDIAN_H_
