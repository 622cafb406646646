#ifndef BALLAST_DAEMON_CONTROL_WORKER_LINK_H_
#define BALLAST_DAEMON_CONTROL_WORKER_LINK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "core/base/ids.h"
#include "core/model/placement_plan.h"

namespace ballast {

// One message of the switching protocol to one worker.
struct WorkerCommand {
  enum class Kind { kPrepare, kCommit, kAbort, kRetire, kMembership };
  Kind kind = Kind::kPrepare;
  std::uint64_t nonce = 0;
  std::uint64_t term = 0;
  PlanId plan;
  PlanId base;                                     // kPrepare only.
  std::shared_ptr<const PlacementPlan> placement;  // kPrepare only.
  bool peers_run_plan = false;                     // kPrepare only.
  absl::Duration deadline_hint;                    // kPrepare: no progress for so long aborts.
  std::uint64_t membership_gen = 0;                // kPrepare, kMembership.
  std::string reason;                              // kAbort only.
};

// The sending side of one worker's session. Thread-safe; never blocks: commands wait
// in a mailbox, in which a newer kPrepare replaces everything before it. A worker
// that does not read loses its session, nobody else's time.
class WorkerLink {
 public:
  // Chosen: long enough that a daemon that restarts is not run over, too short to notice.
  static constexpr absl::Duration kStayAway = absl::Milliseconds(200);

  virtual ~WorkerLink() = default;

  // False if the mailbox was full, which ended the session.
  virtual bool Send(const WorkerCommand& command) = 0;

  // Ends the session with a reason that the worker sees, and asks it to stay away for so
  // long; infinite: for good. Idempotent.
  virtual void Close(const std::string& reason, absl::Duration stay_away) = 0;
  void Close(const std::string& reason) { Close(reason, kStayAway); }

  // Names the write under way; 0 if there is none. No two writes of a session have the
  // same name, so one that stays tells of a worker that does not read.
  virtual std::uint64_t WriteUnderWay() const = 0;

  // Ends the session at once, whatever is under way. Idempotent.
  virtual void Abandon() = 0;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_WORKER_LINK_H_
