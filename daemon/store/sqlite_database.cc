#include "daemon/store/sqlite_database.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/store/plan_store_errors.h"

namespace ballast {
namespace {

constexpr absl::string_view kFailedWriteUrl = "ballast/store/failed_write";

absl::StatusCode CodeOf(int extended) {
  switch (extended) {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
    case SQLITE_IOERR_CORRUPTFS:
    case SQLITE_IOERR_DATA:
      return absl::StatusCode::kDataLoss;
    default:
      break;
  }
  switch (extended & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
    case SQLITE_CANTOPEN:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

bool LeavesDiskUnknown(int extended) {
  return extended == SQLITE_IOERR_WRITE || extended == SQLITE_IOERR_FSYNC ||
         extended == SQLITE_IOERR_DIR_FSYNC;
}

}  // namespace

absl::Status SqliteError(sqlite3* db, int result_code, absl::string_view what) {
  const int extended = db != nullptr ? sqlite3_extended_errcode(db) : result_code;
  const char* text = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(result_code);
  const int system_error = db != nullptr ? sqlite3_system_errno(db) : 0;
  std::string message = absl::StrCat(what, ": ", text, " (SQLite ", extended, ")");
  if (system_error != 0) absl::StrAppend(&message, ": ", std::strerror(system_error));
  absl::Status status(CodeOf(extended), message);
  if (LeavesDiskUnknown(extended)) status.SetPayload(kFailedWriteUrl, absl::Cord("1"));
  const int primary = extended & 0xff;
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) return MarkedLocked(std::move(status));
  return status;
}

bool IsFailedWrite(const absl::Status& status) {
  return status.GetPayload(kFailedWriteUrl).has_value();
}

absl::StatusOr<SqliteStatement> SqliteStatement::Prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
  if (result != SQLITE_OK) return SqliteError(db, result, sqlite3_db_filename(db, "main"));
  return SqliteStatement(statement);
}

SqliteStatement& SqliteStatement::Check(int result_code) {
  if (bind_error_ == SQLITE_OK) bind_error_ = result_code;
  return *this;
}

SqliteStatement& SqliteStatement::Bind(std::int64_t value) {
  return Check(sqlite3_bind_int64(statement_.get(), ++bound_, value));
}

SqliteStatement& SqliteStatement::BindReal(double value) {
  return Check(sqlite3_bind_double(statement_.get(), ++bound_, value));
}

SqliteStatement& SqliteStatement::BindText(absl::string_view value) {
  return Check(sqlite3_bind_text64(statement_.get(), ++bound_, value.data(), value.size(),
                                   SQLITE_TRANSIENT, SQLITE_UTF8));
}

SqliteStatement& SqliteStatement::BindBlob(absl::string_view value) {
  return Check(sqlite3_bind_blob64(statement_.get(), ++bound_, value.data(), value.size(),
                                   SQLITE_TRANSIENT));
}

SqliteStatement& SqliteStatement::BindOptional(const std::optional<std::int64_t>& value) {
  if (value.has_value()) return Bind(*value);
  return Check(sqlite3_bind_null(statement_.get(), ++bound_));
}

absl::StatusOr<bool> SqliteStatement::Step() {
  sqlite3* const db = sqlite3_db_handle(statement_.get());
  if (bind_error_ != SQLITE_OK) return SqliteError(db, bind_error_, "bind");
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return SqliteError(db, result, sqlite3_db_filename(db, "main"));
}

absl::Status SqliteStatement::Run() { return Step().status(); }

std::int64_t SqliteStatement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::optional<std::int64_t> SqliteStatement::OptionalInt(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return Int(column);
}

double SqliteStatement::Real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

std::string SqliteStatement::Text(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return "";
  return std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

absl::StatusOr<SqliteDatabase> SqliteDatabase::Open(const std::string& path,
                                                    absl::Duration busy_timeout) {
  return OpenWith(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, busy_timeout);
}

absl::StatusOr<SqliteDatabase> SqliteDatabase::OpenReadOnly(const std::string& path,
                                                            absl::Duration busy_timeout) {
  return OpenWith(path, SQLITE_OPEN_READONLY, busy_timeout);
}

absl::StatusOr<SqliteDatabase> SqliteDatabase::OpenWith(const std::string& path, int flags,
                                                        absl::Duration busy_timeout) {
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  SqliteDatabase db(raw);  // A handle comes with most errors too.
  if (result != SQLITE_OK) return SqliteError(raw, result, path);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, static_cast<int>(absl::ToInt64Milliseconds(busy_timeout)));
  return db;
}

absl::Status SqliteDatabase::Execute(const char* sql) const {
  const int result = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr);
  if (result == SQLITE_OK) return absl::OkStatus();
  return SqliteError(get(), result, sqlite3_db_filename(get(), "main"));
}

absl::StatusOr<std::int64_t> SqliteDatabase::QueryInt(const char* sql) const {
  BALLAST_ASSIGN_OR_RETURN(SqliteStatement statement, SqliteStatement::Prepare(get(), sql));
  BALLAST_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::InternalError(absl::StrCat("no row: ", sql));
  return statement.Int(0);
}

absl::StatusOr<std::string> SqliteDatabase::QueryText(const char* sql) const {
  BALLAST_ASSIGN_OR_RETURN(SqliteStatement statement, SqliteStatement::Prepare(get(), sql));
  BALLAST_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::InternalError(absl::StrCat("no row: ", sql));
  return statement.Text(0);
}

absl::StatusOr<SqliteTransaction> SqliteTransaction::BeginWrite(const SqliteDatabase& db) {
  BALLAST_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  return SqliteTransaction(db);
}

absl::StatusOr<SqliteTransaction> SqliteTransaction::BeginRead(const SqliteDatabase& db) {
  BALLAST_RETURN_IF_ERROR(db.Execute("BEGIN"));
  return SqliteTransaction(db);
}

SqliteTransaction::~SqliteTransaction() {
  // Some errors roll back by themselves; then the connection is in autocommit again.
  if (db_ == nullptr || sqlite3_get_autocommit(db_->get()) != 0) return;
  db_->Execute("ROLLBACK").IgnoreError();
}

absl::Status SqliteTransaction::Commit() { return db_->Execute("COMMIT"); }

}  // namespace ballast
