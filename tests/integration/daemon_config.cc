#include "tests/integration/daemon_config.h"

#include "absl/strings/str_cat.h"

namespace ballast {

TestGroup TestGroup::Of4(const std::string& name) {
  return {.name = name, .ranks = 4, .row_size = 2, .slots_per_rank = 10};
}

DaemonConfig DaemonConfig::Eager(int solve_every_steps) {
  DaemonConfig config;
  config.session = "{heartbeat_period: 200ms, report_period: 20ms}";
  config.load = "{batch_steps: 5, half_life_steps: 5}";
  config.planning = absl::StrCat("\n  solve_every_steps: ", solve_every_steps,
                                 "\n  min_interval: 0s"
                                 "\n  min_gain: 0"
                                 "\n  min_batches: 1"
                                 "\n  moe_seconds_per_step: 100");
  return config;
}

std::string DaemonConfig::Text(int grpc_port, int http_port, const std::string& folder) const {
  std::string text = absl::StrCat("grpc: {listen: \"127.0.0.1:", grpc_port,
                                  "\"}\nhttp: {listen: \"127.0.0.1:", http_port, "\"}\n");
  if (store.empty()) {
    absl::StrAppend(&text, "store: {kind: memory}\n");
  } else {
    absl::StrAppend(&text, "store: {path: \"", folder, "/", store, "\"}\n");
  }
  absl::StrAppend(&text, "session: ", session, "\nload: ", load, "\nplanning: ", planning, "\n",
                  more, "groups:\n");
  for (const TestGroup& group : groups) {
    absl::StrAppend(&text, "  - name: ", group.name, "\n    model: ", group.model,
                    "\n    ranks: ", group.ranks, "\n    row_size: ", group.row_size,
                    "\n    slots_per_rank: ", group.slots_per_rank, "\n");
  }
  return text;
}

}  // namespace ballast
