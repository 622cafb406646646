#ifndef BALLAST_TESTS_LOAD_REPORT_BUILDER_H_
#define BALLAST_TESTS_LOAD_REPORT_BUILDER_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/load/load_report.h"
#include "core/model/placement_plan.h"

namespace ballast {

// A report of rank 0, incarnation 1, sequence 1, steps 1 to 10, unless told otherwise.
class ReportBuilder {
 public:
  explicit ReportBuilder(const PlanId& plan) {
    report_.rank = RankId(0);
    report_.incarnation = 1;
    report_.sequence = 1;
    report_.plan = plan;
    report_.step_first = 1;
    report_.step_last = 10;
  }

  ReportBuilder& Rank(int rank) { return report_.rank = RankId(rank), *this; }
  ReportBuilder& Incarnation(std::uint64_t value) { return report_.incarnation = value, *this; }
  ReportBuilder& Sequence(std::uint64_t value) { return report_.sequence = value, *this; }
  ReportBuilder& Bits(int bits) { return report_.counter_bits = bits, *this; }
  ReportBuilder& Experts() { return report_.form = ReportForm::kExpert, *this; }
  ReportBuilder& Steps(std::uint64_t first, std::uint64_t last) {
    report_.step_first = first;
    report_.step_last = last;
    return *this;
  }
  ReportBuilder& Counts(std::vector<std::uint64_t> counts) {
    report_.counts = std::move(counts);
    return *this;
  }

  LoadReport Build() const { return report_; }

 private:
  LoadReport report_;
};

// Some plan's name, another for each `sequence`.
inline PlanId OtherPlan(std::uint64_t sequence) {
  PlanId id{.version = {.term = 1, .sequence = sequence}};
  id.digest[0] = static_cast<std::uint8_t>(sequence);
  return id;
}

// The initial plan with the slots of every layer in reverse.
inline PlacementPlan ReversedPlan(const ModelShape& shape, const Topology& topology) {
  PlacementPlan plan = InitialPlan(shape, topology);
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    const auto begin = plan.expert_in_slot.begin() + layer * plan.num_slots;
    std::reverse(begin, begin + plan.num_slots);
  }
  SetEqualShares(shape, plan);
  return plan;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_LOAD_REPORT_BUILDER_H_
