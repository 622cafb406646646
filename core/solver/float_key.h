#ifndef BALLAST_CORE_SOLVER_FLOAT_KEY_H_
#define BALLAST_CORE_SOLVER_FLOAT_KEY_H_

#include <bit>
#include <cstdint>

namespace ballast {

// Floats >= 0 (infinity too, NaN not) order like their bits, so that one integer
// compare orders (load, index) pairs.

// Bits of `load`; -0 counts as 0.
inline std::uint32_t FloatBits(float load) { return std::bit_cast<std::uint32_t>(load + 0.0f); }

// Ascending by load, then by index.
inline std::uint64_t LightestKey(float load, std::uint32_t index) {
  return (std::uint64_t{FloatBits(load)} << 32) | index;
}

// Ascending by load, then by falling index: the largest key is the heaviest load
// with the lowest index.
inline std::uint64_t HeaviestKey(float load, std::uint32_t index) {
  return (std::uint64_t{FloatBits(load)} << 32) | ~index;
}

inline float LoadOfKey(std::uint64_t key) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32));
}
inline std::uint32_t IndexOfLightestKey(std::uint64_t key) {
  return static_cast<std::uint32_t>(key);
}
inline std::uint32_t IndexOfHeaviestKey(std::uint64_t key) {
  return ~static_cast<std::uint32_t>(key);
}

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_FLOAT_KEY_H_
