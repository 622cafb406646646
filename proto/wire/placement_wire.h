#ifndef BALLAST_PROTO_WIRE_PLACEMENT_WIRE_H_
#define BALLAST_PROTO_WIRE_PLACEMENT_WIRE_H_

// Plans, their names and the model's shape <-> messages of ballast.v1.
//
// Nothing that comes in is trusted: a Decode function checks sizes, ranges and enum
// values before it allocates, and answers InvalidArgument that names the field and
// the value ("PlanId.digest: 31 bytes, not 32"). What is accepted re-encodes to the
// same message, except where a field's comment gives 0 another meaning.
//
// All functions are pure, hence thread-safe.

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ballast/v1/placement.pb.h"
#include "core/base/ids.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/rollout/nack.h"

namespace ballast {

void EncodePlanVersion(const PlanVersion& version, v1::PlanVersion* message);
PlanVersion DecodePlanVersion(const v1::PlanVersion& message);

void EncodePlanId(const PlanId& id, v1::PlanId* message);
// InvalidArgument: no version, or a digest that is not 32 bytes.
absl::StatusOr<PlanId> DecodePlanId(const v1::PlanId& message);

void EncodeModelShape(const ModelShape& shape, v1::ModelShape* message);
// num_expert_groups 0 counts as 1. The result passes CheckShape().
absl::StatusOr<ModelShape> DecodeModelShape(const v1::ModelShape& message);

// The plan's version is not part of this message; it travels in a PlanId beside it.
// Experts must lie in [0, kMaxExperts), as CheckPlan() has made sure.
void EncodePlacement(const PlacementPlan& plan, v1::PlacementTable* message);

// Checks the form only: 1 .. kMaxLayers layers, 1 .. kMaxSlots slots, arrays of the
// right length, experts below kMaxExperts. Whether the plan fits a fleet is for
// CheckPlan(). Cost for 58 x 384: one pass over 90 KB.
absl::StatusOr<PlacementPlan> DecodePlacement(const v1::PlacementTable& message,
                                              const PlanVersion& version);

// Longest text of a nack on the wire, in bytes. Chosen: a screen of text.
inline constexpr std::size_t kMaxNackDetail = 4096;

// Cuts the detail to kMaxNackDetail and replaces bytes outside ASCII by '?': text
// of a loader may hold anything, and invalid UTF-8 would end the session.
void EncodeNack(const Nack& nack, v1::Nack* message);
absl::StatusOr<Nack> DecodeNack(const v1::Nack& message);

}  // namespace ballast

#endif  // BALLAST_PROTO_WIRE_PLACEMENT_WIRE_H_
