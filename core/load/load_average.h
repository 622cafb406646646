#ifndef BALLAST_CORE_LOAD_LOAD_AVERAGE_H_
#define BALLAST_CORE_LOAD_LOAD_AVERAGE_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "core/load/load_report.h"
#include "core/model/load_matrix.h"

namespace ballast {

enum class Averaging {
  kHalfLifeSteps,  // EWMA; the weight of a batch halves every half_life_steps.
  kHalfLifeTime,   // EWMA; it halves every half_life.
  kPlain,          // Mean of the last window_batches batches.
};

struct LoadWindowOptions {
  Averaging averaging = Averaging::kHalfLifeSteps;
  double half_life_steps = 1000;                   // > 0
  absl::Duration half_life = absl::Minutes(2);     // > 0
  int window_batches = 20;                         // >= 1
  std::uint64_t batch_steps = 10;                  // Steps in one batch; >= 1.
  int num_scenarios = 10;                          // Snapshots kept; >= 0.
  absl::Duration stale_after = absl::Seconds(30);  // A rank silent for longer is not covered.
};

struct LoadEstimate {
  LoadMatrix mean;                    // Picks per serving step of the whole group.
  std::vector<LoadMatrix> scenarios;  // The last batches, oldest first, picks per step.
  std::uint64_t batches = 0;          // Closed since the window began; idle ones do not count.
};

// Averages closed batches and keeps the last of them. The half-life averages are
// corrected for their start, so that the first batch is the estimate itself and
// the weights of all batches always sum to 1.
//
// Not thread-safe: LoadWindow owns it.
class LoadAverage {
 public:
  LoadAverage(int num_layers, int num_experts, const LoadWindowOptions& options);

  // Takes one batch, in picks per step, that lasted `steps` >= 1 and `time` >= 0. A
  // half-life in time counts at least a millisecond of it, so that batches closed
  // at one moment still weigh something.
  void AddBatch(LoadMatrix batch, std::uint64_t steps, absl::Duration time);

  // The half-lives of the batches to come; > 0, checked in all builds.
  void SetHalfLives(double steps, absl::Duration time);

  const LoadEstimate& estimate() const { return estimate_; }

 private:
  void Blend(const LoadMatrix& batch, double half_lives);
  void AverageWindow();

  LoadWindowOptions options_;
  LoadEstimate estimate_;
  double weight_ = 0;              // Of all batches so far, 1 - 2^-(half-lives passed).
  std::deque<LoadMatrix> window_;  // kPlain: the last window_batches, oldest first.
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_LOAD_AVERAGE_H_
