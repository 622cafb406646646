#ifndef BALLAST_TESTS_INTEGRATION_TEST_DAEMON_H_
#define BALLAST_TESTS_INTEGRATION_TEST_DAEMON_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/integration/daemon_process.h"

namespace ballast {

// Workers that replay the bundled trace.
struct FleetRun {
  std::string group = "demo";  // Of the daemon's configuration, which tells its shape.
  int step_ms = 10;
  int port = 0;                         // Of loopback; 0: the daemon's.
  std::vector<std::string> words = {};  // Further words of the command line.
};

// What a run of ballastctl came to.
struct CtlRun {
  int code = -1;  // -1: it did not end.
  std::string out;
  std::string err;
  nlohmann::json document;  // Of `out`; discarded if that is no JSON.
};

// A daemon with its workers and its operator, each in a process of its own. What fails here is a
// failure of the test; where the test has failed, the ends of all logs are printed at the end.
// Fleets must end before it goes out of scope.
class TestDaemon : public DaemonProcess {
 public:
  using DaemonProcess::DaemonProcess;
  ~TestDaemon();

  std::unique_ptr<ChildProcess> StartFleet(const FleetRun& run = {});

  // Runs ballastctl.
  CtlRun Ctl(std::vector<std::string> words);
  // The same with the address of this daemon.
  CtlRun Ask(std::vector<std::string> words);
  // The same with its answer as JSON.
  nlohmann::json AskJson(std::vector<std::string> words);
  // `ballastctl plan` on the daemon's admin socket, with yes to all it asks.
  CtlRun Steer(std::vector<std::string> words);

  // The status of a group, or null if the daemon does not answer.
  nlohmann::json Group(const std::string& name);
  // The same once `holds` says so; a failure if it never does.
  nlohmann::json GroupWhen(const std::string& name, const std::string& what,
                           const std::function<bool(const nlohmann::json&)>& holds);
  // Once the workers of the group have gone so many steps on.
  nlohmann::json GroupAfterSteps(const std::string& name, std::uint64_t steps);

  // The value of a series of /metrics, written as there; a failure if there is none.
  double Metric(const std::string& series) const;

 private:
  int fleets_ = 0;
  int ctl_runs_ = 0;
};

// A 64-bit number of a status, which JSON holds as text.
std::uint64_t Number(const nlohmann::json& value);

// The last line of a fleet that ran with --once, after its end.
nlohmann::json FleetSummary(const ChildProcess& fleet);

// Its worker processes in the order in which they were forked: by rank, until one comes back.
std::vector<pid_t> WorkerPids(const ChildProcess& fleet);

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_TEST_DAEMON_H_
