#include "daemon/store/sqlite_plan_store.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"
#include "core/store/plan_store_errors.h"
#include "daemon/store/decision_row.h"
#include "daemon/store/plan_row.h"

namespace ballast {
namespace {

// Schema 1 had plans only, schema 2 added the decisions.
constexpr int kOldestSchema = 1;

// Only the recovery of a WAL and who locks the whole file keep a reader waiting. Chosen: well
// below the patience of those who ask; the threads of the gRPC port wait here.
constexpr absl::Duration kReadBusyTimeout = absl::Milliseconds(500);

// The schema version of the file, 0 if it is empty. FailedPrecondition unless it is
// empty, or ours and not of a newer program.
absl::StatusOr<int> CheckIdentity(const SqliteDatabase& db, const std::string& path) {
  BALLAST_ASSIGN_OR_RETURN(const std::int64_t application, db.QueryInt("PRAGMA application_id"));
  BALLAST_ASSIGN_OR_RETURN(const std::int64_t schema, db.QueryInt("PRAGMA user_version"));
  BALLAST_ASSIGN_OR_RETURN(const std::int64_t objects,
                           db.QueryInt("SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && schema == 0 && objects == 0) return 0;
  if (application != SqlitePlanStore::kApplicationId) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": not a plan store: application id ",
                                                      absl::Hex(application), ", not ",
                                                      absl::Hex(SqlitePlanStore::kApplicationId)));
  }
  if (schema < kOldestSchema || schema > SqlitePlanStore::kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": schema version ", schema, ", this program knows ", SqlitePlanStore::kSchemaVersion,
        schema > SqlitePlanStore::kSchemaVersion ? "; a newer program made it" : ""));
  }
  return static_cast<int>(schema);
}

absl::Status CreatePlanTables(const SqliteDatabase& db) {
  BALLAST_RETURN_IF_ERROR(db.Execute(kCreatePlanTable));
  BALLAST_RETURN_IF_ERROR(
      db.Execute("CREATE TABLE ep_group (name TEXT PRIMARY KEY NOT NULL,"
                 "  last_sequence INTEGER NOT NULL, decided_sequence INTEGER NOT NULL)"));
  BALLAST_RETURN_IF_ERROR(
      db.Execute("CREATE TABLE store_term (id INTEGER PRIMARY KEY CHECK (id = 1),"
                 "  term INTEGER NOT NULL)"));
  BALLAST_RETURN_IF_ERROR(db.Execute("INSERT INTO store_term VALUES (1, 0)"));
  return db.Execute(
      absl::StrCat("PRAGMA application_id = ", SqlitePlanStore::kApplicationId).c_str());
}

// From `schema`, 0 for an empty file, to ours.
absl::Status BringUpToDate(const SqliteDatabase& db, int schema) {
  if (schema < 1) BALLAST_RETURN_IF_ERROR(CreatePlanTables(db));
  if (schema < 2) BALLAST_RETURN_IF_ERROR(db.Execute(kCreateDecisionTable));
  return db.Execute(
      absl::StrCat("PRAGMA user_version = ", SqlitePlanStore::kSchemaVersion).c_str());
}

// A table of its own beside the plans, so that a file without it is as good as one with it.
absl::Status CreatePauseTable(const SqliteDatabase& db) {
  return db.Execute(
      "CREATE TABLE IF NOT EXISTS group_pause (ep_group TEXT PRIMARY KEY NOT NULL,"
      "  paused INTEGER NOT NULL, reason TEXT NOT NULL, who TEXT NOT NULL,"
      "  when_ns INTEGER NOT NULL)");
}

// The same for who has left a group. `absent` holds ranks, with blanks between them.
absl::Status CreateMembershipTable(const SqliteDatabase& db) {
  return db.Execute(
      "CREATE TABLE IF NOT EXISTS group_membership (ep_group TEXT PRIMARY KEY NOT NULL,"
      "  generation INTEGER NOT NULL, absent TEXT NOT NULL)");
}

absl::StatusOr<std::vector<RankId>> RanksOfText(absl::string_view ep_group,
                                                const std::string& text) {
  std::vector<RankId> ranks;
  for (const absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    RankId rank;
    if (!absl::SimpleAtoi(part, &rank.value)) {
      return absl::DataLossError(
          absl::StrCat("group ", ep_group, ": '", part, "' among the ranks that left"));
    }
    ranks.push_back(rank);
  }
  return ranks;
}

