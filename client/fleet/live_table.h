#ifndef BALLAST_CLIENT_FLEET_LIVE_TABLE_H_
#define BALLAST_CLIENT_FLEET_LIVE_TABLE_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/time/time.h"
#include "client/fleet/fleet_board.h"

namespace ballast {

// One line of the table. The imbalances are means since the line before.
struct TableLine {
  std::uint64_t step = 0;
  double imbalance_before = 1;
  double imbalance_after = 1;
  PlanVersion plan{};
  std::uint64_t digest_prefix = 0;
  std::uint64_t moved_slots = 0;
  int connected = 0;
  int workers = 0;
};

// STEP  BEFORE  AFTER  PLAN  MOVES  WORKERS, without line end.
std::string TableHeading();
std::string TableText(const TableLine& line);

// Shows a running fleet. On a terminal the last line is written anew once a second, and
// stays when the plan changes; otherwise a line comes every 50 steps, at most one a second.
//
// Not thread-safe: the parent's main thread owns it.
class LiveTable {
 public:
  LiveTable(std::FILE* out, int num_workers);

  // One more step was served.
  void Add(const StepRecord& record);
  // Writes a line if one is due. `uptime` as of a monotonic clock.
  void Refresh(const FleetBoard& board, absl::Duration uptime);
  // Ends the line on the terminal, so that other text can follow.
  void Finish();

 private:
  TableLine TakeLine(const FleetBoard& board);
  bool Due(absl::Duration uptime) const;

  std::FILE* const out_;
  const bool is_terminal_;
  const int num_workers_;
  int steps_since_line_ = 0;
  int lines_written_ = 0;
  double before_sum_ = 0;
  double after_sum_ = 0;
  StepRecord last_;
  PlanVersion plan_of_line_;
  absl::Duration line_at_ = -absl::InfiniteDuration();
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_LIVE_TABLE_H_
