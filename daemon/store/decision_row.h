#ifndef BALLAST_DAEMON_STORE_DECISION_ROW_H_
#define BALLAST_DAEMON_STORE_DECISION_ROW_H_

#include "absl/status/statusor.h"
#include "core/store/decision_record.h"
#include "daemon/store/sqlite_database.h"

namespace ballast {

// One row of the table `decision`, since schema version 2. As with plans, each row
// carries a digest of ours over its other columns. Digests are blobs of 32 bytes.

inline constexpr char kCreateDecisionTable[] =
    "CREATE TABLE decision ("
    "  ep_group TEXT NOT NULL, number INTEGER NOT NULL, solved_ns INTEGER,"
    "  step INTEGER NOT NULL,"
    "  base_term INTEGER NOT NULL, base_sequence INTEGER NOT NULL, base_digest BLOB NOT NULL,"
    "  plan_digest BLOB NOT NULL, input_digest BLOB NOT NULL,"
    "  planner TEXT NOT NULL, branch TEXT NOT NULL,"
    "  straggler_load_now REAL NOT NULL, straggler_load_new REAL NOT NULL,"
    "  imbalance_now REAL NOT NULL, imbalance_new REAL NOT NULL, imbalance_initial REAL NOT NULL,"
    "  balancedness_now REAL NOT NULL, balancedness_new REAL NOT NULL, lower_bound REAL NOT NULL,"
    "  gain REAL NOT NULL, required_gain REAL NOT NULL,"
    "  benefit_seconds REAL NOT NULL, cost_seconds REAL NOT NULL, moved_slots INTEGER NOT NULL,"
    "  same_row_bytes INTEGER NOT NULL, cross_row_bytes INTEGER NOT NULL,"
    "  busiest_rank_bytes INTEGER NOT NULL, solve_milliseconds REAL NOT NULL,"
    "  reason TEXT NOT NULL, plan_term INTEGER NOT NULL, plan_sequence INTEGER NOT NULL,"
    "  outcome TEXT NOT NULL, row_digest BLOB NOT NULL,"
    "  PRIMARY KEY (ep_group, number))";

// What a SELECT must ask for, in this order, before ReadDecisionRow().
#define BALLAST_DECISION_ROW_COLUMNS                                                      \
  "ep_group, number, solved_ns, step, base_term, base_sequence, base_digest, "            \
  "plan_digest, input_digest, planner, branch, straggler_load_now, straggler_load_new, "  \
  "imbalance_now, imbalance_new, imbalance_initial, balancedness_now, balancedness_new, " \
  "lower_bound, gain, required_gain, benefit_seconds, cost_seconds, moved_slots, "        \
  "same_row_bytes, cross_row_bytes, busiest_rank_bytes, solve_milliseconds, reason, "     \
  "plan_term, plan_sequence, outcome, row_digest"

inline constexpr char kInsertDecisionRow[] =
    "INSERT INTO decision (" BALLAST_DECISION_ROW_COLUMNS
    ") VALUES "
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
    " ?, ?)";

// Digest over all other columns.
Digest DecisionRowDigest(const DecisionRecord& record);

// Binds all parameters of kInsertDecisionRow.
void BindDecisionRow(const DecisionRecord& record, SqliteStatement& insert);

// The current row. DataLoss, naming group and number, if its digest does not match.
absl::StatusOr<DecisionRecord> ReadDecisionRow(const SqliteStatement& row);

}  // namespace ballast

#endif  // BALLAST_DAEMON_STORE_DECISION_ROW_H_
