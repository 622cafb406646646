#ifndef BALLAST_DAEMON_APP_SERVICE_MANAGER_H_
#define BALLAST_DAEMON_APP_SERVICE_MANAGER_H_

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace ballast {

// What the daemon tells the service manager that started it (sd_notify(3)); nothing if there
// is none. Not thread-safe. No call blocks.
class ServiceManager {
 public:
  // How often Watch() should be called: at least thrice within the watchdog's time.
  static absl::Duration WatchPeriod();

  // It serves from now on, or goes on after Reloading().
  void Ready();
  // The configuration is read again. `now` is uptime.
  void Reloading(absl::Duration now);
  void Stopping();
  // `alive`: feeds the watchdog. `status`: a line for people, sent when it has changed, at most
  // every kStatusPeriod.
  static constexpr absl::Duration kStatusPeriod = absl::Seconds(2);
  void Watch(bool alive, const std::string& status, absl::Duration now);

 private:
  std::string status_;
  std::optional<absl::Duration> status_sent_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_SERVICE_MANAGER_H_
