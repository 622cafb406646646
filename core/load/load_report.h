#ifndef BALLAST_CORE_LOAD_LOAD_REPORT_H_
#define BALLAST_CORE_LOAD_LOAD_REPORT_H_

#include <cstdint>
#include <vector>

#include "core/base/ids.h"

namespace ballast {

enum class ReportForm {
  kSlot,    // Picks received per local slot: the default; nothing is counted twice.
  kExpert,  // Picks sent per logical expert, by the rank that routed them.
};

// Counters of one rank as it sent them. Cumulative since the plan named became
// active on that rank, so a lost, doubled or reordered report does no harm.
struct LoadReport {
  RankId rank;
  std::uint64_t incarnation = 0;  // Of the worker process.
  std::uint64_t sequence = 0;     // From 1, one more per report of an incarnation.
  PlanId plan;                    // The plan that was in force while counting.
  ReportForm form = ReportForm::kSlot;
  int counter_bits = 64;         // 32 or 64: counts are modulo 2^counter_bits.
  std::uint64_t step_first = 0;  // The step that the counters began with.
  std::uint64_t step_last = 0;   // The last step counted; step_first - 1 (modulo 2^64) if none.
  // Tokens that this rank routed in these steps, in either form, modulo 2^counter_bits like
  // the counts. 0: not told. kExpert: each layer sums to tokens * top_k. kSlot: the sum over
  // all ranks does, over the same steps.
  std::uint64_t tokens = 0;

  // kSlot: [num_layers * slots of the rank]; kExpert: [num_layers * num_experts].
  std::vector<std::uint64_t> counts;
};

// What became of one report. Everything but kAccepted leaves the loads unchanged.
enum class ReportOutcome {
  kAccepted,        // Its delta was counted.
  kBaseline,        // First sight of counters that began earlier: remembered, not counted.
  kDuplicate,       // Sequence seen before.
  kLate,            // Older than what the window already holds of this rank and plan.
  kUnknownPlan,     // Counted under a plan the window does not know.
  kReset,           // Counts or step went back within one incarnation and plan: new baseline.
  kOldIncarnation,  // From a process that was replaced, while the rank is covered.
  kImplausible,     // Well formed, and can not be true; LoadWindow::refusal() says why.
};
inline constexpr int kNumReportOutcomes = 8;

// Metric label: "accepted", "baseline", ... [a-z_]+.
const char* ReportOutcomeName(ReportOutcome outcome);

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_LOAD_REPORT_H_
