#ifndef BALLAST_CORE_STORE_PLAN_STORE_ERRORS_H_
#define BALLAST_CORE_STORE_PLAN_STORE_ERRORS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/ids.h"

namespace ballast {

// The refusals that all stores share, so that they read alike whatever the store.

// `group plan 7.42`, as every message names a plan.
std::string PlanPlace(absl::string_view ep_group, PlanVersion version);

// FailedPrecondition unless `term` is the store's.
absl::Status CheckStoreTerm(std::uint64_t term, std::uint64_t store_term);

// Whether `status` is of CheckStoreTerm(): somebody else decides on this store by now.
bool IsOtherTerm(const absl::Status& status);

// `status` with the mark that somebody else held a lock of the store for longer than the call
// waits: nothing is wrong with it, and the next call may go well.
absl::Status MarkedLocked(absl::Status status);
bool IsLocked(const absl::Status& status);

// Aborted unless the history can go on with a plan on `base`: no plan is preparing and
// `base` is the newest decided plan, if there is one.
absl::Status CheckStoreBase(absl::string_view ep_group, const PlanId& base,
                            const std::optional<PlanId>& decided,
                            const std::optional<PlanVersion>& preparing);

absl::Status NoSuchPlan(absl::string_view ep_group, PlanVersion version);
absl::Status NoDecidedPlan(absl::string_view ep_group);
absl::Status PlanIsAborted(absl::string_view ep_group, PlanVersion version);
absl::Status PlanIsDecided(absl::string_view ep_group, PlanVersion version);
absl::Status BadKeep(int keep);
absl::Status PauseOfNoGroup();
absl::Status MembershipOfNoGroup();
// FailedPrecondition if the generation would fall.
absl::Status CheckGeneration(std::uint64_t stored, std::uint64_t next);
// Fewer than one decision would let its number be given out again.
absl::Status CheckDecisionsKept(int keep);
absl::Status NoSuchDecision(absl::string_view ep_group, PlanVersion plan);

}  // namespace ballast

#endif  // BALLAST_CORE_STORE_PLAN_STORE_ERRORS_H_
