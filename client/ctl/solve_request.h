#ifndef BALLAST_CLIENT_CTL_SOLVE_REQUEST_H_
#define BALLAST_CLIENT_CTL_SOLVE_REQUEST_H_

#include <optional>
#include <string>
#include <vector>

#include "client/ctl/ctl_error.h"
#include "core/model/load_matrix.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"
#include "core/solver/bounds.h"

namespace ballast::ctl {

// The input of `solve` and `bound`, in the domain's terms.
struct SolveRequest {
  ModelShape shape;
  std::optional<Topology> topology;  // Always there after a successful read.
  LoadMatrix load;
  std::string router;  // "even", "local", "row" or "exact".

  // Routers that know loads come close to the best split; `even` never does.
  SplitRule rule() const { return router == "even" ? SplitRule::kEqual : SplitRule::kBest; }
};

// Reads the JSON of one request: every key is known, of its type and range, or
// the error names key, value and place (ReadJson() for the text itself). Keys that
// belong to other planners than `planner` are refused with the reason; keys of the
// answer and of stored test vectors are accepted and ignored. Whether the parts fit
// together for the planner is the planner's to say.
std::optional<CtlError> ReadSolveRequest(const std::string& text, const std::string& planner,
                                         SolveRequest* request);

// Names that `router` may have, in the order they are shown.
const std::vector<std::string>& RouterNames();

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_SOLVE_REQUEST_H_