absl::Status SetDurable(const SqliteDatabase& db, const std::string& path) {
  BALLAST_ASSIGN_OR_RETURN(const std::string mode, db.QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": journal mode ", mode, "; the file system can not do WAL"));
  }
  return db.Execute("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqlitePlanStore>> SqlitePlanStore::Open(
    const std::string& path, absl::Duration busy_timeout) {
  BALLAST_ASSIGN_OR_RETURN(SqliteDatabase db, SqliteDatabase::Open(path, busy_timeout));
  BALLAST_RETURN_IF_ERROR(CheckIdentity(db, path).status());
  BALLAST_RETURN_IF_ERROR(SetDurable(db, path));
  {
    // Looked at again under the write lock: two daemons may have found one file.
    BALLAST_ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::BeginWrite(db));
    BALLAST_ASSIGN_OR_RETURN(const int schema, CheckIdentity(db, path));
    if (schema < kSchemaVersion) BALLAST_RETURN_IF_ERROR(BringUpToDate(db, schema));
    BALLAST_RETURN_IF_ERROR(CreatePauseTable(db));
    BALLAST_RETURN_IF_ERROR(CreateMembershipTable(db));
    BALLAST_RETURN_IF_ERROR(transaction.Commit());
  }
  BALLAST_ASSIGN_OR_RETURN(
      SqliteDatabase reader,
      SqliteDatabase::OpenReadOnly(path, std::min(busy_timeout, kReadBusyTimeout)));
  return absl::WrapUnique(new SqlitePlanStore(std::move(db), std::move(reader)));
}

absl::Status SqlitePlanStore::WriteFault() const {
  absl::MutexLock lock(&fault_mutex_);
  return write_fault_;
}

absl::Status SqlitePlanStore::Write(absl::FunctionRef<absl::Status()> body) {
  absl::MutexLock lock(&mutex_);
  if (const absl::Status fault = WriteFault(); !fault.ok()) {
    return absl::UnavailableError(
        absl::StrCat("an earlier write failed, open the store again: ", fault.message()));
  }
  const absl::Status status = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::BeginWrite(db_));
    BALLAST_RETURN_IF_ERROR(body());
    return transaction.Commit();
  }();
  if (IsFailedWrite(status)) {
    absl::MutexLock fault_lock(&fault_mutex_);
    write_fault_ = status;
  }
  return status;
}

absl::StatusOr<SqliteStatement> SqlitePlanStore::Prepare(const char* sql) const {
  return SqliteStatement::Prepare(db_.get(), sql);
}

absl::Status SqlitePlanStore::CheckTerm(std::uint64_t term) const {
  BALLAST_ASSIGN_OR_RETURN(const std::int64_t stored, db_.QueryInt("SELECT term FROM store_term"));
  return CheckStoreTerm(term, static_cast<std::uint64_t>(stored));
}

absl::StatusOr<std::optional<SqlitePlanStore::Head>> SqlitePlanStore::ReadHead(
    const SqliteDatabase& db, absl::string_view ep_group) {
  BALLAST_ASSIGN_OR_RETURN(
      SqliteStatement select,
      SqliteStatement::Prepare(
          db.get(), "SELECT last_sequence, decided_sequence FROM ep_group WHERE name = ?"));
  BALLAST_ASSIGN_OR_RETURN(const bool found, select.BindText(ep_group).Step());
  if (!found) return std::nullopt;
  return Head{.last_sequence = select.Unsigned(0), .decided_sequence = select.Unsigned(1)};
}

absl::Status SqlitePlanStore::WriteHead(absl::string_view ep_group, const Head& head) {
  BALLAST_ASSIGN_OR_RETURN(SqliteStatement replace,
                           Prepare("INSERT OR REPLACE INTO ep_group VALUES (?, ?, ?)"));
  return replace.BindText(ep_group)
      .BindUnsigned(head.last_sequence)
      .BindUnsigned(head.decided_sequence)
      .Run();
}

