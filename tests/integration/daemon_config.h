#ifndef BALLAST_TESTS_INTEGRATION_DAEMON_CONFIG_H_
#define BALLAST_TESTS_INTEGRATION_DAEMON_CONFIG_H_

#include <string>
#include <vector>

namespace ballast {

// An EP group of a configuration; by default of the bundled trace (24 layers x 32 experts).
struct TestGroup {
  std::string name = "demo";
  std::string model = "{layers: 24, experts: 32, top_k: 4, expert_bytes: 13219200}";
  int ranks = 16;
  int row_size = 4;
  int slots_per_rank = 3;

  // The same model on 4 ranks.
  static TestGroup Of4(const std::string& name);
};

// What the daemon of a test is configured with: the text behind each key, in YAML. By default
// 16 workers get a plan within seconds.
struct DaemonConfig {
  std::string store = "ballast.db";  // In the daemon's folder; "": in memory.
  std::string session = "{heartbeat_period: 200ms, report_period: 50ms}";
  std::string load = "{batch_steps: 10, half_life_steps: 100}";
  std::string planning = "{solve_every_steps: 60, min_interval: 100ms, moe_seconds_per_step: 0.02}";
  std::vector<TestGroup> groups = {TestGroup()};
  std::string more = {};  // Further sections, whole lines.

  // Solves each `solve_every_steps` and adopts whatever is better, so that one plan follows the
  // other.
  static DaemonConfig Eager(int solve_every_steps = 10);

  // The file of a daemon with these ports of loopback and this folder.
  std::string Text(int grpc_port, int http_port, const std::string& folder) const;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_DAEMON_CONFIG_H_
