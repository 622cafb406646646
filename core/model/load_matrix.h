#ifndef BALLAST_CORE_MODEL_LOAD_MATRIX_H_
#define BALLAST_CORE_MODEL_LOAD_MATRIX_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/ids.h"

namespace ballast {

// Load of each logical expert: a dense matrix [layer][expert], row-major.
//
// Unit: picks (one token sent to one expert), over whatever span the owner says:
// per serving step in estimates, over a window in the JSON of `ballastctl solve`.
// Balance does not depend on it. Values must be finite and >= 0; CheckLoad()
// tells. A copy costs num_layers * num_experts doubles (116 KiB for 58 x 256).
// Safe for concurrent reads.
class LoadMatrix {
 public:
  LoadMatrix() = default;
  LoadMatrix(int num_layers, int num_experts)
      : num_layers_(num_layers),
        num_experts_(num_experts),
        values_(static_cast<std::size_t>(num_layers) * num_experts) {}

  int num_layers() const { return num_layers_; }
  int num_experts() const { return num_experts_; }

  // Arguments in range, as with all accessors; not checked.
  double at(LayerId layer, ExpertId expert) const { return values_[Offset(layer) + expert.value]; }
  void Set(LayerId layer, ExpertId expert, double picks) {
    values_[Offset(layer) + expert.value] = picks;
  }
  void Add(LayerId layer, ExpertId expert, double picks) {
    values_[Offset(layer) + expert.value] += picks;
  }

  // All experts of a layer, in ExpertId order. Valid while *this lives.
  absl::Span<const double> layer(LayerId layer) const {
    return absl::MakeConstSpan(values_).subspan(Offset(layer), num_experts_);
  }

  // [num_layers * num_experts], row-major.
  absl::Span<const double> values() const { return values_; }
  absl::Span<double> mutable_values() { return absl::MakeSpan(values_); }

  friend bool operator==(const LoadMatrix&, const LoadMatrix&) = default;

 private:
  std::size_t Offset(LayerId layer) const {
    return static_cast<std::size_t>(layer.value) * num_experts_;
  }

  int num_layers_ = 0;
  int num_experts_ = 0;
  std::vector<double> values_;  // [num_layers * num_experts]
};

// InvalidArgument, naming layer, expert and value, if a value is NaN, infinite,
// negative (-0 is fine) or above the largest float32: planners compute in float32.
absl::Status CheckLoad(const LoadMatrix& load);

}  // namespace ballast

#endif  // BALLAST_CORE_MODEL_LOAD_MATRIX_H_