absl::StatusOr<std::optional<PlanRecord>> SqlitePlanStore::ReadDecided(const SqliteDatabase& db,
                                                                       absl::string_view ep_group) {
  BALLAST_ASSIGN_OR_RETURN(
      SqliteStatement select,
      SqliteStatement::Prepare(
          db.get(), "SELECT " BALLAST_PLAN_ROW_COLUMNS_AND_BLOBS
                    " FROM plan WHERE ep_group = ? AND state = ? ORDER BY sequence DESC LIMIT 1"));
  select.BindText(ep_group).Bind(static_cast<int>(PlanState::kDecided));
  BALLAST_ASSIGN_OR_RETURN(const bool found, select.Step());
  BALLAST_ASSIGN_OR_RETURN(const std::optional<Head> head, ReadHead(db, ep_group));
  const std::uint64_t expected = head.has_value() ? head->decided_sequence : 0;
  const std::uint64_t newest = found ? select.Unsigned(1) : 0;
  if (newest != expected) {
    return absl::DataLossError(absl::StrCat("EP group ", ep_group, ": the newest decided plan is ",
                                            expected, " by its head, ", newest, " by its rows"));
  }
  if (!found) return std::nullopt;
  return ReadPlanRow(select, /*with_plan=*/true);
}

absl::StatusOr<std::vector<PlanRecord>> SqlitePlanStore::ReadPreparing(const SqliteDatabase& db,
                                                                       absl::string_view ep_group) {
  BALLAST_ASSIGN_OR_RETURN(
      SqliteStatement select,
      SqliteStatement::Prepare(db.get(), "SELECT " BALLAST_PLAN_ROW_COLUMNS_AND_BLOBS
                                         " FROM plan WHERE ep_group = ? AND state = ?"
                                         " ORDER BY sequence"));
  select.BindText(ep_group).Bind(static_cast<int>(PlanState::kPreparing));
  std::vector<PlanRecord> preparing;
  while (true) {
    BALLAST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return preparing;
    BALLAST_ASSIGN_OR_RETURN(PlanRecord record, ReadPlanRow(select, /*with_plan=*/true));
    preparing.push_back(std::move(record));
  }
}

absl::StatusOr<PlanRecord> SqlitePlanStore::ReadPlan(const SqliteDatabase& db,
                                                     absl::string_view ep_group,
                                                     PlanVersion version) {
  BALLAST_ASSIGN_OR_RETURN(
      SqliteStatement select,
      SqliteStatement::Prepare(db.get(), "SELECT " BALLAST_PLAN_ROW_COLUMNS_AND_BLOBS
                                         " FROM plan WHERE ep_group = ? AND sequence = ?"));
  BALLAST_ASSIGN_OR_RETURN(const bool found,
                           select.BindText(ep_group).BindUnsigned(version.sequence).Step());
  if (!found) return NoSuchPlan(ep_group, version);
  BALLAST_ASSIGN_OR_RETURN(PlanRecord record, ReadPlanRow(select, /*with_plan=*/true));
  if (record.id.version != version) return NoSuchPlan(ep_group, version);
  return record;
}

absl::Status SqlitePlanStore::Insert(const PlanRecord& record) {
  BALLAST_ASSIGN_OR_RETURN(SqliteStatement insert, Prepare(kInsertPlanRow));
  BindPlanRow(record, insert);
  return insert.Run();
}

absl::Status SqlitePlanStore::UpdateState(const PlanRecord& record) {
  BALLAST_ASSIGN_OR_RETURN(SqliteStatement update,
                           Prepare("UPDATE plan SET state = ?, reason = ?, decided_ns = ?,"
                                   " row_digest = ? WHERE ep_group = ? AND sequence = ?"));
  const Digest digest = PlanRowDigest(record);
  return update.Bind(static_cast<int>(record.state))
      .BindText(record.reason)
      .BindOptional(StoredTime(record.decided))
      .BindBlob({reinterpret_cast<const char*>(digest.data()), digest.size()})
      .BindText(record.ep_group)
      .BindUnsigned(record.id.version.sequence)
      .Run();
}

