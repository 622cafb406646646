#ifndef BALLAST_CLIENT_WORKER_PLAN_INTAKE_H_
#define BALLAST_CLIENT_WORKER_PLAN_INTAKE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/worker/switch_point.h"
#include "core/base/ids.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"
#include "core/rollout/nack.h"
#include "proto/wire/session_wire.h"

namespace ballast {

// Turns placements into what a rank can serve, and refuses those it can not. Pure;
// immutable, hence thread-safe.
class PlanIntake {
 public:
  PlanIntake(const ModelShape& shape, const Topology& topology, RankId rank);

  // Why the plan of this order can not be served here: SHAPE_MISMATCH (malformed, or other
  // layers, experts or slots), MEMBERSHIP_MISMATCH (other ranks, or another generation than
  // `membership_gen`), DIGEST_MISMATCH (the content is not what the name says). nullopt:
  // `*plan` is ready. plan->id is set always.
  std::optional<Nack> Check(const PrepareOrder& order, std::uint64_t membership_gen,
                            PlanInHand* plan) const;

  // A plan of our own. Errors as CheckPlan().
  absl::StatusOr<PlanInHand> Make(const PlacementPlan& placement) const;

  const ModelShape& shape() const { return shape_; }
  const Topology& topology() const { return topology_; }
  RankId rank() const { return rank_; }

 private:
  // Null, with `*error`, if the table can not be built.
  std::shared_ptr<const PlacementTable> BuildTable(const PlanId& id, const PlacementPlan& plan,
                                                   std::string* error) const;

  const ModelShape shape_;
  const Topology topology_;
  const RankId rank_;
  std::vector<RankId> rank_of_slot_;  // [num_slots]
  std::vector<RowId> row_of_rank_;    // [num_ranks]
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_PLAN_INTAKE_H_
