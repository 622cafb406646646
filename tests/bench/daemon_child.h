#ifndef BALLAST_TESTS_BENCH_DAEMON_CHILD_H_
#define BALLAST_TESTS_BENCH_DAEMON_CHILD_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "tests/integration/child_process.h"

namespace ballast {

// A real ballastd in a process of its own, with its store, for benchmarks. Its groups are
// named g0, g1, ...; each has 58 layers of 256 experts.
class DaemonChild {
 public:
  struct Options {
    int groups = 1;
    int ranks = 128;
    int slots_per_rank = 3;
    std::string heartbeat_period = "1m";
    // A solve for each window that closes, adopted whatever it gains.
    std::string planning =
        "solve_every_steps: 10, min_interval: 0s, min_gain: 0, min_batches: 1, "
        "moe_seconds_per_step: 1";
  };

  // Returns once it is ready. The program lies beside the one that runs.
  explicit DaemonChild(const Options& options);
  // Ends it, and removes its files.
  ~DaemonChild();

  void Launch();  // After Kill(); does not wait.
  void Kill();    // kill -9, and waits for the end.
  void Signal(int signal) { child_->Signal(signal); }

  int grpc_port() const { return grpc_port_; }
  std::string Metrics() const { return HttpGet(http_port_, "/metrics"); }
  pid_t pid() const { return child_->pid(); }

 private:
  std::string folder_;
  int grpc_port_ = 0;
  int http_port_ = 0;
  std::unique_ptr<ChildProcess> child_;
};

// CPU time of a process, user and system, and its resident memory.
double CpuSeconds(pid_t pid);
double RssMib(pid_t pid);

// The path of this program.
std::string OwnPath();

}  // namespace ballast

#endif  // BALLAST_TESTS_BENCH_DAEMON_CHILD_H_
