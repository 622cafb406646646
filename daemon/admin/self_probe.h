#ifndef BALLAST_DAEMON_ADMIN_SELF_PROBE_H_
#define BALLAST_DAEMON_ADMIN_SELF_PROBE_H_

#include <netdb.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"

namespace ballast {

// Where a gRPC listener of this machine is found. Its name is looked up once, so that a name
// server that is out takes no daemon along. Immutable, thread-safe.
class ListenerAddress {
 public:
  // `listen`: HOST:PORT as it was configured, where a wildcard stands for loopback; `port`: the
  // one that was taken. Unavailable, naming the host.
  static absl::StatusOr<ListenerAddress> Resolve(absl::string_view listen, int port);

  // Connects without TLS and waits for the greeting of HTTP/2: what answers has threads that
  // accept and turn. Unavailable, naming what failed. Blocks up to `timeout` for each step.
  absl::Status Probe(absl::Duration timeout) const;

 private:
  ListenerAddress(std::string name, std::shared_ptr<const addrinfo> found)
      : name_(std::move(name)), found_(std::move(found)) {}

  std::string name_;                       // HOST:PORT
  std::shared_ptr<const addrinfo> found_;  // A list.
};

// Tries the daemon's own listener again and again. Thread-safe.
class SelfProbe {
 public:
  // Chosen: five probes before kLateAfter, each within a period.
  static constexpr absl::Duration kPeriod = absl::Seconds(2);
  // Without an answer for so long the listener counts as dead.
  static constexpr absl::Duration kLateAfter = absl::Seconds(10);

  struct Parts {
    std::function<absl::Status()> probe;
    std::function<void(bool)> on_probe;  // Whether it was answered; from the probing thread.
    std::function<void()> on_round;      // After each probe; likewise.
    Clock& clock;
  };
  // The time of construction counts as an answer.
  explicit SelfProbe(Parts parts);
  ~SelfProbe();

  void Start();
  void Stop();  // Ends the thread after the probe in hand. Idempotent.

  void ProbeOnce();

  // Ok while the last answer is younger than kLateAfter; else Unavailable, with its age and
  // the last error.
  absl::Status State() const;

 private:
  void Run();

  const Parts parts_;
  std::thread thread_;
  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration answered_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_SELF_PROBE_H_
