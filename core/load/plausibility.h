#ifndef BALLAST_CORE_LOAD_PLAUSIBILITY_H_
#define BALLAST_CORE_LOAD_PLAUSIBILITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/load/load_report.h"
#include "core/load/plausibility_limits.h"
#include "core/load/rate_check.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"

namespace ballast {

// What one accepted report would add.
struct ReportGain {
  absl::Span<const std::uint64_t> picks;  // As LoadReport::counts.
  std::uint64_t tokens = 0;               // 0: not told.
  std::uint64_t step_first = 0;           // As LoadReport::step_first.
  std::uint64_t steps = 1;                // As the rank counts; 0: within a step.
  std::uint64_t group_step = 0;           // Last step of the median rank.
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

  // The counters of `rank` are known from here on; what they gained before is not.
  void Begin(RankId rank, ReportForm form, std::uint64_t group_step);

  // Whether a batch that ends now has picks of a rank that may not be true, although no
  // report was refused: it is too early to tell whose fault it is. O(ranks).
  bool BatchIsDoubtful(ReportForm form, std::uint64_t group_step) const {
    return (form == ReportForm::kSlot ? received_ : sent_).AnyFarAbove(group_step);
  }

 private:
  std::string JudgeReceived(RankId rank, const ReportGain& gain);
  std::string JudgeSent(RankId rank, const ReportGain& gain);
  std::string JudgeSums(RankId rank, const ReportGain& gain) const;
  bool OwnExpertsOnly(RankId rank, const ReportGain& gain) const;

  const ModelShape& shape_;
  const Topology& topology_;
  RateCheck received_;
  RateCheck sent_;
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_PLAUSIBILITY_H_