absl::StatusOr<std::uint64_t> SqlitePlanStore::BeginTerm() {
  std::uint64_t term = 0;
  const absl::Status status = Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(db_.Execute("UPDATE store_term SET term = term + 1"));
    BALLAST_ASSIGN_OR_RETURN(const std::int64_t stored,
                             db_.QueryInt("SELECT term FROM store_term"));
    term = static_cast<std::uint64_t>(stored);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return term;
}

absl::StatusOr<SqlitePlanStore::Survey> SqlitePlanStore::SurveyRows(
    absl::string_view ep_group) const {
  BALLAST_ASSIGN_OR_RETURN(SqliteStatement select,
                           Prepare("SELECT " BALLAST_PLAN_ROW_COLUMNS_AND_BLOBS
                                   " FROM plan WHERE ep_group = ? ORDER BY sequence DESC"));
  select.BindText(ep_group);
  Survey survey;
  while (true) {
    BALLAST_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return survey;
    const std::uint64_t sequence = select.Unsigned(1);
    const auto state = static_cast<PlanState>(select.Int(3));
    survey.head.last_sequence = std::max(survey.head.last_sequence, sequence);
    // The placements of older plans are of interest to nobody yet.
    const bool newest_decided = state == PlanState::kDecided && survey.head.decided_sequence == 0;
    const absl::Status status =
        ReadPlanRow(select, newest_decided || state == PlanState::kPreparing).status();
    if (!status.ok()) {
      survey.damaged.push_back(sequence);
      survey.findings.emplace_back(status.message());
    } else if (newest_decided) {
      survey.head.decided_sequence = sequence;
    }
  }
}

absl::Status SqlitePlanStore::SetAside(absl::string_view ep_group, std::uint64_t sequence) {
  BALLAST_RETURN_IF_ERROR(
      db_.Execute("CREATE TABLE IF NOT EXISTS damaged_plan AS SELECT * FROM plan WHERE 0"));
  for (const char* sql :
       {"INSERT INTO damaged_plan SELECT * FROM plan WHERE ep_group = ? AND sequence = ?",
        "DELETE FROM plan WHERE ep_group = ? AND sequence = ?"}) {
    BALLAST_ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(sql));
    BALLAST_RETURN_IF_ERROR(statement.BindText(ep_group).BindUnsigned(sequence).Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SqlitePlanStore::SetDamagedAside(
    absl::string_view ep_group, std::uint64_t term) {
  std::vector<std::string> findings;
  const absl::Status status = Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(CheckTerm(term));
    BALLAST_ASSIGN_OR_RETURN(Survey survey, SurveyRows(ep_group));
    BALLAST_ASSIGN_OR_RETURN(const std::optional<Head> stored, ReadHead(db_, ep_group));
    const Head head = stored.value_or(Head());
    findings = std::move(survey.findings);
    const bool head_is_damaged = std::find(survey.damaged.begin(), survey.damaged.end(),
                                           head.decided_sequence) != survey.damaged.end();
    if (head.decided_sequence != survey.head.decided_sequence && !head_is_damaged) {
      findings.push_back(absl::StrCat("EP group ", ep_group, ": the newest decided plan is ",
                                      head.decided_sequence, " by its head, ",
                                      survey.head.decided_sequence, " by its rows"));
    }
    if (findings.empty()) return absl::OkStatus();
    for (std::uint64_t sequence : survey.damaged) {
      BALLAST_RETURN_IF_ERROR(SetAside(ep_group, sequence));
    }
    survey.head.last_sequence = std::max(survey.head.last_sequence, head.last_sequence);
    return WriteHead(ep_group, survey.head);
  });
  if (!status.ok()) return status;
  return findings;
}

absl::StatusOr<PlanVersion> SqlitePlanStore::Propose(const PlanRecord& record, std::uint64_t term) {
  BALLAST_RETURN_IF_ERROR(CheckProposal(record));
  PlanRecord stored = record;
  const absl::Status status = Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(CheckTerm(term));
    BALLAST_ASSIGN_OR_RETURN(const std::optional<PlanRecord> decided,
                             ReadDecided(db_, record.ep_group));
    BALLAST_ASSIGN_OR_RETURN(const std::vector<PlanRecord> preparing,
                             ReadPreparing(db_, record.ep_group));
    BALLAST_RETURN_IF_ERROR(CheckStoreBase(
        record.ep_group, record.base,
        decided.has_value() ? std::optional(decided->id) : std::nullopt,
        preparing.empty() ? std::nullopt : std::optional(preparing.back().id.version)));
    BALLAST_ASSIGN_OR_RETURN(const std::optional<Head> head, ReadHead(db_, record.ep_group));
    Head next = head.value_or(Head());
    ++next.last_sequence;
    stored.id.version = {.term = term, .sequence = next.last_sequence};
    stored.state = PlanState::kPreparing;
    stored.decided = absl::InfinitePast();
    BALLAST_RETURN_IF_ERROR(WriteHead(record.ep_group, next));
    return Insert(stored);
  });
  if (!status.ok()) return status;
  return stored.id.version;
}

