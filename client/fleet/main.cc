// ballast_fleet: serving workers without accelerators. They replay a trace through the
// client library, against a real daemon.
#include <CLI/CLI.hpp>

#include "absl/synchronization/mutex.h"
#include "client/fleet/fleet_options.h"
#include "client/fleet/fleet_run.h"

int main(int argc, char** argv) {
  // Debian builds Abseil with the search for lock cycles, which a step would pay for.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app("Serving workers that replay a trace through the worker library.", "ballast_fleet");
  ballast::FleetOptions options;
  ballast::AddFleetOptions(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return ballast::RunFleet(options);
}
