#ifndef BALLAST_DAEMON_ADMIN_EXPLAIN_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_EXPLAIN_SERVICE_H_

#include "absl/status/status.h"
#include "daemon/admin/query_service.h"

namespace ballast {

namespace v1 {
class ExplainRequest;
class Explanation;
}  // namespace v1

// The most decisions that one answer holds; about 0.4 KB each.
inline constexpr int kMaxExplained = 1000;

// The answer of ballast.v1.Query.Explain: why the group solves or not, from the loops' views,
// and its newest decisions, from the store. Thread-safe; reads the store.
// Errors: those of ChooseGroup() and of PlanStore::Decisions().
absl::Status AnswerExplain(const QueryServiceParts& parts, const v1::ExplainRequest& request,
                           v1::Explanation* answer);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_EXPLAIN_SERVICE_H_
