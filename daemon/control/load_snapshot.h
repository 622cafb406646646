#ifndef BALLAST_DAEMON_CONTROL_LOAD_SNAPSHOT_H_
#define BALLAST_DAEMON_CONTROL_LOAD_SNAPSHOT_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "core/model/load_matrix.h"

namespace ballast {

// What a group's load window held when its last batch was closed. Picks per serving
// step of the whole group. Immutable, shared by all who ask.
struct LoadSnapshot {
  std::uint64_t batches = 0;  // >= 1
  std::uint64_t step = 0;     // Smallest last step over the ranks.
  absl::Duration closed;      // Uptime.
  LoadMatrix mean;            // The estimate.
  LoadMatrix last_batch;      // 0 x 0 if the window keeps no batches.
  // [num_layers * num_ranks], received in the last batch; empty before a slot report.
  std::vector<double> measured;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_LOAD_SNAPSHOT_H_
