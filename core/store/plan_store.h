#ifndef BALLAST_CORE_STORE_PLAN_STORE_H_
#define BALLAST_CORE_STORE_PLAN_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/store/decision_record.h"

namespace ballast {

enum class PlanState {
  kPreparing,  // Workers may be loading it; may still be aborted.
  kDecided,    // For ever: every later daemon completes it.
  kAborted,
};
const char* PlanStateName(PlanState state);  // "preparing", "decided", "aborted"

// One plan of a group's history and how it came about.
struct PlanRecord {
  std::string ep_group;
  ModelShape shape;
  PlanId id;    // id.version set by Propose(); id.digest must match the plan.
  PlanId base;  // The decided plan it replaces; {0, 0} with the initial plan's digest at first.
  PlanState state = PlanState::kPreparing;
  PlacementPlan plan;           // plan.version == id.version
  std::string planner;          // Name of the planner that made it.
  std::string reason;           // Why it was made, or why it was aborted; for people.
  double imbalance_before = 1;  // Mean imbalance ratio on the estimate, base plan.
  double imbalance_after = 1;   // The same for this plan.
  int moved_slots = 0;
  absl::Time proposed;  // Wall time, for operators only; never compared.
  absl::Time decided;   // InfinitePast until decided.
};

// Whether an operator holds a group's planner back; kept until it is lifted.
struct GroupPause {
  bool paused = false;
  std::string reason;                   // For people.
  std::string who;                      // Who asked for it.
  absl::Time when = absl::UnixEpoch();  // Wall time, for operators only; never compared.

  friend bool operator==(const GroupPause&, const GroupPause&) = default;
};

// Who of a group's ranks has left it, as agreed with a worker's goodbye; a rank that is
// lost has not. Kept until the rank comes back.
struct GroupMembership {
  std::uint64_t generation = 0;  // Rises with each change.
  std::vector<RankId> left;      // Ascending.

  friend bool operator==(const GroupMembership&, const GroupMembership&) = default;
};

// InvalidArgument, naming the value, if `record` can not be stored: no group, a shape
// that CheckShape() refuses, a plan of another size, an expert out of the shape, or an
// id.digest that is not the plan's. Every store calls it in Propose(). The fleet is not
// known here: the owner of the topology calls CheckPlan().
absl::Status CheckProposal(const PlanRecord& record);

// The durable, linear history of the plans of all EP groups of one daemon, and the
// decisions of their solves. What a call accepted survives a crash; nothing is pushed
// before it is accepted.
//
// Implementations: InMemoryPlanStore here, SqlitePlanStore in daemon/store. All
// pass tests/contract/plan_store_contract_test.cc.
//
// Sequences of a group are never used twice, not even after Prune().
//
// Thread-safe. Calls may block on IO; do not call from a gRPC thread. Unavailable
// from a writing call: the outcome is unknown, read before you try again.
class PlanStore {
 public:
  virtual ~PlanStore() = default;

  // Ok, or the write that failed in a way that leaves open what reached the disk. From
  // then on every writing call is Unavailable until the store is opened anew: the process
  // should end and let its successor read what is there. Thread-safe, never blocks long.
  virtual absl::Status WriteFault() const { return absl::OkStatus(); }

  // Raises the fencing term by one, durably, and returns it; from 1. Called once
  // when a daemon starts. Writes of a lower term fail from then on.
  virtual absl::StatusOr<std::uint64_t> BeginTerm() = 0;

  // Makes a damaged history of the group usable again, for a daemon that starts: takes rows
  // that fail their digests out of it and keeps them aside, for people; the newest decided
  // plan is then the newest that is whole. One finding for each fault, in words; empty: none.
  // Sequences are not used again. Damage of more than rows is DataLoss, as everywhere.
  // FailedPrecondition: other term. The default is for stores that can not be damaged.
  virtual absl::StatusOr<std::vector<std::string>> SetDamagedAside(absl::string_view ep_group,
                                                                   std::uint64_t term) {
    static_cast<void>(ep_group);
    static_cast<void>(term);
    return std::vector<std::string>();
  }

