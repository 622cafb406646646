#ifndef BALLAST_DAEMON_APP_DAEMON_H_
#define BALLAST_DAEMON_APP_DAEMON_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "daemon/app/config.h"
#include "daemon/observe/event_log.h"

namespace ballast {

// The whole daemon in one object: store, groups, services, HTTP. This file and
// daemon.cc alone know which implementation stands behind each interface.
class Daemon {
 public:
  // Opens the store, recovers every group, then listens. `log` and `clock` must outlive it.
  // AlreadyExists: another daemon holds the store. DataLoss, Unavailable, Internal: the
  // store. ResourceExhausted: an address is taken or not of this machine.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Config& config, EventLog& log,
                                                       Clock& clock);
  // Drains: health goes to NOT_SERVING, workers get GoAway, calls end within 5 s,
  // the loops finish what they hold. Decided plans are completed by the next daemon.
  virtual ~Daemon() = default;

  virtual int grpc_port() const = 0;
  virtual int http_port() const = 0;  // 0 if HTTP is off.

  // Ok, or why this process can not decide any more and must be replaced by a new one.
  virtual absl::Status Fault() const = 0;

  // What /livez says: ok, or which part of the daemon is stuck.
  virtual absl::Status Liveness() const = 0;

  // Takes over what may change while the daemon runs; see TakeTuning(). `config` is that of
  // Start() with new values. The log level is the caller's affair.
  virtual void Reconfigure(const Config& config) = 0;
  // For metrics and readiness: the configuration was read again, and taken or refused.
  virtual void NoteReload(bool taken) = 0;

  // One line for people: "leader term 7; decode0 128/128 synced; plan 7.42 active 11m".
  virtual std::string StatusLine() const = 0;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_DAEMON_H_
