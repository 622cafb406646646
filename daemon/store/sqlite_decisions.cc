// The decisions of SqlitePlanStore; its plans are in sqlite_plan_store.cc.
#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"
#include "core/store/plan_store_errors.h"
#include "daemon/store/decision_row.h"
#include "daemon/store/sqlite_plan_store.h"

namespace ballast {

absl::StatusOr<std::uint64_t> SqlitePlanStore::AppendDecision(const DecisionRecord& record,
                                                              int keep, std::uint64_t term) {
  BALLAST_RETURN_IF_ERROR(CheckDecision(record));
  BALLAST_RETURN_IF_ERROR(CheckDecisionsKept(keep));
  DecisionRecord stored = record;
  const absl::Status status = Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(CheckTerm(term));
    BALLAST_ASSIGN_OR_RETURN(SqliteStatement largest,
                             Prepare("SELECT max(number) FROM decision WHERE ep_group = ?"));
    BALLAST_RETURN_IF_ERROR(largest.BindText(record.ep_group).Step().status());
    stored.number = largest.Unsigned(0) + 1;  // max() of no rows is NULL, read as 0.
    BALLAST_ASSIGN_OR_RETURN(SqliteStatement insert, Prepare(kInsertDecisionRow));
    BindDecisionRow(stored, insert);
    BALLAST_RETURN_IF_ERROR(insert.Run());
    BALLAST_ASSIGN_OR_RETURN(
        SqliteStatement remove,
        Prepare(
            "DELETE FROM decision WHERE ep_group = ?1 AND number NOT IN"
            " (SELECT number FROM decision WHERE ep_group = ?1 ORDER BY number DESC LIMIT ?2)"));
    return remove.BindText(record.ep_group).Bind(keep).Run();
  });
  if (!status.ok()) return status;
  return stored.number;
}

absl::Status SqlitePlanStore::UpdateDecisionOutcome(absl::string_view ep_group, PlanVersion plan,
                                                    absl::string_view outcome, std::uint64_t term) {
  return Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(CheckTerm(term));
    if (plan == PlanVersion{}) return NoSuchDecision(ep_group, plan);
    BALLAST_ASSIGN_OR_RETURN(
        SqliteStatement select,
        Prepare("SELECT " BALLAST_DECISION_ROW_COLUMNS
                " FROM decision WHERE ep_group = ? AND plan_term = ? AND plan_sequence = ?"));
    select.BindText(ep_group).BindUnsigned(plan.term).BindUnsigned(plan.sequence);
    BALLAST_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return NoSuchDecision(ep_group, plan);
    BALLAST_ASSIGN_OR_RETURN(DecisionRecord record, ReadDecisionRow(select));
    record.outcome = std::string(outcome);
    const Digest digest = DecisionRowDigest(record);
    BALLAST_ASSIGN_OR_RETURN(SqliteStatement update,
                             Prepare("UPDATE decision SET outcome = ?, row_digest = ?"
                                     " WHERE ep_group = ? AND number = ?"));
    return update.BindText(record.outcome)
        .BindBlob({reinterpret_cast<const char*>(digest.data()), digest.size()})
        .BindText(ep_group)
        .BindUnsigned(record.number)
        .Run();
  });
}

absl::StatusOr<std::vector<DecisionRecord>> SqlitePlanStore::Decisions(absl::string_view ep_group,
                                                                       int limit) const {
  absl::MutexLock lock(&read_mutex_);
  BALLAST_ASSIGN_OR_RETURN(
      SqliteStatement select,
      SqliteStatement::Prepare(reader_.get(),
                               "SELECT " BALLAST_DECISION_ROW_COLUMNS
                               " FROM decision WHERE ep_group = ? ORDER BY number DESC LIMIT ?"));
  select.BindText(ep_group).Bind(std::max(limit, 0));
  std::vector<DecisionRecord> newest;
  while (true) {
    BALLAST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return newest;
    BALLAST_ASSIGN_OR_RETURN(DecisionRecord record, ReadDecisionRow(select));
    newest.push_back(std::move(record));
  }
}

}  // namespace ballast
