#ifndef BALLAST_CORE_SOLVER_PLANNER_H_
#define BALLAST_CORE_SOLVER_PLANNER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/load_matrix.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

// Which branch of the published EPLB runs. kAuto is its own rule: hierarchical
// when the expert groups are a multiple of the rows, otherwise global.
enum class EplbPolicy { kAuto, kHierarchical, kGlobal };

// Order of equal weights. kStable: lower index first, the documented rule.
// kLibstdcxx: as libstdc++'s std::sort leaves them, bit-equal to the published code.
enum class TieOrder { kStable, kLibstdcxx };

struct PlannerOptions {
  EplbPolicy policy = EplbPolicy::kAuto;
  TieOrder ties = TieOrder::kStable;
  std::uint64_t seed = 0;  // Feeds every random choice; eplb makes none.
};

// Everything a plan may depend on. References must outlive the call.
struct PlanRequest {
  const ModelShape& shape;
  const Topology& topology;
  const LoadMatrix& load;
  const PlacementPlan* current = nullptr;  // Null: nothing to move from.
  PlannerOptions options;
};

struct PlanResult {
  PlacementPlan plan;        // Passes CheckPlan(); equal shares; version {0, 0}.
  std::string policy;        // The branch taken: "hierarchical" or "global".
  std::string fallback;      // Why not the branch asked for; empty if none.
  bool reproducible = true;  // False only if a time fuse cut the search.
  // [num_layers * num_slots]: which replica of its expert a slot holds, from 0. Empty:
  // replicas count by slot number. Only the order of log2phy depends on it.
  std::vector<std::int32_t> replica_index;
};

// Turns a load estimate into a placement. Plan() is a pure function of the
// request, and thread-safe.
class Planner {
 public:
  virtual ~Planner() = default;

  // Metric label and CLI name, e.g. "eplb". [a-z-]+.
  virtual absl::string_view name() const = 0;

  // InvalidArgument: request parts do not fit together, or a load is not finite,
  // negative or too large; the message names layer, expert and value.
  // FailedPrecondition: the fleet can not be served by this planner (uneven slots
  // for eplb), or there are fewer slots than experts.
  virtual absl::StatusOr<PlanResult> Plan(const PlanRequest& request) const = 0;
};

// NotFound, with the known names in the message, if there is no such planner.
absl::StatusOr<std::unique_ptr<Planner>> MakePlanner(absl::string_view name);

// All names, in the order they are shown.
std::vector<std::string> PlannerNames();

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_PLANNER_H_
