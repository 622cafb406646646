#include "tests/bench/daemon_child.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace ballast {
namespace {

std::string Program() {
  const std::string self = OwnPath();
  return self.substr(0, self.rfind('/')) + "/ballastd";
}

}  // namespace

DaemonChild::DaemonChild(const Options& options)
    : folder_(MakeTempFolder("bench")), grpc_port_(FreePort()), http_port_(FreePort()) {
  std::ofstream config(folder_ + "/ballastd.yaml");
  config << "grpc: {listen: \"127.0.0.1:" << grpc_port_ << "\"}\n"
         << "http: {listen: \"127.0.0.1:" << http_port_ << "\"}\n"
         << "store: {path: \"" << folder_ << "/ballast.db\"}\n"
         << "session: {heartbeat_period: " << options.heartbeat_period
         << ", report_period: 100ms}\n"
         << "load: {averaging: plain, window_batches: 1, batch_steps: 10, scenarios: 0}\n"
         << "planning: {" << options.planning << "}\ngroups:\n";
  for (int group = 0; group < options.groups; ++group) {
    config << "  - name: g" << group << "\n    model: {layers: 58, experts: 256, top_k: 8, "
           << "expert_bytes: 1}\n    ranks: " << options.ranks
           << "\n    row_size: 8\n    slots_per_rank: " << options.slots_per_rank << "\n";
  }
  config.close();
  Launch();
  BALLAST_CHECK(child_->WaitForErr("event=daemon.ready", 30));
}

DaemonChild::~DaemonChild() {
  child_->Signal(SIGTERM);
  child_->Wait(20);
  std::filesystem::remove_all(folder_);
}

void DaemonChild::Launch() {
  child_ = ChildProcess::Start({Program(), "--config", folder_ + "/ballastd.yaml"},
                               folder_ + "/ballastd");
}

void DaemonChild::Kill() {
  child_->Signal(SIGKILL);
  BALLAST_CHECK(child_->Wait(20) == 128 + SIGKILL);
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
