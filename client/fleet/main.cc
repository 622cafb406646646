// ballast_fleet: serving workers without accelerators. They replay a trace through the
// client library, against a real daemon.
#include <CLI/CLI.hpp>

#include "client/fleet/fleet_options.h"
#include "client/fleet/fleet_run.h"

int main(int argc, char** argv) {
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
