#ifndef BALLAST_DAEMON_ADMIN_COVERAGE_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_COVERAGE_SERVICE_H_

#include "absl/status/status.h"
#include "core/store/plan_store.h"
#include "daemon/control/group_directory.h"

namespace ballast {

namespace v1 {
class Coverage;
class GetCoverageRequest;
}  // namespace v1

// As many uncovered pairs are named; the count is of all. Chosen: the answer stays small,
// and nobody reads more.
inline constexpr int kMaxUncoveredNamed = 1000;

// Answers Query.GetCoverage for the group that the request means. OutOfRange: no such rank
// or row. NotFound, FailedPrecondition: no such plan, or one of another fleet. Thread-safe.
absl::Status AnswerCoverage(const GroupHandle& group, const PlanStore& store,
                            const v1::GetCoverageRequest& request, v1::Coverage* answer);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_COVERAGE_SERVICE_H_
