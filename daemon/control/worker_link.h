#ifndef BALLAST_DAEMON_CONTROL_WORKER_LINK_H_
#define BALLAST_DAEMON_CONTROL_WORKER_LINK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/ids.h"
#include "core/model/placement_plan.h"

namespace ballast {

// One message of the switching protocol to one worker.
struct WorkerCommand {
  enum class Kind { kPrepare, kCommit, kAbort, kRetire };
  Kind kind = Kind::kPrepare;
  std::uint64_t nonce = 0;
  std::uint64_t term = 0;
  PlanId plan;
  PlanId base;                                     // kPrepare only.
  std::shared_ptr<const PlacementPlan> placement;  // kPrepare only.
  bool peers_run_plan = false;                     // kPrepare only.
  std::string reason;                              // kAbort only.
};

// The sending side of one worker's session. Thread-safe; never blocks: commands wait
// in a mailbox, in which a newer kPrepare replaces everything before it. A worker
// that does not read loses its session, nobody else's time.
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;

  // False if the mailbox was full, which ended the session.
  virtual bool Send(const WorkerCommand& command) = 0;

  // Ends the session with a reason that the worker sees. Idempotent.
  virtual void Close(const std::string& reason) = 0;

  // Names the write under way; 0 if there is none. No two writes of a session have the
  // same name, so one that stays tells of a worker that does not read.
  virtual std::uint64_t WriteUnderWay() const = 0;

  // Ends the session at once, whatever is under way. Idempotent.
  virtual void Abandon() = 0;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_WORKER_LINK_H_
