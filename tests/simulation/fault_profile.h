#ifndef BALLAST_TESTS_SIMULATION_FAULT_PROFILE_H_
#define BALLAST_TESTS_SIMULATION_FAULT_PROFILE_H_

namespace ballast {

// What one seed draws: which faults there are, and how often.
struct FaultProfile {
  bool harsh_network = false;  // Messages of one session overtake each other and double.
  bool ghosts = false;         // Messages of an ended session still arrive.
  int max_delay = 20;          // Of a message.
  int store_permille = 0;      // Store calls that go wrong.
  int point_permille = 0;      // Points at which the daemon dies.
  int loader_permille = 0;     // Loads, and Prepares, that are refused.
  int slow_permille = 0;       // Loads longer than the prepare timeout.
  bool daemon_crashes = false;
  bool worker_crashes = false;
  bool leaves = false;
  bool disconnects = false;
  bool operator_aborts = false;
  bool repeats_plans = false;  // New plans that have the content of older ones.
  bool second_store = false;   // A paused daemon wakes with a copy of the store.
};

}  // namespace ballast

#endif  // BALLAST_TESTS_SIMULATION_FAULT_PROFILE_H_
