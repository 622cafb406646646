#ifndef BALLAST_CLIENT_FLEET_FLEET_SUMMARY_H_
#define BALLAST_CLIENT_FLEET_FLEET_SUMMARY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "client/fleet/fleet_board.h"

namespace ballast {

// What a run came to; the keys of its JSON are a contract (INTERFACES of the project).
struct FleetSummary {
  std::uint64_t steps = 0;
  std::uint64_t plans_activated = 0;  // By all workers.
  int workers = 0;                    // Connected to the daemon at the end.
  double imbalance_before = 1;        // Mean over the last fifth of the steps, and layers.
  double imbalance_after = 1;
  std::uint64_t moved_slots = 0;
  std::uint64_t returns = 0;  // Of workers that were lost. In the JSON only if there are any.
  std::string planner = {};   // As the daemon says; empty: it was not reached.

  // A plan was activated by all workers, and the balance is better for it.
  bool improved() const { return plans_activated > 0 && imbalance_after < imbalance_before; }

  // One line, no line end.
  std::string Json() const;
  // For people, a few lines.
  std::string Text() const;
};

// Averages the imbalance over the last fifth of all steps, at least one step. It keeps
// the last kMaxKept steps only, which then are what a very long run is judged by.
class LastFifth {
 public:
  static constexpr std::size_t kMaxKept = 200000;

  void Add(const StepRecord& record);
  std::uint64_t num_steps() const { return num_steps_; }
  // Sets the two imbalances and `steps`; leaves them alone before the first step.
  void FillIn(FleetSummary* summary) const;

 private:
  std::uint64_t num_steps_ = 0;
  std::deque<StepRecord> kept_;  // The last fifth, rounded up.
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_FLEET_SUMMARY_H_
