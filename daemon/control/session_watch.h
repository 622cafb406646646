#ifndef BALLAST_DAEMON_CONTROL_SESSION_WATCH_H_
#define BALLAST_DAEMON_CONTROL_SESSION_WATCH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/ids.h"
#include "daemon/control/worker_link.h"

namespace ballast {

struct SessionOptions {
  // How often a worker proves that it lives.
  absl::Duration heartbeat_period = absl::Seconds(2);
  // A session that has taken nothing for so long although something waits is closed.
  absl::Duration write_deadline = absl::Seconds(10);
  // How often a worker reports its counters.
  absl::Duration report_period = absl::Seconds(1);
};

// Watches the sessions of one EP group for peers that are connected and do not take
// part: one that does not read (a write blocks), and one that does not speak (a stopped
// process, whose kernel keeps the connection alive). A blocked session is ended here; a
// silent one is only named, because a process that goes on is in step again at once.
//
// Not thread-safe: the publish thread owns it. No call blocks.
class SessionWatch {
 public:
  // A worker is silent after so many heartbeat periods without a word.
  static constexpr int kSilentPeriods = 3;

  SessionWatch(int num_ranks, const SessionOptions& options);

  // Takes the write deadline over; the heartbeat period was told to the workers and stays.
  void SetOptions(const SessionOptions& options);

  // `link` is the session of `rank` from now on. The one before, if any, has been told
  // to close; it is watched until what it still writes is through.
  void Begin(RankId rank, std::shared_ptr<WorkerLink> link, absl::Duration now);
  void End(RankId rank);
  // Any message of the session counts.
  void Heard(RankId rank, absl::Duration now);

  struct Finding {
    enum class Kind { kBlocked, kSilent, kSpeaksAgain };
    RankId rank;
    Kind kind = Kind::kBlocked;
    std::string detail;  // "took nothing for 10s".
  };
  // What changed since the last call, each thing once. Blocked sessions have been
  // abandoned. O(num_ranks).
  std::vector<Finding> Check(absl::Duration now);

  // "no heartbeat for 12s" while the rank has a session and is silent.
  std::optional<std::string> Silence(RankId rank, absl::Duration now) const;

 private:
  // One session, and since when its write under way has not changed.
  struct Watched {
    RankId rank;
    std::shared_ptr<WorkerLink> link;  // Null: no session.
    absl::Duration heard;
    bool silent = false;
    std::uint64_t write = 0;
    absl::Duration write_since;
    bool abandoned = false;
  };

  // Whether the session was found blocked and abandoned just now.
  bool AbandonIfBlocked(Watched& watched, absl::Duration now) const;
  bool IsSilent(const Watched& watched, absl::Duration now) const;

  SessionOptions options_;
  std::vector<Watched> sessions_;  // [num_ranks]
  std::vector<Watched> leaving_;   // Replaced; with a write under way.
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_SESSION_WATCH_H_
