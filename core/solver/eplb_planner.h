#ifndef BALLAST_CORE_SOLVER_EPLB_PLANNER_H_
#define BALLAST_CORE_SOLVER_EPLB_PLANNER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/ids.h"
#include "core/model/load_matrix.h"
#include "core/solver/planner.h"

namespace ballast {

// The size of one published EPLB problem. Names as in our model: eplb.py calls
// slots num_replicas, rows num_nodes, ranks num_gpus.
struct EplbSize {
  int num_slots = 0;  // Over all ranks, for one layer.
  int num_ranks = 0;
  int num_rows = 0;
  int num_expert_groups = 0;
};

// What eplb.py returns, before it becomes a plan.
struct EplbLayout {
  bool hierarchical = false;                // The branch taken.
  std::string fallback;                     // Why not the branch asked for; empty if it was.
  std::vector<ExpertId> expert_in_slot;     // [num_layers * num_slots]: phy2log.
  std::vector<std::int32_t> replica_index;  // [num_layers * num_slots]: replica of its expert.
  std::vector<std::int32_t> replica_count;  // [num_layers * num_experts]: logcnt.
};

// The published algorithm in float32: the sum of a group runs in expert order,
// everything else as replication.h and packing.h say. Both branches:
// hierarchical packs expert groups to rows and replicates inside each row;
// global is the same with one group and one row.
//
// InvalidArgument where eplb.py asserts, divides by zero or silently goes wrong:
// a size below 1, slots no multiple of ranks, ranks no multiple of rows or experts
// no multiple of groups (hierarchical only), a load that CheckLoad() refuses.
// FailedPrecondition: fewer slots than experts. Messages name both numbers.
absl::StatusOr<EplbLayout> SolveEplb(const EplbSize& size, const LoadMatrix& load,
                                     EplbPolicy policy, TieOrder ties);

// log2phy: [num_layers * num_experts * max replica count], padded with -1; entry i
// of an expert is the slot of its replica i. `*width` is the max replica count.
std::vector<std::int32_t> SlotsOfReplicas(const EplbLayout& layout, int num_layers, int* width);

// Planner "eplb": SolveEplb() on the fleet, with equal shares. It knows neither
// speeds (`fallback` says so) nor the current placement; given a current plan, the
// result is relabelled to keep as many slots as it can without changing any load
// (relabel.h). Thread-safe; holds no state.
class EplbPlanner final : public Planner {
 public:
  absl::string_view name() const override { return "eplb"; }
  absl::StatusOr<PlanResult> Plan(const PlanRequest& request) const override;
};

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_EPLB_PLANNER_H_
