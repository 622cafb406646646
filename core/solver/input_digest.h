#ifndef BALLAST_CORE_SOLVER_INPUT_DIGEST_H_
#define BALLAST_CORE_SOLVER_INPUT_DIGEST_H_

#include "absl/strings/string_view.h"
#include "core/base/ids.h"
#include "core/solver/planner.h"

namespace ballast {

// SHA-256 over all that a plan may depend on: the planner's name, shape, topology, load,
// the digest of the current plan, and the options. Two solves with equal digests give
// equal plans. Pure; about 1 ms for 58 x 256.
Digest PlanInputDigest(absl::string_view planner, const PlanRequest& request);

}  // namespace ballast

#endif  // BALLAST_CORE_SOLVER_INPUT_DIGEST_H_
