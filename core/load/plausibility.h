#ifndef BALLAST_CORE_LOAD_PLAUSIBILITY_H_
#define BALLAST_CORE_LOAD_PLAUSIBILITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/load/load_report.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"

namespace ballast {

// What can not be true of a report although it is well formed. Engines have counted their
// own experts only, the whole group's load once per rank, padding, or steps that never were;
// each would make a plan for a load that nobody has. All limits are chosen wide: a hot
// expert is 3 to 13 times the mean of one layer, and far less over all layers of a rank.
struct PlausibilityLimits {
  // Picks received per step by one rank, over the median of the others, both averaged with
  // a half-life of so many steps: one prefill may well be 64 times a decode step.
  static constexpr double kFarAbove = 16;
  static constexpr double kHalfLifeSteps = 100;
  // Ranks that must have reported before one is compared with them.
  static constexpr int kMinOthers = 3;
  // Picks of a report below which nothing is concluded from their distribution.
  static constexpr std::uint64_t kMinPicks = 1000;
  // Largest over smallest sum of a layer: each token makes top-k picks in every layer. Dropped
  // tokens are fewer than this; a layer counted twice is 2. Layers without a pick were not
  // measured.
  static constexpr double kLayerSpread = 1.5;
  // Steps between two reports, with 10,000 more for each second between them.
  static constexpr std::uint64_t kStepJump = 1000000;
  static constexpr std::uint64_t kStepsPerSecond = 10000;
  // Steps between a rank and the median rank. They step together, so what is between their
  // reports is one report period.
  static constexpr std::uint64_t kDrift = 10000;
};

// What one accepted report would add.
struct ReportGain {
  absl::Span<const std::uint64_t> picks;  // As LoadReport::counts.
  std::uint64_t tokens = 0;               // 0: not told.
  std::uint64_t steps = 1;                // 0: within a step.
  // [num_layers * num_slots] of the plan it was counted under; null if that is not known.
  const std::vector<ExpertId>* expert_in_slot = nullptr;
};

// Judges reports against each other. Not thread-safe: LoadWindow owns it.
class Plausibility {
 public:
  // `shape` and `topology` must outlive it.
  Plausibility(const ModelShape& shape, const Topology& topology);

  // Empty if the gain of `rank` can be true, else why not, with rank and values.
  // O(counts + ranks).
  std::string Judge(RankId rank, ReportForm form, const ReportGain& gain);

 private:
  std::string JudgeReceived(RankId rank, const ReportGain& gain);
  std::string JudgeSent(RankId rank, const ReportGain& gain) const;
  std::string JudgeSums(RankId rank, const ReportGain& gain) const;
  bool OwnExpertsOnly(RankId rank, const ReportGain& gain) const;

  const ModelShape& shape_;
  const Topology& topology_;
  std::vector<double> picks_per_step_;  // [num_ranks], averaged; negative: none yet. Received.
  std::vector<double> others_;          // Scratch.
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_PLAUSIBILITY_H_
