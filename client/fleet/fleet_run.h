#ifndef BALLAST_CLIENT_FLEET_FLEET_RUN_H_
#define BALLAST_CLIENT_FLEET_FLEET_RUN_H_

#include "client/fleet/fleet_options.h"

namespace ballast {

// Runs a fleet to its end and prints what it shows. The exit status of the program: 0 if
// it went well; for a bounded run (--steps or --once) that means that a plan was activated
// by all workers and the balance is better for it. 1 otherwise, also if a worker was lost
// or two plans were served in one step. 2: it could not be set up.
//
// Blocks SIGINT, SIGTERM and SIGCHLD for the process and waits for them: call it from
// the main thread, before any other thread runs.
int RunFleet(FleetOptions options);

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_FLEET_RUN_H_
