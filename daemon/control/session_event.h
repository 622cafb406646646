#ifndef BALLAST_DAEMON_CONTROL_SESSION_EVENT_H_
#define BALLAST_DAEMON_CONTROL_SESSION_EVENT_H_

#include <cstdint>
#include <memory>

#include "core/base/ids.h"
#include "core/rollout/nack.h"
#include "core/rollout/rollout_state.h"
#include "daemon/control/worker_link.h"

namespace ballast {

// What a worker's session tells. The link names the session: events of a session
// that a newer one of the same rank has replaced are ignored.
struct SessionEvent {
  enum class Kind {
    kHello,
    kDisconnect,
    kReceived,  // Loading goes on.
    kPrepared,
    kHeld,
    kActive,
    kRetired,
    kAborted,
    kNack,
    kHeartbeat,
    kGoodbye,  // The rank leaves on purpose; why is in nack.detail.
  };
  Kind kind = Kind::kHello;
  RankId rank;
  std::shared_ptr<WorkerLink> link;
  RankHello hello;  // kHello
  std::uint64_t nonce = 0;
  PlanId plan;                       // Of the status; the active one in kActive and kHeartbeat.
  Nack nack;                         // kNack
  std::uint64_t step = 0;            // kActive, kHeartbeat
  std::uint64_t disagreements = 0;   // kHeartbeat: since the worker's start.
  std::uint64_t membership_gen = 0;  // kHello: the newest that the worker has heard of.
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_SESSION_EVENT_H_
