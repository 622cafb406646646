#ifndef BALLAST_TESTS_INTEGRATION_PLAN_HISTORY_H_
#define BALLAST_TESTS_INTEGRATION_PLAN_HISTORY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace ballast {

// Reads the log of the daemons of one store, one after the other, as a history of the
// group: only what was proposed is decided, and each restart begins with the plan that the
// store must hold. That is the last one that was logged as decided, or, of a daemon that died
// between the store's answer and the line of the log, the one proposed last. `crash_points`
// tells where each daemon died, in order; of one that is not in it, or whose point is empty, the
// moment is not known, and both are right. Failures are those of the test. Returns how many
// plans were logged as decided.
int CheckPlanHistory(const std::string& log, const std::string& group,
                     const std::vector<absl::string_view>& crash_points = {});

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_PLAN_HISTORY_H_
