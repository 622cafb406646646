#include "client/fleet/fleet_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"

namespace ballast {

std::string FleetSummary::Json() const {
  nlohmann::json document = {
      {"steps", steps},
      {"plans_activated", plans_activated},
      {"workers", workers},
      {"imbalance_before", imbalance_before},
      {"imbalance_after", imbalance_after},
      {"moved_slots", moved_slots},
      {"planner", planner},
  };
  if (returns > 0) document["returns"] = returns;
  return document.dump();
}

std::string FleetSummary::Text() const {
  return absl::StrFormat(
      "%u steps, %u plans activated by all workers, %u slots moved, planner %s\n"
      "imbalance (max/mean of the rank load) over the last fifth of the steps:\n"
      "  initial plan  %.3f\n  as served     %.3f\n",
      steps, plans_activated, moved_slots, planner.empty() ? "unknown" : planner, imbalance_before,
      imbalance_after);
}

void LastFifth::Add(const StepRecord& record) {
  ++num_steps_;
  kept_.push_back(record);
  const std::size_t fifth = (num_steps_ + 4) / 5;
  while (kept_.size() > std::min(fifth, kMaxKept)) kept_.pop_front();
}

void LastFifth::FillIn(FleetSummary* summary) const {
  summary->steps = num_steps_;
  if (kept_.empty()) return;
  double before = 0;
  double after = 0;
  for (const StepRecord& record : kept_) {
    before += record.imbalance_before;
    after += record.imbalance_after;
  }
  summary->imbalance_before = before / static_cast<double>(kept_.size());
  summary->imbalance_after = after / static_cast<double>(kept_.size());
}

}  // namespace ballast
