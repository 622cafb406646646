#include "daemon/app/service_manager.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace ballast {
namespace {

// Chosen: a store fault ends the daemon, and a status line is renewed, soon enough for people.
constexpr absl::Duration kLongestPeriod = absl::Seconds(1);
constexpr absl::Duration kShortestPeriod = absl::Milliseconds(10);

void Notify(const std::string& text) { sd_notify(0, text.c_str()); }

}  // namespace

absl::Duration ServiceManager::WatchPeriod() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return kLongestPeriod;
  return std::clamp(absl::Microseconds(microseconds) / 3, kShortestPeriod, kLongestPeriod);
}

void ServiceManager::Ready() { Notify("READY=1"); }

void ServiceManager::Reloading(absl::Duration now) {
  Notify(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", absl::ToInt64Microseconds(now)));
}

void ServiceManager::Stopping() { Notify("STOPPING=1\nSTATUS=draining"); }

void ServiceManager::Watch(bool alive, const std::string& status, absl::Duration now) {
  if (alive) Notify("WATCHDOG=1");
  if (status == status_) return;
  if (status_sent_.has_value() && now - *status_sent_ < kStatusPeriod) return;
  status_ = status;
  status_sent_ = now;
  Notify(absl::StrCat("STATUS=", status));
}

}  // namespace ballast