  // Appends `record` in state kPreparing with version {term, largest sequence of the group + 1}
  // and returns the version; record.id.version and plan.version are ignored.
  // FailedPrecondition: `term` is not the store's. Aborted: record.base is not the
  // group's newest decided plan (any base while none is decided), or another plan is preparing.
  // InvalidArgument: CheckProposal() refuses the record.
  // ResourceExhausted: disk full.
  virtual absl::StatusOr<PlanVersion> Propose(const PlanRecord& record, std::uint64_t term) = 0;

  // kPreparing -> kDecided. Ok again for a plan that is decided already.
  // FailedPrecondition: other term, or aborted. NotFound: no such plan.
  virtual absl::Status Decide(absl::string_view ep_group, PlanVersion version, std::uint64_t term,
                              absl::Time when) = 0;

  // kPreparing -> kAborted with a reason. Ok again if aborted already.
  // FailedPrecondition: other term, or decided: a decision is for ever.
  virtual absl::Status Abort(absl::string_view ep_group, PlanVersion version, std::uint64_t term,
                             absl::string_view reason) = 0;

  // Newest decided plan. NotFound: none. DataLoss, naming the plan, if what is
  // stored does not match its digest.
  virtual absl::StatusOr<PlanRecord> LatestDecided(absl::string_view ep_group) const = 0;

  // Plans in kPreparing, oldest first (at most one unless a crash intervened).
  virtual absl::StatusOr<std::vector<PlanRecord>> Preparing(absl::string_view ep_group) const = 0;

  // NotFound: no such plan. DataLoss as above.
  virtual absl::StatusOr<PlanRecord> Get(absl::string_view ep_group, PlanVersion version) const = 0;

  // Up to `limit` >= 0 newest records of any state, newest first, with empty plans (only
  // the version). Empty for a group the store does not know. DataLoss as above.
  virtual absl::StatusOr<std::vector<PlanRecord>> History(absl::string_view ep_group,
                                                          int limit) const = 0;

  // Removes all but the `keep` newest records of a group, its newest decided one, and
  // any that is preparing. FailedPrecondition: other term. InvalidArgument: keep < 0.
  virtual absl::Status Prune(absl::string_view ep_group, int keep, std::uint64_t term) = 0;

  // Replaces what is known of the group's pause. FailedPrecondition: other term.
  // InvalidArgument: no group.
  virtual absl::Status SetPause(absl::string_view ep_group, const GroupPause& pause,
                                std::uint64_t term) = 0;

  // What SetPause() stored last; not paused for a group that never was.
  virtual absl::StatusOr<GroupPause> Pause(absl::string_view ep_group) const = 0;

  // Replaces what is known of the group's members. FailedPrecondition: other term, or an
  // older generation than the one stored. InvalidArgument: no group.
  virtual absl::Status SetMembership(absl::string_view ep_group, const GroupMembership& membership,
                                     std::uint64_t term) = 0;

  // What SetMembership() stored last; generation 0 with all ranks for a group that is new.
  virtual absl::StatusOr<GroupMembership> Membership(absl::string_view ep_group) const = 0;

  // Appends a decision of record.ep_group, numbered largest + 1 (record.number is ignored),
  // and returns the number; in the same write removes all but the `keep` newest of the
  // group. FailedPrecondition: other term. InvalidArgument: keep < 1, or CheckDecision()
  // refuses the record. ResourceExhausted: disk full.
  virtual absl::StatusOr<std::uint64_t> AppendDecision(const DecisionRecord& record, int keep,
                                                       std::uint64_t term) = 0;

  // Writes what became of the decision that led to `plan`, over what stood there.
  // FailedPrecondition: other term. NotFound: no decision kept led to it. DataLoss,
  // naming the decision, if what is stored does not match its digest.
  virtual absl::Status UpdateDecisionOutcome(absl::string_view ep_group, PlanVersion plan,
                                             absl::string_view outcome, std::uint64_t term) = 0;

  // Up to `limit` >= 0 newest decisions, newest first. Empty for a group the store does
  // not know. DataLoss as above.
  virtual absl::StatusOr<std::vector<DecisionRecord>> Decisions(absl::string_view ep_group,
                                                                int limit) const = 0;
};

}  // namespace ballast

#endif  // BALLAST_CORE_STORE_PLAN_STORE_H_
