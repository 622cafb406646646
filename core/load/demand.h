#ifndef BALLAST_CORE_LOAD_DEMAND_H_
#define BALLAST_CORE_LOAD_DEMAND_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/load/load_average.h"
#include "core/model/load_matrix.h"

namespace ballast {

// Who sends the load: picks per serving step of each row, [layer][row][expert]. Known where
// workers report picks sent. What a row does not find among its own replicas crosses rows.
// Safe for concurrent reads.
class Demand {
 public:
  Demand() = default;
  Demand(int num_layers, int num_rows, int num_experts)
      : num_rows_(num_rows), matrix_(num_layers * num_rows, num_experts) {}

  int num_layers() const { return num_rows_ == 0 ? 0 : matrix_.num_layers() / num_rows_; }
  int num_rows() const { return num_rows_; }
  int num_experts() const { return matrix_.num_experts(); }

  // [num_experts]. Arguments in range; valid while *this lives.
  absl::Span<const double> picks(LayerId layer, RowId row) const {
    return matrix_.layer(Index(layer, row));
  }
  absl::Span<double> mutable_picks(LayerId layer, RowId row) {
    return matrix_.mutable_values().subspan(
        static_cast<std::size_t>(Index(layer, row).value) * num_experts(), num_experts());
  }

  // Over all rows: the load. O(layers * rows * experts).
  LoadMatrix Load() const;

  // One layer for each (layer, row), layer-major: for averaging.
  const LoadMatrix& matrix() const { return matrix_; }
  LoadMatrix& mutable_matrix() { return matrix_; }

 private:
  LayerId Index(LayerId layer, RowId row) const {
    return LayerId(layer.value * num_rows_ + row.value);
  }

  int num_rows_ = 0;
  LoadMatrix matrix_;
};

// The demand of batches and its average, weighed like the load estimate. Takes no memory
// until something is added: 1.9 MB a copy for 58 x 16 x 256.
//
// Not thread-safe: LoadWindow owns it.
class DemandWindow {
 public:
  DemandWindow(int num_layers, int num_rows, int num_experts, const LoadWindowOptions& options);

  // The open batch, to add picks to.
  Demand& open();
  // Ends the open batch, which lasted `steps` >= 1. Returns its load in picks per step.
  LoadMatrix Close(std::uint64_t steps, absl::Duration time);
  // Drops what is open.
  void Clear();

  // Null before the first batch.
  const Demand* mean() const { return mean_.has_value() ? &*mean_ : nullptr; }

 private:
  const int num_layers_;
  const int num_rows_;
  const int num_experts_;
  LoadWindowOptions options_;
  std::optional<Demand> open_;
  std::optional<LoadAverage> average_;
  std::optional<Demand> mean_;
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_DEMAND_H_
