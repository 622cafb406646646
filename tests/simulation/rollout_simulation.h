#ifndef BALLAST_TESTS_SIMULATION_ROLLOUT_SIMULATION_H_
#define BALLAST_TESTS_SIMULATION_ROLLOUT_SIMULATION_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ballast {

// Known mistakes, built in on request: the checkers must find each of them.
enum class PlantedBug {
  kNone,
  kSwitchOnCommit,        // A rank takes the daemon's permission for the group's agreement.
  kCommitBeforeDecision,  // The daemon sends Commit while the store still writes.
  kLoseDecisions,         // The store answers before the decision is safe.
  kJoinOnOldPlan,         // A restarted rank joins on the initial plan, not on the group's.
  kGiveUpAlone,           // A rank that holds a decided plan forgets it after a while.
  kIgnoreGoodbye,         // The daemon goes on as if a rank that left were there.
  kAbortUnknownDecision,  // The daemon takes a lost answer of the store for a refusal.
  kVoteByVersion,         // A rank votes with the version of its plan, not with the digest.
};

struct SimulationOptions {
  std::uint64_t seed = 1;
  PlantedBug bug = PlantedBug::kNone;
  bool random_faults = true;
  // The daemon dies at its so-many-th point (before and after each store call and
  // before each send), counted over its first life; 0: never.
  int crash_at_point = 0;
  bool trace = false;  // Keeps what happened in words.
};

struct SimulationReport {
  std::string violation;  // Empty if every checker was content.
  int ranks = 0;
  int steps = 0;
  int events = 0;
  int switches = 0;  // Ranks that began to serve another plan.
  int done = 0;      // Plans that ended so, over all lives of the daemon.
  int aborted = 0;
  int refused = 0;
  int daemon_lives = 0;
  int worker_crashes = 0;
  int leaves = 0;         // Goodbyes that the daemon has taken.
  int second_plans = 0;   // Plans of a second store, see below.
  int disagreements = 0;  // Votes that ranks have read as a disagreement.
  int points = 0;         // Points at which the first life could have died.
  std::vector<std::string> trace;
};

// One EP group of 2 to 6 ranks and its daemon, in one thread, with a simulated clock,
// network, disk and engine; the state machines are the real ones of core/rollout.
//
// First a phase of faults: the daemon and workers crash and return, ranks leave on purpose
// and come back as new processes, sessions break,
// messages are late, doubled and overtake each other, the store refuses, hangs, or
// commits and loses the answer, loading fails or takes too long, and a paused daemon wakes
// whose store is a copy: it gives versions of the real store to other plans and carries
// them to HELD on some of the ranks, under the term in force, so that no fence helps and
// only the digests in the vote can tell. Each seed draws which of them occur. Then the faults end,
// and the group must come to rest on the newest decided plan and carry one more plan through. A
// rank that then holds a plan of the copy is started anew, as an operator would.
//
// The ranks run steps in lock-step: each begins a step, puts its vote into the
// collective, and reads the reduced vote when all have voted. Between any two of these
// anything may happen. A crashed rank stops the others until it returns; it then starts
// on the plan that they run.
//
// Deterministic: a report follows from the options alone.
SimulationReport RunRolloutSimulation(const SimulationOptions& options);

}  // namespace ballast

#endif  // BALLAST_TESTS_SIMULATION_ROLLOUT_SIMULATION_H_
