#ifndef BALLAST_DAEMON_ADMIN_SELF_PROBE_H_
#define BALLAST_DAEMON_ADMIN_SELF_PROBE_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"

namespace ballast {

// Connects to a gRPC listener of this machine without TLS and waits for the greeting of
// HTTP/2: what answers has threads that accept and turn. `listen`: HOST:PORT as it was
// configured, where a wildcard stands for loopback; `port`: the one that was taken.
// Unavailable, naming what failed. Blocks up to `timeout` for each step.
absl::Status ProbeListener(absl::string_view listen, int port, absl::Duration timeout);

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
