#ifndef BALLAST_DAEMON_ADMIN_COVERAGE_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_COVERAGE_SERVICE_H_

#include "absl/status/status.h"
#include "daemon/admin/query_service.h"

namespace ballast {

namespace v1 {
class Coverage;
class GetCoverageRequest;
}  // namespace v1

// As many uncovered pairs are named; the count is of all. Chosen: the answer stays small,
// and nobody reads more.
inline constexpr int kMaxUncoveredNamed = 1000;

// Answers Query.GetCoverage. Errors: those of ChooseGroup(); OutOfRange: no such rank or row.
// NotFound, FailedPrecondition: no such plan, or one of another fleet. Thread-safe.
absl::Status AnswerCoverage(const QueryServiceParts& parts, const v1::GetCoverageRequest& request,
                            v1::Coverage* answer);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_COVERAGE_SERVICE_H_
