#ifndef BALLAST_TESTS_INTEGRATION_PROCESS_LINE_H_
#define BALLAST_TESTS_INTEGRATION_PROCESS_LINE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/integration/child_process.h"

namespace ballast {

// A daemon on a store, and fleets of workers that replay the bundled trace (24 layers x 32
// experts, top-k 4), each in a process of its own. All files are in one temporary folder.
// Not thread-safe.
class ProcessLine {
 public:
  // Waits end after so long; only a fault of what is tested takes that long.
  static constexpr int kPatienceSeconds = 120;

  // Writes `config` as the daemon's configuration, with GRPC and HTTP replaced by ports of
  // loopback that are free and FOLDER by the folder.
  ProcessLine(const std::string& name, const std::string& config);
  // Removes the folder, unless the test has failed.
  ~ProcessLine();

  // The groups of a configuration that solves often and adopts whatever is better, so that a
  // plan follows the other: `groups` is the list in YAML.
  static std::string EagerConfig(const std::string& groups);
  // One group of 16 ranks, for EagerConfig().
  static std::string GroupOf16(const std::string& name);
  // One group of 4 ranks.
  static std::string GroupOf4(const std::string& name);

  // Starts the daemon and waits until it is ready; false, a failure of the test, if it ends.
  bool StartDaemon();
  // The same without waiting.
  void LaunchDaemon();
  // kill -9.
  void KillDaemon();

  // Workers for the group at the daemon's address, or at another port of loopback; with
  // `more` options of ballast_fleet.
  std::unique_ptr<ChildProcess> StartFleet(const std::string& group, int ranks, int port = 0,
                                           const std::vector<std::string>& more = {});
  // Ends it as a terminal's interrupt would; false, a failure, if it had to complain.
  bool EndFleet(ChildProcess& fleet);

  // Runs ballastctl to its end; `words` name the daemon or its socket, where they must.
  std::unique_ptr<ChildProcess> Ctl(const std::vector<std::string>& words);

  // The status of a group, or null if the daemon does not answer.
  nlohmann::json Group(const std::string& name);
  // The same once `holds` says so; a failure if it never does.
  nlohmann::json GroupWhen(const std::string& name, const std::string& what,
                           const std::function<bool(const nlohmann::json&)>& holds);
  // Once the workers of the group have gone so many steps on.
  nlohmann::json GroupAfterSteps(const std::string& name, std::uint64_t steps);

  // Occurrences of the text in the daemon's log from `offset` on.
  int CountInLog(const std::string& text, std::size_t offset = 0) const;
  // Waits for so many of them; a failure if they do not come.
  bool AwaitInLog(const std::string& text, int count, std::size_t offset = 0);
  std::string Log() const { return ReadFile(folder_ + "/ballastd.err"); }
  // The daemon's last lines, for messages.
  std::string LogEnd() const;

  const std::string& folder() const { return folder_; }
  int grpc_port() const { return grpc_; }
  ChildProcess& daemon() { return *daemon_; }

 private:
  const std::string folder_;
  const int grpc_;
  const int http_;
  int ctl_calls_ = 0;
  int fleets_ = 0;
  std::unique_ptr<ChildProcess> daemon_;
};

// A 64-bit number of a status, which JSON holds as text.
std::uint64_t Number(const nlohmann::json& value);

// The worker process of a rank: the fleet forks them in the order of their ranks. 0: none.
pid_t WorkerPid(const ChildProcess& fleet, int rank);

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_PROCESS_LINE_H_
