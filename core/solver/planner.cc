#include "core/solver/planner.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/solver/eplb_planner.h"

namespace ballast {

absl::StatusOr<std::unique_ptr<Planner>> MakePlanner(absl::string_view name) {
  if (name == "eplb") return std::make_unique<EplbPlanner>();
  return absl::NotFoundError(
      absl::StrCat("no planner \"", name, "\"; there are: ", absl::StrJoin(PlannerNames(), ", ")));
}

std::vector<std::string> PlannerNames() { return {"eplb"}; }

}  // namespace ballast
