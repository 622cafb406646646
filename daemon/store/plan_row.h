#ifndef BALLAST_DAEMON_STORE_PLAN_ROW_H_
#define BALLAST_DAEMON_STORE_PLAN_ROW_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/store/plan_store.h"
#include "daemon/store/sqlite_database.h"

namespace ballast {

// One row of the table `plan`, schema version 1. SQLite has no checksums, so each
// row carries two digests of ours: the plan's over its blobs, and one over all
// other columns, `row_digest`. Blobs are u16 little-endian, [num_layers * num_slots].

inline constexpr char kCreatePlanTable[] =
    "CREATE TABLE plan ("
    "  ep_group TEXT NOT NULL, sequence INTEGER NOT NULL, term INTEGER NOT NULL,"
    "  state INTEGER NOT NULL, digest BLOB NOT NULL,"
    "  base_term INTEGER NOT NULL, base_sequence INTEGER NOT NULL, base_digest BLOB NOT NULL,"
    "  num_layers INTEGER NOT NULL, num_experts INTEGER NOT NULL,"
    "  num_expert_groups INTEGER NOT NULL, top_k INTEGER NOT NULL, expert_bytes INTEGER NOT NULL,"
    "  topology_fingerprint INTEGER NOT NULL, num_slots INTEGER NOT NULL,"
    "  planner TEXT NOT NULL, reason TEXT NOT NULL,"
    "  imbalance_before REAL NOT NULL, imbalance_after REAL NOT NULL,"
    "  moved_slots INTEGER NOT NULL, proposed_ns INTEGER, decided_ns INTEGER,"
    "  row_digest BLOB NOT NULL, experts BLOB NOT NULL, shares BLOB NOT NULL,"
    "  PRIMARY KEY (ep_group, sequence))";

// What a SELECT must ask for, in this order, before ReadPlanRow().
#define BALLAST_PLAN_ROW_COLUMNS                                                     \
  "ep_group, sequence, term, state, digest, base_term, base_sequence, base_digest, " \
  "num_layers, num_experts, num_expert_groups, top_k, expert_bytes, "                \
  "topology_fingerprint, num_slots, planner, reason, imbalance_before, "             \
  "imbalance_after, moved_slots, proposed_ns, decided_ns, row_digest"
#define BALLAST_PLAN_ROW_COLUMNS_AND_BLOBS BALLAST_PLAN_ROW_COLUMNS ", experts, shares"

inline constexpr char kInsertPlanRow[] =
    "INSERT INTO plan (" BALLAST_PLAN_ROW_COLUMNS_AND_BLOBS
    ") VALUES "
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

// Digest over all columns but the blobs, which record.id.digest covers.
Digest PlanRowDigest(const PlanRecord& record);

// Binds all parameters of kInsertPlanRow.
void BindPlanRow(const PlanRecord& record, SqliteStatement& insert);

// Nanoseconds since 1970, as the columns hold a time; none for the infinite past.
std::optional<std::int64_t> StoredTime(absl::Time time);

// The current row. DataLoss, naming group and version, if a digest does not match.
// `with_plan` needs the blobs in the SELECT; otherwise the plan is empty but for
// version, fingerprint and number of slots.
absl::StatusOr<PlanRecord> ReadPlanRow(const SqliteStatement& row, bool with_plan);

}  // namespace ballast

#endif  // BALLAST_DAEMON_STORE_PLAN_ROW_H_
