#ifndef BALLAST_TESTS_INTEGRATION_DAEMON_PROCESS_H_
#define BALLAST_TESTS_INTEGRATION_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/base/temp_folder.h"
#include "tests/integration/child_process.h"
#include "tests/integration/daemon_config.h"

namespace ballast {

// A real ballastd in a process of its own, with a folder for all its files and two ports of
// loopback that stay its own, also over a restart. Not running at first; killed when it goes out
// of scope, and its folder removed (see TempFolder). Not thread-safe.
class DaemonProcess {
 public:
  // `name` is part of the folder's.
  explicit DaemonProcess(const std::string& name, const DaemonConfig& config = {});

  // Starts it, with `words` behind those that name the configuration.
  void Launch(const std::vector<std::string>& words = {});
  // The same, and waits until it is ready; false if it ends before.
  [[nodiscard]] bool Start(const std::vector<std::string>& words = {});
  // Words for env(1) before the program, for what is started from now on: variables as
  // NAME=VALUE, then, where need be, a program that runs it with its arguments.
  void RunUnder(const std::vector<std::string>& words) { env_words_ = words; }
  // Another daemon on the same configuration, which is not this one; it has a log of its own.
  std::unique_ptr<ChildProcess> LaunchOther(const std::vector<std::string>& words = {});

  // Of the newest process that was started.
  void Signal(int signal) { process_->Signal(signal); }
  std::optional<int> Wait() { return process_->Wait(); }
  std::optional<int> End(int signal) { return process_->End(signal); }
  [[nodiscard]] bool Kill();  // kill -9; whether that is what it died of.
  bool running() const { return process_->running(); }
  pid_t pid() const { return process_->pid(); }

  // The log of all its processes, oldest first.
  std::string Log() const { return ReadFile(File("ballastd.err")); }
  // Occurrences of the text in it from `offset` on.
  int CountInLog(const std::string& text, std::size_t offset = 0) const;
  // Waits for so many of them; false if they have not come when the process ends.
  [[nodiscard]] bool AwaitInLog(const std::string& text, int count = 1,
                                std::size_t offset = 0) const;

  // Answer, headers included, of its HTTP server.
  std::string Http(const std::string& path) const { return HttpGet(http_port(), path); }
  std::string Metrics() const { return Http("/metrics"); }

  const DaemonConfig& config() const { return config_; }
  std::string ConfigFile() const { return File("ballastd.yaml"); }
  const std::string& folder() const { return folder_.path(); }
  std::string File(const std::string& name) const { return folder_.File(name); }
  std::string Address() const;  // For workers and ballastctl.
  int grpc_port() const { return grpc_.port(); }
  int http_port() const { return http_.port(); }

 private:
  std::vector<std::string> CommandLine(const std::vector<std::string>& words) const;

  const DaemonConfig config_;
  const TempFolder folder_;
  const ReservedPort grpc_;
  const ReservedPort http_;
  std::vector<std::string> env_words_;
  int others_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_DAEMON_PROCESS_H_
