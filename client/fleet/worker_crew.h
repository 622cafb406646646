#ifndef BALLAST_CLIENT_FLEET_WORKER_CREW_H_
#define BALLAST_CLIENT_FLEET_WORKER_CREW_H_

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "client/fleet/fleet_options.h"
#include "core/base/ids.h"

namespace ballast {

// The workers of a fleet as child processes or as threads. A child process is killed when
// its parent dies; a terminal's interrupt reaches the parent only.
//
// Not thread-safe: the parent's main thread owns it.
class WorkerCrew {
 public:
  // The work of one rank; its exit status, 0 for success.
  using Work = std::function<int(RankId)>;

  // Starts `num_ranks` workers. Processes are forked: no other thread may run in this
  // process yet, hence no gRPC either. ResourceExhausted if not all could be started;
  // those that were are killed.
  static absl::StatusOr<std::unique_ptr<WorkerCrew>> Start(FleetOptions::Mode mode, int num_ranks,
                                                           const Work& work);
  virtual ~WorkerCrew() = default;

  // A worker that ended badly.
  struct Loss {
    RankId rank;
    std::string how;      // "process 4711 was killed by signal 9"
    bool killed = false;  // By a signal, as opposed to giving up.
    int status = 0;       // Its exit status, unless killed.
  };
  // Looks after all workers without waiting: those that ended badly since the last call,
  // by rank.
  virtual std::vector<Loss> FindLosses() = 0;

  // Starts a worker anew that was lost. Unimplemented for threads; else as Start().
  virtual absl::Status Restart(RankId rank) = 0;

  // Workers that have not ended, as of the last FindLosses().
  virtual int num_running() const = 0;

  // Ends processes at once, and forgets them; threads can not be ended and are waited for.
  virtual void Kill() = 0;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_WORKER_CREW_H_
