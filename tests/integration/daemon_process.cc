#include "tests/integration/daemon_process.h"

#include <signal.h>

#include <fstream>

#include "absl/strings/str_cat.h"

namespace ballast {

DaemonProcess::DaemonProcess(const std::string& name, const DaemonConfig& config)
    : config_(config), folder_(name) {
  std::ofstream(ConfigFile()) << config.Text(grpc_port(), http_port(), folder());
}

std::vector<std::string> DaemonProcess::CommandLine(const std::vector<std::string>& words) const {
  std::vector<std::string> line = {"/usr/bin/env"};
  line.insert(line.end(), env_words_.begin(), env_words_.end());
  line.insert(line.end(), {BALLAST_BINARY_DIR "/ballastd", "--config", ConfigFile()});
  line.insert(line.end(), words.begin(), words.end());
  return line;
}

void DaemonProcess::Launch(const std::vector<std::string>& words) {
  process_ = ChildProcess::Start(CommandLine(words), File("ballastd"));
}

bool DaemonProcess::Start(const std::vector<std::string>& words) {
  const std::size_t offset = Log().size();
  Launch(words);
  return AwaitInLog("event=daemon.ready", 1, offset);
}

std::unique_ptr<ChildProcess> DaemonProcess::LaunchOther(const std::vector<std::string>& words) {
  return ChildProcess::Start(CommandLine(words), File(absl::StrCat("other", ++others_)));
}

bool DaemonProcess::Kill() { return End(SIGKILL) == 128 + SIGKILL; }

int DaemonProcess::CountInLog(const std::string& text, std::size_t offset) const {
  const std::string log = Log();
  int count = 0;
  for (std::size_t at = offset; (at = log.find(text, at)) != std::string::npos; ++at) ++count;
  return count;
}

bool DaemonProcess::AwaitInLog(const std::string& text, int count, std::size_t offset) const {
  const auto found = [&] { return CountInLog(text, offset) >= count; };
  AwaitCondition([&] { return !running() || found(); });
  return found();
}

std::string DaemonProcess::Address() const { return absl::StrCat("127.0.0.1:", grpc_port()); }

}  // namespace ballast
