// ballastd: reads its configuration, runs until SIGTERM or SIGINT.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "daemon/app/config.h"
#include "daemon/app/config_reload.h"
#include "daemon/app/daemon.h"
#include "daemon/app/grpc_log.h"
#include "daemon/app/service_manager.h"
#include "daemon/observe/event_log.h"
#include "daemon/observe/version.h"

namespace ballast {
namespace {

// sysexits.h; docs/operations.md lists what each means here.
constexpr int kExitUsage = 64;
constexpr int kExitUnavailable = 69;
constexpr int kExitInternal = 70;
constexpr int kExitLocked = 73;
constexpr int kExitIo = 74;
constexpr int kExitPermission = 77;
constexpr int kExitConfig = 78;

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kAlreadyExists:
      return kExitLocked;
    case absl::StatusCode::kPermissionDenied:
      return kExitPermission;
    case absl::StatusCode::kResourceExhausted:
      return kExitUnavailable;
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      return kExitIo;
    default:
      return kExitInternal;
  }
}

// Blocks the signals that main() waits for, in this thread and all that it starts.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // A write beyond a file size limit fails like any other.
  return signals;
}

constexpr int kStoreFault = 0;  // In place of a signal number.

// Returns the signal that ends the daemon, or kStoreFault; keeps the service manager
// informed until then.
int WaitForEnd(const Daemon& daemon, const sigset_t& signals, EventLog& log, ConfigReload& reload) {
  Clock& clock = RealClock();
  ServiceManager manager;
  manager.Ready();
  const timespec period = absl::ToTimespec(ServiceManager::WatchPeriod());
  bool alive = true;
  while (true) {
    log.TellSuppressed();
    const absl::Status liveness = daemon.Liveness();
    if (alive && !liveness.ok()) {
      log.Write(Severity::kError, "daemon.stuck", {{"check", std::string(liveness.message())}});
    }
    alive = liveness.ok();
    manager.Watch(alive, daemon.StatusLine(), clock.Uptime());
    if (const absl::Status fault = daemon.Fault(); !fault.ok()) {
      log.Write(Severity::kError, "store.unusable",
                {{"error", std::string(fault.message())},
                 {"detail", "ending, so that a new process reads what reached the disk"}});
      manager.Stopping();
      return kStoreFault;
    }
    const int signal = sigtimedwait(&signals, nullptr, &period);
    if (signal == SIGTERM || signal == SIGINT) {
      manager.Stopping();
      return signal;
    }
    if (signal == SIGUSR1) {
      log.Write(Severity::kInfo, "log.level", {{"now", log.CycleLevel()}});
    }
    if (signal == SIGHUP) {
      manager.Reloading(clock.Uptime());
      reload.Run();
      manager.Ready();
    }
  }
}

int Run(const Config& config, const ConfigSources& sources) {
  // Debian builds Abseil with the search for lock cycles, which gRPC's locks would pay for too.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const sigset_t signals = BlockSignals();
  // Never destroyed: threads of gRPC may write to it until the process is gone.
  EventLog& log = *new EventLog(config.log_level, config.log_format == LogFormat::kJson);
  RouteGrpcLog(log);
  log.Write(Severity::kInfo, "daemon.starting", {{"version", Version()}, {"revision", Revision()}});
  for (const std::string& warning : config.warnings) {
    log.Write(Severity::kWarn, "config.odd", {{"detail", warning}});
  }
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(config, log, RealClock());
  if (!daemon.ok()) {
    log.Write(Severity::kError, "daemon.failed",
              {{"error", std::string(daemon.status().message())}});
    return ExitCodeOf(daemon.status());
  }
  log.Write(Severity::kInfo, "daemon.ready",
            {{"grpc_port", absl::StrCat((*daemon)->grpc_port())},
             {"http_port", absl::StrCat((*daemon)->http_port())}});
  ConfigReload reload(sources, config, **daemon, log);
  const int signal = WaitForEnd(**daemon, signals, log, reload);
  if (signal != kStoreFault) {
    log.Write(Severity::kInfo, "daemon.draining", {{"signal", signal == SIGTERM ? "TERM" : "INT"}});
  }
  // A second signal of these two ends the process at once.
  sigset_t ending;
  sigemptyset(&ending);
  for (int ends : {SIGTERM, SIGINT}) sigaddset(&ending, ends);
  pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
  daemon->reset();
  log.Write(Severity::kInfo, "daemon.ended");
  return signal == kStoreFault ? kExitIo : 0;
}

// Every variable of the process; which of them count is the configuration's affair.
std::vector<std::pair<std::string, std::string>> Environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    variables.push_back(absl::StrSplit(*entry, absl::MaxSplits('=', 1)));
  }
  return variables;
}

int RefuseConfig(const absl::Status& status) {
  std::cerr << status.message() << "\n";
  return absl::IsPermissionDenied(status) ? kExitPermission : kExitConfig;
}

int Main(int argc, char** argv) {
  CLI::App app{
      "ballastd: keeps the experts of Mixture-of-Experts models balanced over ranks.\n"
      "Configuration: docs/configuration.md. Exit codes: 0 ok, 64 usage, 69 address taken, "
      "70 internal, 73 store locked, 74 store or IO, 77 permission, 78 configuration."};
  ConfigSources sources;
  bool check_only = false;
  bool print = false;
  bool dry_run = false;
  app.add_option("--config", sources.file, "YAML file")->required();
  app.add_option("--set", sources.settings, "KEY=VALUE, stronger than file and environment")
      ->take_all()
      ->allow_extra_args(false);
  app.add_flag("--check-config", check_only, "Read the configuration, say what is wrong, end");
  app.add_flag("--print-config", print, "Print the values in force with their sources, end");
  app.add_flag("--dry-run", dry_run, "Plan, never push: --set planning.observe_only=true");
  app.set_version_flag("--version", std::string(Version()));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (dry_run) sources.settings.push_back("planning.observe_only=true");
  sources.environment = Environment();
  const absl::StatusOr<Config> config = LoadConfig(sources);
  if (!config.ok()) return RefuseConfig(config.status());
  if (!check_only && !print) return Run(*config, sources);
  for (const std::string& warning : config->warnings) std::cerr << "warning: " << warning << "\n";
  if (print) {
    std::cout << PrintConfig(*config);
  } else {
    std::cout << sources.file << ": ok, " << config->groups.size() << " EP group(s)\n";
  }
  return 0;
}

}  // namespace
}  // namespace ballast

int main(int argc, char** argv) { return ballast::Main(argc, argv); }
