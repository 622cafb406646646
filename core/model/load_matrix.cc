#include "core/model/load_matrix.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace ballast {
namespace {

const char* Fault(double value) {
  if (std::isnan(value)) return "is not a number";
  if (std::isinf(value)) return "is infinite";
  if (value < 0) return "is negative";
  if (value > static_cast<double>(std::numeric_limits<float>::max())) {
    return "is above the largest float32";
  }
  return nullptr;
}

}  // namespace

absl::Status CheckLoad(const LoadMatrix& load) {
  for (int layer = 0; layer < load.num_layers(); ++layer) {
    const absl::Span<const double> row = load.layer(LayerId(layer));
    for (int expert = 0; expert < load.num_experts(); ++expert) {
      if (const char* fault = Fault(row[expert])) {
        return absl::InvalidArgumentError(absl::StrCat("layer ", layer, ", expert ", expert,
                                                       ": weight ", row[expert], " ", fault));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace ballast
