#include "core/store/in_memory_plan_store.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "core/base/status_macros.h"
#include "core/store/plan_store_errors.h"

namespace ballast {
namespace {

const PlanRecord* NewestInState(const std::vector<PlanRecord>& records, PlanState state) {
  const auto newest = std::find_if(records.rbegin(), records.rend(),
                                   [state](const auto& record) { return record.state == state; });
  return newest == records.rend() ? nullptr : &*newest;
}

}  // namespace

absl::Status InMemoryPlanStore::CheckTerm(std::uint64_t term) const {
  return CheckStoreTerm(term, term_);
}

InMemoryPlanStore::Group* InMemoryPlanStore::FindGroup(absl::string_view ep_group) {
  const auto group = groups_.find(ep_group);
  return group == groups_.end() ? nullptr : &group->second;
}

const InMemoryPlanStore::Group* InMemoryPlanStore::FindGroup(absl::string_view ep_group) const {
  const auto group = groups_.find(ep_group);
  return group == groups_.end() ? nullptr : &group->second;
}

absl::StatusOr<std::uint64_t> InMemoryPlanStore::BeginTerm() {
  absl::MutexLock lock(&mutex_);
  return ++term_;
}

absl::StatusOr<PlanVersion> InMemoryPlanStore::Propose(const PlanRecord& record,
                                                       std::uint64_t term) {
  BALLAST_RETURN_IF_ERROR(CheckProposal(record));
  absl::MutexLock lock(&mutex_);
  BALLAST_RETURN_IF_ERROR(CheckTerm(term));
  if (const Group* group = FindGroup(record.ep_group)) {
    std::optional<PlanId> decided;
    std::optional<PlanVersion> preparing;
    if (const auto* newest = NewestInState(group->records, PlanState::kDecided)) {
      decided = newest->id;
    }
    if (const auto* newest = NewestInState(group->records, PlanState::kPreparing)) {
      preparing = newest->id.version;
    }
    BALLAST_RETURN_IF_ERROR(CheckStoreBase(record.ep_group, record.base, decided, preparing));
  }
  Group& group = groups_[record.ep_group];
  PlanRecord stored = record;
  stored.id.version = {.term = term, .sequence = ++group.last_sequence};
  stored.plan.version = stored.id.version;
  stored.state = PlanState::kPreparing;
  stored.decided = absl::InfinitePast();
  group.records.push_back(std::move(stored));
  return group.records.back().id.version;
}

absl::StatusOr<PlanRecord*> InMemoryPlanStore::FindForWrite(absl::string_view ep_group,
                                                            PlanVersion version,
                                                            std::uint64_t term) {
  BALLAST_RETURN_IF_ERROR(CheckTerm(term));
  if (Group* group = FindGroup(ep_group)) {
    for (PlanRecord& record : group->records) {
      if (record.id.version == version) return &record;
    }
  }
  return NoSuchPlan(ep_group, version);
}

absl::Status InMemoryPlanStore::Decide(absl::string_view ep_group, PlanVersion version,
                                       std::uint64_t term, absl::Time when) {
  absl::MutexLock lock(&mutex_);
  BALLAST_ASSIGN_OR_RETURN(PlanRecord* const record, FindForWrite(ep_group, version, term));
  if (record->state == PlanState::kAborted) return PlanIsAborted(ep_group, version);
  if (record->state == PlanState::kDecided) return absl::OkStatus();
  record->state = PlanState::kDecided;
  record->decided = when;
  return absl::OkStatus();
}

absl::Status InMemoryPlanStore::Abort(absl::string_view ep_group, PlanVersion version,
                                      std::uint64_t term, absl::string_view reason) {
  absl::MutexLock lock(&mutex_);
  BALLAST_ASSIGN_OR_RETURN(PlanRecord* const record, FindForWrite(ep_group, version, term));
  if (record->state == PlanState::kDecided) return PlanIsDecided(ep_group, version);
  if (record->state == PlanState::kAborted) return absl::OkStatus();
  record->state = PlanState::kAborted;
  record->reason = std::string(reason);
  return absl::OkStatus();
}

absl::StatusOr<PlanRecord> InMemoryPlanStore::LatestDecided(absl::string_view ep_group) const {
  absl::MutexLock lock(&mutex_);
  if (const Group* group = FindGroup(ep_group)) {
    if (const auto* newest = NewestInState(group->records, PlanState::kDecided)) return *newest;
  }
  return NoDecidedPlan(ep_group);
}

absl::StatusOr<std::vector<PlanRecord>> InMemoryPlanStore::Preparing(
    absl::string_view ep_group) const {
  absl::MutexLock lock(&mutex_);
  std::vector<PlanRecord> preparing;
  if (const Group* group = FindGroup(ep_group)) {
    std::copy_if(group->records.begin(), group->records.end(), std::back_inserter(preparing),
                 [](const PlanRecord& record) { return record.state == PlanState::kPreparing; });
  }
  return preparing;
}

absl::StatusOr<PlanRecord> InMemoryPlanStore::Get(absl::string_view ep_group,
                                                  PlanVersion version) const {
  absl::MutexLock lock(&mutex_);
  if (const Group* group = FindGroup(ep_group)) {
    for (const PlanRecord& record : group->records) {
      if (record.id.version == version) return record;
    }
  }
  return NoSuchPlan(ep_group, version);
}

absl::StatusOr<std::vector<PlanRecord>> InMemoryPlanStore::History(absl::string_view ep_group,
                                                                   int limit) const {
  absl::MutexLock lock(&mutex_);
  std::vector<PlanRecord> history;
  const Group* group = FindGroup(ep_group);
  if (group == nullptr) return history;
  for (auto record = group->records.rbegin(); record != group->records.rend(); ++record) {
    if (static_cast<int>(history.size()) >= limit) break;
    PlanRecord& copy = history.emplace_back(*record);
    copy.plan = PlacementPlan();
    copy.plan.version = record->id.version;
  }
  return history;
}

absl::Status InMemoryPlanStore::Prune(absl::string_view ep_group, int keep, std::uint64_t term) {
  if (keep < 0) return BadKeep(keep);
  absl::MutexLock lock(&mutex_);
  BALLAST_RETURN_IF_ERROR(CheckTerm(term));
  Group* group = FindGroup(ep_group);
  if (group == nullptr) return absl::OkStatus();
  std::vector<PlanRecord>& records = group->records;
  const PlanRecord* newest = NewestInState(records, PlanState::kDecided);
  const PlanVersion decided = newest != nullptr ? newest->id.version : PlanVersion{};
  const auto end =
      records.size() <= static_cast<std::size_t>(keep) ? records.begin() : records.end() - keep;
  records.erase(std::remove_if(records.begin(), end,
                               [&decided](const PlanRecord& record) {
                                 return record.id.version != decided &&
                                        record.state != PlanState::kPreparing;
                               }),
                end);
  return absl::OkStatus();
}

absl::Status InMemoryPlanStore::SetPause(absl::string_view ep_group, const GroupPause& pause,
                                         std::uint64_t term) {
  if (ep_group.empty()) return PauseOfNoGroup();
  absl::MutexLock lock(&mutex_);
  BALLAST_RETURN_IF_ERROR(CheckTerm(term));
  pauses_.insert_or_assign(std::string(ep_group), pause);
  return absl::OkStatus();
}

absl::StatusOr<GroupPause> InMemoryPlanStore::Pause(absl::string_view ep_group) const {
  absl::MutexLock lock(&mutex_);
  const auto pause = pauses_.find(ep_group);
  return pause == pauses_.end() ? GroupPause() : pause->second;
}

absl::Status InMemoryPlanStore::SetMembership(absl::string_view ep_group,
                                              const GroupMembership& membership,
                                              std::uint64_t term) {
  if (ep_group.empty()) return MembershipOfNoGroup();
  absl::MutexLock lock(&mutex_);
  BALLAST_RETURN_IF_ERROR(CheckTerm(term));
  GroupMembership& stored = memberships_[std::string(ep_group)];
  BALLAST_RETURN_IF_ERROR(CheckGeneration(stored.generation, membership.generation));
  stored = membership;
  return absl::OkStatus();
}

absl::StatusOr<GroupMembership> InMemoryPlanStore::Membership(absl::string_view ep_group) const {
  absl::MutexLock lock(&mutex_);
  const auto membership = memberships_.find(ep_group);
  return membership == memberships_.end() ? GroupMembership() : membership->second;
}

absl::StatusOr<std::uint64_t> InMemoryPlanStore::AppendDecision(const DecisionRecord& record,
                                                                int keep, std::uint64_t term) {
  BALLAST_RETURN_IF_ERROR(CheckDecision(record));
  BALLAST_RETURN_IF_ERROR(CheckDecisionsKept(keep));
  absl::MutexLock lock(&mutex_);
  BALLAST_RETURN_IF_ERROR(CheckTerm(term));
  std::deque<DecisionRecord>& decisions = groups_[record.ep_group].decisions;
  DecisionRecord stored = record;
  stored.number = decisions.empty() ? 1 : decisions.back().number + 1;
  decisions.push_back(std::move(stored));
  while (decisions.size() > static_cast<std::size_t>(keep)) decisions.pop_front();
  return decisions.back().number;
}

absl::Status InMemoryPlanStore::UpdateDecisionOutcome(absl::string_view ep_group, PlanVersion plan,
                                                      absl::string_view outcome,
                                                      std::uint64_t term) {
  absl::MutexLock lock(&mutex_);
  BALLAST_RETURN_IF_ERROR(CheckTerm(term));
  Group* group = FindGroup(ep_group);
  if (group == nullptr || plan == PlanVersion{}) return NoSuchDecision(ep_group, plan);
  for (DecisionRecord& decision : group->decisions) {
    if (decision.plan != plan) continue;
    decision.outcome = std::string(outcome);
    return absl::OkStatus();
  }
  return NoSuchDecision(ep_group, plan);
}

absl::StatusOr<std::vector<DecisionRecord>> InMemoryPlanStore::Decisions(absl::string_view ep_group,
                                                                         int limit) const {
  absl::MutexLock lock(&mutex_);
  std::vector<DecisionRecord> newest;
  const Group* group = FindGroup(ep_group);
  if (group == nullptr) return newest;
  for (auto decision = group->decisions.rbegin(); decision != group->decisions.rend(); ++decision) {
    if (static_cast<int>(newest.size()) >= limit) break;
    newest.push_back(*decision);
  }
  return newest;
}

}  // namespace ballast
