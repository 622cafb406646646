#ifndef BALLAST_CORE_LOAD_RANK_COUNTERS_H_
#define BALLAST_CORE_LOAD_RANK_COUNTERS_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/base/ids.h"
#include "core/load/load_report.h"

namespace ballast {

// The sequence numbers seen of one incarnation: the newest and the 63 below it.
class SequenceWindow {
 public:
  static constexpr std::uint64_t kWidth = 64;  // Chosen: a minute of reports at one a second.

  // 0 before the first Mark().
  std::uint64_t newest() const { return newest_; }

  // Below the window: nobody can tell any more whether it was seen.
  bool TooOld(std::uint64_t sequence) const {
    return newest_ >= kWidth && sequence <= newest_ - kWidth;
  }

  // False for a sequence that is too old.
  bool Seen(std::uint64_t sequence) const;

  // `sequence` must be >= 1; no effect if it is too old.
  void Mark(std::uint64_t sequence);

 private:
  std::uint64_t newest_ = 0;
  std::uint64_t seen_ = 0;  // Bit i: newest_ - i was seen.
};

// Turns the cumulative reports of one rank into deltas, each pick at most once.
//
// A worker activates a plan at most once in its life, so within one incarnation
// the reports of a plan are one run of sequences. This is what makes the
// accounting exact with two plans kept: whatever belongs to a plan that was
// dropped comes from before the runs that are kept.
//
// Not thread-safe: LoadWindow owns it.
class RankCounters {
 public:
  struct Taken {
    ReportOutcome outcome = ReportOutcome::kAccepted;
    bool new_incarnation = false;  // The first report of a process.
    bool newest = false;           // No report of this process has a higher sequence.
    bool from_zero = false;        // Counters began with the plan; the delta is all of them.
    std::uint64_t tokens = 0;      // Gained, where told; with kAccepted.
    std::uint64_t steps = 0;       // Gained, with kAccepted.
    bool step_went_back = false;   // Why it is kReset, where the counts did not.
  };

  // Files the report, which must be valid, and with kAccepted writes its delta
  // to `delta`: [counts of the report]. `plan_known` says whether the counts
  // can be attributed; if not they are remembered, so that they are never
  // taken for picks of a later report. `report.counts` is traded for a used
  // buffer: its content is unspecified afterwards. O(counts).
  // `may_return`: nobody speaks for the rank any more, so a process that was replaced is taken
  // back, with a baseline, by a report newer than those that it was known by.
  Taken Take(LoadReport& report, bool plan_known, bool may_return,
             std::vector<std::uint64_t>& delta);

 private:
  static constexpr int kPlansKept = 2;     // The plan in force and the one before.
  static constexpr int kReplacedKept = 8;  // Chosen: restarts within one report's delay.

  // Last counts taken of one plan.
  struct PlanCounts {
    PlanId plan;
    ReportForm form = ReportForm::kSlot;
    int counter_bits = 64;
    std::uint64_t newest_sequence = 0;
    std::uint64_t tokens = 0;
    std::uint64_t step_last = 0;
    std::vector<std::uint64_t> counts;
  };

  struct Incarnation {
    std::uint64_t id = 0;
    std::uint64_t newest_sequence = 0;
  };

  const Incarnation* FindReplaced(std::uint64_t incarnation) const;
  void Replace(std::uint64_t incarnation);
  PlanCounts* Find(const PlanId& plan);
  void Remember(LoadReport& report);
  static ReportOutcome Delta(const PlanCounts& last, const LoadReport& report,
                             std::vector<std::uint64_t>& delta);

  std::optional<std::uint64_t> incarnation_;
  std::deque<Incarnation> replaced_;  // Newest last.
  SequenceWindow sequences_;
  std::uint64_t first_sequence_ = 0;  // Smallest seen of this incarnation.
  std::uint64_t horizon_ = 0;         // Unknown plans below this sequence were dropped.
  std::vector<PlanCounts> plans_;     // By newest_sequence, ascending; at most kPlansKept.
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_RANK_COUNTERS_H_
