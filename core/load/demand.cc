#include "core/load/demand.h"

#include <algorithm>
#include <utility>

namespace ballast {

LoadMatrix Demand::Load() const {
  LoadMatrix load(num_layers(), num_experts());
  double* out = load.mutable_values().data();
  const std::size_t size = static_cast<std::size_t>(num_experts());
  for (int layer = 0; layer < num_layers(); ++layer, out += size) {
    for (int row = 0; row < num_rows_; ++row) {
      const double* in = picks(LayerId(layer), RowId(row)).data();
      for (std::size_t expert = 0; expert < size; ++expert) out[expert] += in[expert];
    }
  }
  return load;
}

DemandWindow::DemandWindow(int num_layers, int num_rows, int num_experts,
                           const LoadWindowOptions& options)
    : num_layers_(num_layers), num_rows_(num_rows), num_experts_(num_experts), options_(options) {
  options_.num_scenarios = 0;
}

Demand& DemandWindow::open() {
  if (!open_.has_value()) open_.emplace(num_layers_, num_rows_, num_experts_);
  return *open_;
}

LoadMatrix DemandWindow::Close(std::uint64_t steps, absl::Duration time) {
  Demand& batch = open();
  for (double& value : batch.mutable_matrix().mutable_values()) {
    value /= static_cast<double>(steps);
  }
  LoadMatrix load = batch.Load();
  if (!average_.has_value()) average_.emplace(num_layers_ * num_rows_, num_experts_, options_);
  average_->AddBatch(batch.matrix(), steps, time);
  if (!mean_.has_value()) mean_.emplace(num_layers_, num_rows_, num_experts_);
  mean_->mutable_matrix() = average_->estimate().mean;
  Clear();
  return load;
}

void DemandWindow::Clear() {
  if (!open_.has_value()) return;
  const absl::Span<double> values = open_->mutable_matrix().mutable_values();
  std::fill(values.begin(), values.end(), 0.0);
}

}  // namespace ballast
