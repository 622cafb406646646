#ifndef BALLAST_TESTS_BENCH_DAEMON_CHILD_H_
#define BALLAST_TESTS_BENCH_DAEMON_CHILD_H_

#include <signal.h>
#include <sys/types.h>

#include <string>

#include "tests/integration/daemon_process.h"

namespace ballast {

// A daemon for benchmarks. Its groups are named g0, g1, ...; each has 58 layers of 256 experts.
class DaemonChild : public DaemonProcess {
 public:
  struct Options {
    int groups = 1;
    int ranks = 128;
    int slots_per_rank = 3;
    std::string heartbeat_period = "1m";
    // A solve for each window that closes, adopted whatever it gains.
    std::string planning =
        "{solve_every_steps: 10, min_interval: 0s, min_gain: 0, min_batches: 1, "
        "moe_seconds_per_step: 1}";
  };

  // Returns once it is ready.
  explicit DaemonChild(const Options& options);
  ~DaemonChild() { End(SIGTERM); }
};

// CPU time of a process, user and system, and its resident memory.
double CpuSeconds(pid_t pid);
double RssMib(pid_t pid);

// The path of this program.
std::string OwnPath();

}  // namespace ballast

#endif  // BALLAST_TESTS_BENCH_DAEMON_CHILD_H_
