#ifndef BALLAST_PROTO_WIRE_QUERY_NAMES_H_
#define BALLAST_PROTO_WIRE_QUERY_NAMES_H_

namespace ballast {

// Names that scripts depend on: extended, never changed.

// WorkerStatus.state of query.proto.
inline constexpr const char* kWorkerStates[] = {"synced",  "stale", "prepared", "nacked",
                                                "lagging", "ahead", "left",     "gone"};

// PlanSummary.phase of query.proto, and GroupStatus.phase while a plan is on its way.
inline constexpr const char* kPlanPhases[] = {"proposed",   "validated", "preparing", "decided",
                                              "committing", "active",    "retiring",  "done",
                                              "aborting",   "aborted",   "refused",   "dropped"};

inline constexpr char kDonePhase[] = "done";
inline constexpr char kAbortedPhase[] = "aborted";

// GroupStatus.phase while no plan is on its way; no phase of a plan.
inline constexpr char kIdlePhase[] = "idle";

}  // namespace ballast

#endif  // BALLAST_PROTO_WIRE_QUERY_NAMES_H_