absl::Status SqlitePlanStore::Decide(absl::string_view ep_group, PlanVersion version,
                                     std::uint64_t term, absl::Time when) {
  return Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(CheckTerm(term));
    BALLAST_ASSIGN_OR_RETURN(PlanRecord record, ReadPlan(db_, ep_group, version));
    if (record.state == PlanState::kAborted) return PlanIsAborted(ep_group, version);
    if (record.state == PlanState::kDecided) return absl::OkStatus();
    record.state = PlanState::kDecided;
    record.decided = when;
    BALLAST_RETURN_IF_ERROR(UpdateState(record));
    BALLAST_ASSIGN_OR_RETURN(const std::optional<Head> head, ReadHead(db_, ep_group));
    Head next = head.value_or(Head());
    next.decided_sequence = version.sequence;
    return WriteHead(ep_group, next);
  });
}

absl::Status SqlitePlanStore::Abort(absl::string_view ep_group, PlanVersion version,
                                    std::uint64_t term, absl::string_view reason) {
  return Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(CheckTerm(term));
    BALLAST_ASSIGN_OR_RETURN(PlanRecord record, ReadPlan(db_, ep_group, version));
    if (record.state == PlanState::kDecided) return PlanIsDecided(ep_group, version);
    if (record.state == PlanState::kAborted) return absl::OkStatus();
    record.state = PlanState::kAborted;
    record.reason = std::string(reason);
    return UpdateState(record);
  });
}

absl::StatusOr<PlanRecord> SqlitePlanStore::LatestDecided(absl::string_view ep_group) const {
  absl::MutexLock lock(&read_mutex_);
  BALLAST_ASSIGN_OR_RETURN(SqliteTransaction snapshot, SqliteTransaction::BeginRead(reader_));
  BALLAST_ASSIGN_OR_RETURN(std::optional<PlanRecord> decided, ReadDecided(reader_, ep_group));
  if (!decided.has_value()) return NoDecidedPlan(ep_group);
  return *std::move(decided);
}

absl::StatusOr<std::vector<PlanRecord>> SqlitePlanStore::Preparing(
    absl::string_view ep_group) const {
  absl::MutexLock lock(&read_mutex_);
  return ReadPreparing(reader_, ep_group);
}

absl::StatusOr<PlanRecord> SqlitePlanStore::Get(absl::string_view ep_group,
                                                PlanVersion version) const {
  absl::MutexLock lock(&read_mutex_);
  return ReadPlan(reader_, ep_group, version);
}

absl::StatusOr<std::vector<PlanRecord>> SqlitePlanStore::History(absl::string_view ep_group,
                                                                 int limit) const {
  absl::MutexLock lock(&read_mutex_);
  BALLAST_ASSIGN_OR_RETURN(
      SqliteStatement select,
      SqliteStatement::Prepare(reader_.get(),
                               "SELECT " BALLAST_PLAN_ROW_COLUMNS
                               " FROM plan WHERE ep_group = ? ORDER BY sequence DESC LIMIT ?"));
  select.BindText(ep_group).Bind(std::max(limit, 0));
  std::vector<PlanRecord> history;
  while (true) {
    BALLAST_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return history;
    BALLAST_ASSIGN_OR_RETURN(PlanRecord record, ReadPlanRow(select, /*with_plan=*/false));
    record.plan = PlacementPlan();
    record.plan.version = record.id.version;
    history.push_back(std::move(record));
  }
}

