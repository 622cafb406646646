#ifndef BALLAST_CLIENT_FLEET_FLEET_OPTIONS_H_
#define BALLAST_CLIENT_FLEET_FLEET_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/load/load_report.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"
#include "core/replay/request_source.h"

namespace ballast {

// The command line of ballast_fleet.
struct FleetOptions {
  enum class Mode { kProcesses, kThreads };

  // When a worker process is to be lost, once. "loading", "prepared" and "held" are the
  // moments at which its session has told it so, "active" that at which it has switched.
  struct Loss {
    enum class Moment { kStep, kLoading, kPrepared, kHeld, kActive };
    RankId rank;  // Invalid: none.
    Moment moment = Moment::kStep;
    std::uint64_t step = 0;  // kStep.
  };

  // A rank whose loads do not end while `file` exists, though all else of it goes on.
  struct Stall {
    RankId rank;  // Invalid: none.
    std::string file;
  };

  std::string daemon = "127.0.0.1:7441";
  std::string ep_group = "default";
  std::string trace;  // A file, or "synthetic".
  Mode mode = Mode::kProcesses;
  int num_ranks = 0;  // 0, as the next two: as the trace was recorded.
  int row_size = 0;
  int slots_per_rank = 0;
  int step_ms = 20;             // Pause from step to step; 0: as fast as it goes.
  std::uint64_t num_steps = 0;  // 0: until a signal comes.
  bool once = false;            // Bounded, and ends with JSON.
  bool json = false;            // Nothing but JSON on stdout.
  int reconnect_ms = 5000;      // Longest pause before a worker looks for the daemon again.
  int spill_threshold = 4;      // RouterOptions::spill_threshold.
  ReportForm report_form = ReportForm::kSlot;
  std::uint64_t seed = 1;  // Of the synthetic load.
  int num_layers = 0;      // Synthetic only, as the next; 0: 58.
  Loss kill;               // By SIGKILL.
  Loss leave;              // With a goodbye; kStep only.
  Stall stall;
  int rejoin_ms = -1;       // A lost worker comes back after this time; -1: a loss ends the fleet.
  int tokens_per_rank = 8;  // Request slots per rank, one token per step each.

  bool synthetic() const { return trace == "synthetic"; }
};

// Adds all options to `app`; they end in `options`.
void AddFleetOptions(CLI::App& app, FleetOptions& options);

// What the fleet is and serves.
struct FleetSetup {
  ModelShape shape;
  Topology topology;
  int num_request_slots = 0;
};

// Reads what the options leave open from the trace. Errors as TraceReader::Open(); what
// does not fit together is InvalidArgument and named: the topology, fewer slots than
// experts, fewer request slots than ranks. Sets `num_steps` of a bounded run.
absl::StatusOr<FleetSetup> SetUpFleet(FleetOptions& options);

// A source of tokens, one per rank.
absl::StatusOr<std::unique_ptr<RequestSource>> MakeRequestSource(const FleetOptions& options,
                                                                 const FleetSetup& setup);

// The request slots whose tokens `rank` sends: slot s belongs to rank s / (slots / ranks),
// and where that does not come out even the shares differ by one.
RequestSlots SlotsOfSender(const FleetSetup& setup, RankId rank);

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_FLEET_OPTIONS_H_
