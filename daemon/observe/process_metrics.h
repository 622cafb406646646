#ifndef BALLAST_DAEMON_OBSERVE_PROCESS_METRICS_H_
#define BALLAST_DAEMON_OBSERVE_PROCESS_METRICS_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace ballast {

// What the kernel knows of this process.
struct ProcessUsage {
  double cpu_seconds = 0;  // User and system, all threads.
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double start_unix_seconds = 0;
  double open_fds = 0;
  double max_fds = 0;  // Soft limit; infinite if there is none.
};

// What /proc/self/stat and the boot time of /proc/stat say, without the file descriptors.
// None if they are not of that form. `ticks_per_second` and `page_bytes`: sysconf().
std::optional<ProcessUsage> ParseProcStat(absl::string_view self_stat, absl::string_view stat,
                                          double ticks_per_second, double page_bytes);

// Of this process, now; none where there is no /proc. Thread-safe; some system calls.
std::optional<ProcessUsage> ReadProcessUsage();

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_PROCESS_METRICS_H_
