#ifndef BALLAST_CLIENT_FLEET_FLEET_WORKER_H_
#define BALLAST_CLIENT_FLEET_FLEET_WORKER_H_

#include <functional>

#include "client/fleet/fleet_board.h"
#include "client/fleet/fleet_options.h"
#include "client/fleet/lockstep.h"
#include "client/fleet/plan_board.h"
#include "client/fleet/step_exchange.h"
#include "client/fleet/weight_memory.h"
#include "client/worker/worker_session.h"
#include "core/base/ids.h"

namespace ballast {

// What the ranks of a fleet share. The references must outlive the workers.
struct FleetLinks {
  const FleetOptions& options;
  const FleetSetup& setup;
  Lockstep& lockstep;
  StepExchange& exchange;
  FleetBoard& board;
  WeightMemory& weights;
  PlanBoard& plans;
  // Called before the first step of a rank; tests break its session here.
  std::function<void(RankId, WorkerSession&)> on_start = nullptr;
};

// Serves as `rank` until the last step or the end of the lockstep, with a worker session,
// router and counters as an engine would embed them. Rank 0 also paces the steps and
// records them on the board. In each step a rank checks that the tables of all ranks are of
// one plan, that its own table sends each pick to a slot of its expert by that plan, and that
// its slots hold the experts which the plan routes to them; what fails aborts the lockstep
// with the values.
//
// A worker that comes back (RankBoard::returns) goes on where the one before it died, on
// the plan that the others serve, with weights loaded as from disk.
//
// The exit status of the worker: 0 after the last step, kWorkerLeft after a goodbye that the
// daemon has taken, 1 otherwise.
inline constexpr int kWorkerLeft = 3;
int RunFleetWorker(const FleetLinks& links, RankId rank);

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_FLEET_WORKER_H_
