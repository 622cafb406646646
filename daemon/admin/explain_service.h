#ifndef BALLAST_DAEMON_ADMIN_EXPLAIN_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_EXPLAIN_SERVICE_H_

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/store/plan_store.h"
#include "daemon/control/group_directory.h"

namespace ballast {

namespace v1 {
class Explanation;
}  // namespace v1

// The most decisions that one answer holds; about 0.4 KB each.
inline constexpr int kMaxExplained = 1000;

// Fills the answer of ballast.v1.Query.Explain: why `group` solves or not, from the loops'
// views, and its `limit` newest decisions, from the store. Thread-safe; reads the store.
// Errors: those of PlanStore::Decisions().
absl::Status ExplainGroup(const GroupHandle& group, const PlanStore& store, Clock& clock, int limit,
                          v1::Explanation* answer);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_EXPLAIN_SERVICE_H_
