#ifndef BALLAST_CLIENT_WORKER_REPORT_SCHEDULE_H_
#define BALLAST_CLIENT_WORKER_REPORT_SCHEDULE_H_

#include "absl/time/time.h"

namespace ballast {

// How long to wait, at wall time `wall`, for the next report of `period` > 0: until the next
// multiple of the period on the wall clock, or the one after it where that is nearer than a
// quarter of a period. In [period / 4, 5/4 period).
//
// Workers whose clocks agree thus report together, also after restarts: ranks in lockstep
// report the same step, and the daemon takes the reports of a group in a few wakeups. A bare
// gRPC server that reads 128 streams at 10 messages a second needs 2.5 % of a core where they
// come together and 7.4 % where they are spread evenly (docs/decisions/0005-report-phase.md).
// Where clocks disagree, that saving is all that is lost.
inline absl::Duration UntilNextReport(absl::Time wall, absl::Duration period) {
  const absl::Duration since_epoch = wall - absl::UnixEpoch();
  const absl::Duration wait = absl::Floor(since_epoch, period) + period - since_epoch;
  return wait < period / 4 ? wait + period : wait;
}

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_REPORT_SCHEDULE_H_
