#ifndef BALLAST_CORE_STORE_IN_MEMORY_PLAN_STORE_H_
#define BALLAST_CORE_STORE_IN_MEMORY_PLAN_STORE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/store/plan_store.h"

namespace ballast {

// A PlanStore that forgets everything with the process: for tests, the simulator,
// and a daemon that is told to keep nothing. Behaves like the durable stores
// otherwise. Thread-safe; a call copies the records it hands out.
class InMemoryPlanStore final : public PlanStore {
 public:
  absl::StatusOr<std::uint64_t> BeginTerm() override;
  absl::StatusOr<PlanVersion> Propose(const PlanRecord& record, std::uint64_t term) override;
  absl::Status Decide(absl::string_view ep_group, PlanVersion version, std::uint64_t term,
                      absl::Time when) override;
  absl::Status Abort(absl::string_view ep_group, PlanVersion version, std::uint64_t term,
                     absl::string_view reason) override;
  absl::StatusOr<PlanRecord> LatestDecided(absl::string_view ep_group) const override;
  absl::StatusOr<std::vector<PlanRecord>> Preparing(absl::string_view ep_group) const override;
  absl::StatusOr<PlanRecord> Get(absl::string_view ep_group, PlanVersion version) const override;
  absl::StatusOr<std::vector<PlanRecord>> History(absl::string_view ep_group,
                                                  int limit) const override;
  absl::Status Prune(absl::string_view ep_group, int keep, std::uint64_t term) override;
  absl::Status SetPause(absl::string_view ep_group, const GroupPause& pause,
                        std::uint64_t term) override;
  absl::StatusOr<GroupPause> Pause(absl::string_view ep_group) const override;
  absl::Status SetMembership(absl::string_view ep_group, const GroupMembership& membership,
                             std::uint64_t term) override;
  absl::StatusOr<GroupMembership> Membership(absl::string_view ep_group) const override;
  absl::StatusOr<std::uint64_t> AppendDecision(const DecisionRecord& record, int keep,
                                               std::uint64_t term) override;
  absl::Status UpdateDecisionOutcome(absl::string_view ep_group, PlanVersion plan,
                                     absl::string_view outcome, std::uint64_t term) override;
  absl::StatusOr<std::vector<DecisionRecord>> Decisions(absl::string_view ep_group,
                                                        int limit) const override;

 private:
  struct Group {
    std::uint64_t last_sequence = 0;
    std::vector<PlanRecord> records;       // By sequence, ascending.
    std::deque<DecisionRecord> decisions;  // By number, ascending.
  };

  absl::Status CheckTerm(std::uint64_t term) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Group* FindGroup(absl::string_view ep_group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Group* FindGroup(absl::string_view ep_group) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<PlanRecord*> FindForWrite(absl::string_view ep_group, PlanVersion version,
                                           std::uint64_t term)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::uint64_t term_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Group, std::less<>> groups_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, GroupPause, std::less<>> pauses_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, GroupMembership, std::less<>> memberships_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ballast

#endif  // BALLAST_CORE_STORE_IN_MEMORY_PLAN_STORE_H_
