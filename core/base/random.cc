#include "core/base/random.h"

#include <cmath>
#include <numbers>

namespace ballast {

double Random::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(Uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

}  // namespace ballast
