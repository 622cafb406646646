#ifndef BALLAST_CLIENT_FLEET_SENDER_H_
#define BALLAST_CLIENT_FLEET_SENDER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"
#include "core/routing/replica_router.h"
#include "core/trace/trace_file.h"

namespace ballast {

// The dispatch of one rank: routes the picks of its tokens and counts where they go. Not
// thread-safe: the rank's engine thread owns it.
class Sender {
 public:
  Sender(const ModelShape& shape, const Topology& topology) : shape_(shape), topology_(topology) {}

  // Routes all picks of `tokens` by `router`, whose step must have begun. Overwrites
  // `picks`, [num_layers * num_slots], with the picks for each slot. Internal, with the
  // layer, slot and both experts, if a slot holds another expert by `plan` than was picked.
  absl::Status Send(const TraceStep& tokens, ReplicaRouter& router, const PlacementPlan& plan,
                    absl::Span<std::uint32_t> picks);

  // The same without the check, summed up per rank: [num_layers * num_ranks].
  void SendToRanks(const TraceStep& tokens, ReplicaRouter& router, absl::Span<std::uint32_t> picks);

 private:
  // Routes one layer: slots_ are where its picks go.
  void RouteLayer(const TraceStep& tokens, LayerId layer, ReplicaRouter& router);

  const ModelShape shape_;
  const Topology topology_;
  std::vector<ExpertId> experts_;  // [tokens * top_k] of the layer in hand.
  std::vector<SlotId> slots_;      // The same shape.
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_FLEET_SENDER_H_
