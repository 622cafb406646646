#include "tests/bench/daemon_child.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace ballast {
namespace {

DaemonConfig ConfigOf(const DaemonChild::Options& options) {
  DaemonConfig config = {
      .session =
          absl::StrCat("{heartbeat_period: ", options.heartbeat_period, ", report_period: 100ms}"),
      .load = "{averaging: plain, window_batches: 1, batch_steps: 10, scenarios: 0}",
      .planning = options.planning,
      .groups = {}};
  for (int group = 0; group < options.groups; ++group) {
    config.groups.push_back({.name = absl::StrCat("g", group),
                             .model = "{layers: 58, experts: 256, top_k: 8, expert_bytes: 1}",
                             .ranks = options.ranks,
                             .row_size = 8,
                             .slots_per_rank = options.slots_per_rank});
  }
  return config;
}

}  // namespace

DaemonChild::DaemonChild(const Options& options) : DaemonProcess("bench", ConfigOf(options)) {
  BALLAST_CHECK(Start());
}

double CpuSeconds(pid_t pid) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double RssMib(pid_t pid) {
  const std::string status = ReadFile(absl::StrCat("/proc/", pid, "/status"));
  return std::strtod(status.c_str() + status.find("VmRSS:") + 6, nullptr) / 1024;
}

std::string OwnPath() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  BALLAST_CHECK(size > 0);
  return std::string(path, static_cast<std::size_t>(size));
}

}  // namespace ballast
