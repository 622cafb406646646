#ifndef BALLAST_DAEMON_APP_CONFIG_RELOAD_H_
#define BALLAST_DAEMON_APP_CONFIG_RELOAD_H_

#include "daemon/app/config.h"
#include "daemon/app/daemon.h"
#include "daemon/observe/event_log.h"

namespace ballast {

// Reads the configuration of a running daemon again, from the sources that it started with.
// Not thread-safe.
class ConfigReload {
 public:
  // `daemon` and `log` must outlive it.
  ConfigReload(ConfigSources sources, Config running, Daemon& daemon, EventLog& log);

  // With any fault the running configuration stays: event config.reload_refused. Else what may
  // change is taken over (config.reloaded), and what may not is named (config.restart_needed).
  void Run();

 private:
  void Report(const ConfigChange& change);

  const ConfigSources sources_;
  Config running_;
  Daemon& daemon_;
  EventLog& log_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_CONFIG_RELOAD_H_
