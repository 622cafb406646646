#ifndef BALLAST_TESTS_INTEGRATION_PLAN_HISTORY_H_
#define BALLAST_TESTS_INTEGRATION_PLAN_HISTORY_H_

#include <string>

namespace ballast {

// Reads the log of the daemons of one store, one after the other, as a history of the
// group: each restart must begin with the last plan that was logged as decided, or with a
// newer one that was stored and not logged any more. Failures are those of the test.
// Returns how many plans were decided.
int CheckPlanHistory(const std::string& log, const std::string& group);

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_PLAN_HISTORY_H_
