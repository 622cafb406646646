#include "core/load/load_average.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

#include "core/base/check.h"

namespace ballast {

LoadAverage::LoadAverage(int num_layers, int num_experts, const LoadWindowOptions& options)
    : options_(options) {
  BALLAST_CHECK(options.half_life_steps > 0);
  BALLAST_CHECK(options.half_life > absl::ZeroDuration());
  BALLAST_CHECK(options.window_batches >= 1);
  BALLAST_CHECK(options.batch_steps >= 1);
  BALLAST_CHECK(options.num_scenarios >= 0);
  estimate_.mean = LoadMatrix(num_layers, num_experts);
}

void LoadAverage::SetHalfLives(double steps, absl::Duration time) {
  BALLAST_CHECK(steps > 0);
  BALLAST_CHECK(time > absl::ZeroDuration());
  options_.half_life_steps = steps;
  options_.half_life = time;
}

void LoadAverage::AddBatch(LoadMatrix batch, std::uint64_t steps, absl::Duration time) {
  switch (options_.averaging) {
    case Averaging::kHalfLifeSteps:
      Blend(batch, static_cast<double>(steps) / options_.half_life_steps);
      break;
    case Averaging::kHalfLifeTime:
      Blend(batch, absl::FDivDuration(std::max(time, absl::Milliseconds(1)), options_.half_life));
      break;
    case Averaging::kPlain:
      window_.push_back(batch);
      if (static_cast<int>(window_.size()) > options_.window_batches) window_.pop_front();
      AverageWindow();
      break;
  }
  ++estimate_.batches;
  estimate_.scenarios.push_back(std::move(batch));
  if (static_cast<int>(estimate_.scenarios.size()) > options_.num_scenarios) {
    estimate_.scenarios.erase(estimate_.scenarios.begin());
  }
}

void LoadAverage::Blend(const LoadMatrix& batch, double half_lives) {
  // With alpha = 1 - 2^-half_lives and the weight so far W, the corrected mean moves
  // towards the batch by alpha / (W + alpha (1 - W)): by 1 for the first batch.
  const double alpha = -std::expm1(-half_lives * std::numbers::ln2);
  weight_ += alpha * (1 - weight_);
  const double pull = weight_ > 0 ? alpha / weight_ : 1.0;
  const absl::Span<const double> in = batch.values();
  const absl::Span<double> mean = estimate_.mean.mutable_values();
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = (1 - pull) * mean[i] + pull * in[i];
}

void LoadAverage::AverageWindow() {
  // Summed afresh, so that rounding does not pile up over the life of a daemon.
  const absl::Span<double> mean = estimate_.mean.mutable_values();
  std::fill(mean.begin(), mean.end(), 0.0);
  for (const LoadMatrix& batch : window_) {
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += batch.values()[i];
  }
  for (double& value : mean) value /= static_cast<double>(window_.size());
}

}  // namespace ballast
