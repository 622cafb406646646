#ifndef BALLAST_DAEMON_CONTROL_DECISION_RECORDER_H_
#define BALLAST_DAEMON_CONTROL_DECISION_RECORDER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/store/decision_record.h"
#include "core/store/plan_store.h"
#include "daemon/control/group_config.h"
#include "daemon/control/group_observer.h"

namespace ballast {

// Keeps the decisions of one EP group in the store. Calls only note what happened; Write()
// stores it, so that the publish thread chooses the moment: after everything the workers
// wait for. A decision that can not be stored is told to the observer, as a store call
// "record_decision", and given up: recording never stops planning.
//
// Not thread-safe: the publish thread owns it.
class DecisionRecorder {
 public:
  // References must outlive the recorder.
  struct Parts {
    const GroupConfig& config;
    PlanStore& store;
    GroupObserver& observer;
    Clock& clock;
  };
  DecisionRecorder(const Parts& parts, std::uint64_t term) : parts_(parts), term_(term) {}

  // A solve ended; `outcome` as far as it is known.
  void Add(const SolveRecord& solve, std::string outcome);

  // The store took the proposal of the solve added last with that digest.
  void Proposed(const PlanId& plan);

  // A plan came to its end. One that no decision here led to is passed over.
  void Finished(const PlanId& plan, const std::string& outcome);

  // Stores what was noted since the last call. Blocks on the disk. Ok, or the store's refusal
  // where another daemon leads it now (see IsOtherTerm()); other errors are told to the
  // observer alone.
  absl::Status Write();

  // Drops what was noted: the store takes nothing any more.
  void Forget();

 private:
  DecisionRecord* FindOffered(const Digest& digest);

  const Parts parts_;
  const std::uint64_t term_;
  std::vector<DecisionRecord> added_;                          // Not yet stored, in order.
  std::vector<std::pair<PlanVersion, std::string>> finished_;  // Of decisions stored before.
};

// The record of a solve. `ep_group` as configured; outcome and plan are left empty.
DecisionRecord DecisionOf(const std::string& ep_group, const SolveRecord& solve);

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_DECISION_RECORDER_H_
