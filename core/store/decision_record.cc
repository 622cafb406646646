#include "core/store/decision_record.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace ballast {
namespace {

struct NamedNumber {
  const char* name;
  double value;
};

}  // namespace

absl::Status CheckDecision(const DecisionRecord& record) {
  if (record.ep_group.empty()) return absl::InvalidArgumentError("decision of no EP group");
  const NamedNumber numbers[] = {{"straggler_load_now", record.straggler_load_now},
                                 {"straggler_load_new", record.straggler_load_new},
                                 {"imbalance_now", record.imbalance_now},
                                 {"imbalance_new", record.imbalance_new},
                                 {"imbalance_initial", record.imbalance_initial},
                                 {"balancedness_now", record.balancedness_now},
                                 {"balancedness_new", record.balancedness_new},
                                 {"lower_bound", record.lower_bound},
                                 {"gain", record.gain},
                                 {"required_gain", record.required_gain},
                                 {"benefit_seconds", record.benefit_seconds},
                                 {"cost_seconds", record.cost_seconds},
                                 {"solve_milliseconds", record.solve_milliseconds}};
  for (const NamedNumber& number : numbers) {
    if (std::isfinite(number.value)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "EP group ", record.ep_group, ", decision: ", number.name, " is ", number.value));
  }
  const NamedNumber counts[] = {
      {"moved_slots", static_cast<double>(record.moved_slots)},
      {"same_row_bytes", static_cast<double>(record.same_row_bytes)},
      {"cross_row_bytes", static_cast<double>(record.cross_row_bytes)},
      {"busiest_rank_bytes", static_cast<double>(record.busiest_rank_bytes)}};
  for (const NamedNumber& count : counts) {
    if (count.value >= 0) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "EP group ", record.ep_group, ", decision: ", count.name, " ", count.value, " is below 0"));
  }
  return absl::OkStatus();
}

}  // namespace ballast
