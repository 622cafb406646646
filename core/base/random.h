#ifndef BALLAST_CORE_BASE_RANDOM_H_
#define BALLAST_CORE_BASE_RANDOM_H_

#include <cstdint>

namespace ballast {

// splitmix64 (Steele, Lea, Flood 2014): 2^64 states, one per seed. Our own, so
// that a seed gives the same plan, trace and test on every standard library.
// Not thread-safe; cheap to copy.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // Uniform over all 64-bit values.
  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

  // Uniform in [0, bound); `bound` >= 1. The bias is below bound / 2^64.
  std::uint64_t Below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
  }

  // Uniform in (0, 1): ((x >> 11) + 0.5) * 2^-53, never 0, so a log is safe.
  double Uniform() { return (static_cast<double>(Next() >> 11) + 0.5) * 0x1.0p-53; }

  // Standard normal by Box and Muller; uses two draws.
  double Normal();

 private:
  __extension__ using Wide = unsigned __int128;

  std::uint64_t state_;
};

}  // namespace ballast

#endif  // BALLAST_CORE_BASE_RANDOM_H_
