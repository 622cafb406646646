#ifndef BALLAST_CORE_LOAD_STEP_PROGRESS_H_
#define BALLAST_CORE_LOAD_STEP_PROGRESS_H_

#include <cstdint>
#include <vector>

#include "core/base/ids.h"

namespace ballast {

// How far the ranks of one EP group have come, on a scale that never goes back.
//
// The ranks of a group step together, so their last steps differ by what is on
// its way. A restarted worker may count from zero again: its steps are then moved
// up to the smallest last step of the other ranks, or to its own if that is
// higher, and go on from there. So the minimum neither falls nor waits for the
// worker to catch up. If such a worker takes over the count of the group later,
// its reports come closer to the others unmoved, and are no longer moved. Sums
// saturate.
//
// Not thread-safe: LoadWindow owns it. All calls are O(ranks) at most.
class StepProgress {
 public:
  explicit StepProgress(int num_ranks) : ranks_(num_ranks) {}

  // The newest report of `rank`: counters began with `step_first` and hold
  // everything up to `step_last`. `counted_from_start` says whether the picks of these
  // steps were counted, or only serve as a baseline.
  void Advance(RankId rank, std::uint64_t step_first, std::uint64_t step_last,
               bool counted_from_start);

  bool all_reported() const { return reported_ == static_cast<int>(ranks_.size()); }

  // Smallest last step over all ranks; 0 while a rank has never reported.
  std::uint64_t MinLastStep() const;

  // On the common scale; 0 while the rank has never reported.
  std::uint64_t LastStep(RankId rank) const { return ranks_[rank.value].last; }

  // The lower median of the last steps of the ranks that have reported; 0 if none has. O(ranks).
  std::uint64_t MedianLastStep() const;

  // Over all ranks, the step before the first one counted: where the first batch
  // begins. All ranks must have reported.
  std::uint64_t MinStart() const;
  std::uint64_t MaxStart() const;

 private:
  struct RankSteps {
    bool reported = false;
    std::uint64_t start = 0;
    std::uint64_t last = 0;  // On the common scale: offset + step_last.
    std::uint64_t offset = 0;
  };

  std::uint64_t MinOfOthers(RankId rank) const;

  std::vector<RankSteps> ranks_;
  int reported_ = 0;
  mutable std::vector<std::uint64_t> steps_;  // Scratch.
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_STEP_PROGRESS_H_