absl::Status SqlitePlanStore::Prune(absl::string_view ep_group, int keep, std::uint64_t term) {
  if (keep < 0) return BadKeep(keep);
  return Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(CheckTerm(term));
    BALLAST_ASSIGN_OR_RETURN(const std::optional<Head> head, ReadHead(db_, ep_group));
    BALLAST_ASSIGN_OR_RETURN(
        SqliteStatement remove,
        Prepare("DELETE FROM plan WHERE ep_group = ?1 AND state <> ?2 AND sequence <> ?3"
                " AND sequence NOT IN (SELECT sequence FROM plan WHERE ep_group = ?1"
                "                      ORDER BY sequence DESC LIMIT ?4)"));
    return remove.BindText(ep_group)
        .Bind(static_cast<int>(PlanState::kPreparing))
        .BindUnsigned(head.value_or(Head()).decided_sequence)
        .Bind(keep)
        .Run();
  });
}

absl::Status SqlitePlanStore::SetPause(absl::string_view ep_group, const GroupPause& pause,
                                       std::uint64_t term) {
  if (ep_group.empty()) return PauseOfNoGroup();
  return Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(CheckTerm(term));
    BALLAST_ASSIGN_OR_RETURN(SqliteStatement replace,
                             Prepare("INSERT OR REPLACE INTO group_pause VALUES (?, ?, ?, ?, ?)"));
    return replace.BindText(ep_group)
        .Bind(pause.paused ? 1 : 0)
        .BindText(pause.reason)
        .BindText(pause.who)
        .Bind(absl::ToUnixNanos(pause.when))
        .Run();
  });
}

absl::StatusOr<GroupPause> SqlitePlanStore::Pause(absl::string_view ep_group) const {
  absl::MutexLock lock(&read_mutex_);
  BALLAST_ASSIGN_OR_RETURN(
      SqliteStatement select,
      SqliteStatement::Prepare(
          reader_.get(),
          "SELECT paused, reason, who, when_ns FROM group_pause WHERE ep_group = ?"));
  BALLAST_ASSIGN_OR_RETURN(const bool found, select.BindText(ep_group).Step());
  if (!found) return GroupPause();
  return GroupPause{.paused = select.Int(0) != 0,
                    .reason = select.Text(1),
                    .who = select.Text(2),
                    .when = absl::FromUnixNanos(select.Int(3))};
}

absl::Status SqlitePlanStore::SetMembership(absl::string_view ep_group,
                                            const GroupMembership& membership, std::uint64_t term) {
  if (ep_group.empty()) return MembershipOfNoGroup();
  std::string absent;
  for (const RankId rank : membership.left) {
    absl::StrAppend(&absent, absent.empty() ? "" : " ", rank.value);
  }
  return Write([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) -> absl::Status {
    BALLAST_RETURN_IF_ERROR(CheckTerm(term));
    BALLAST_ASSIGN_OR_RETURN(SqliteStatement select,
                             Prepare("SELECT generation FROM group_membership WHERE ep_group = ?"));
    BALLAST_ASSIGN_OR_RETURN(const bool found, select.BindText(ep_group).Step());
    if (found) {
      BALLAST_RETURN_IF_ERROR(
          CheckGeneration(static_cast<std::uint64_t>(select.Int(0)), membership.generation));
    }
    BALLAST_ASSIGN_OR_RETURN(SqliteStatement replace,
                             Prepare("INSERT OR REPLACE INTO group_membership VALUES (?, ?, ?)"));
    return replace.BindText(ep_group).BindUnsigned(membership.generation).BindText(absent).Run();
  });
}

absl::StatusOr<GroupMembership> SqlitePlanStore::Membership(absl::string_view ep_group) const {
  absl::MutexLock lock(&read_mutex_);
  BALLAST_ASSIGN_OR_RETURN(
      SqliteStatement select,
      SqliteStatement::Prepare(
          reader_.get(), "SELECT generation, absent FROM group_membership WHERE ep_group = ?"));
  BALLAST_ASSIGN_OR_RETURN(const bool found, select.BindText(ep_group).Step());
  GroupMembership membership;
  if (!found) return membership;
  membership.generation = static_cast<std::uint64_t>(select.Int(0));
  BALLAST_ASSIGN_OR_RETURN(membership.left, RanksOfText(ep_group, select.Text(1)));
  return membership;
}

}  // namespace ballast
