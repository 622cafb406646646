#include "core/trace/trace_database.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

absl::Status StatusOf(sqlite3* handle, int code) {
  const std::string text = absl::StrCat("sqlite: ", sqlite3_errmsg(handle));
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return absl::InvalidArgumentError(absl::StrCat("not a trace: ", text));
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:  // The statements are fixed, so the tables are not as they should be.
      return absl::DataLossError(text);
    default:
      return absl::InternalError(text);
  }
}

}  // namespace

void TraceStatement::Bind(int place, std::int64_t value) {
  BALLAST_CHECK(sqlite3_bind_int64(handle_.get(), place, value) == SQLITE_OK);
}

void TraceStatement::Bind(int place, double value) {
  BALLAST_CHECK(sqlite3_bind_double(handle_.get(), place, value) == SQLITE_OK);
}

void TraceStatement::Bind(int place, absl::string_view text) {
  BALLAST_CHECK(sqlite3_bind_text64(handle_.get(), place, text.data(), text.size(),
                                    SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK);
}

void TraceStatement::BindBlob(int place, absl::string_view bytes) {
  BALLAST_CHECK(sqlite3_bind_blob64(handle_.get(), place, bytes.data(), bytes.size(),
                                    SQLITE_TRANSIENT) == SQLITE_OK);
}

absl::StatusOr<bool> TraceStatement::Step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  const absl::Status status =
      code == SQLITE_DONE ? absl::OkStatus() : StatusOf(sqlite3_db_handle(handle_.get()), code);
  Reset();
  if (!status.ok()) return status;
  return false;
}

void TraceStatement::Reset() { sqlite3_reset(handle_.get()); }

bool TraceStatement::IsInteger(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_INTEGER;
}

bool TraceStatement::IsText(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_TEXT;
}

bool TraceStatement::IsBlob(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_BLOB;
}

std::int64_t TraceStatement::Integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}

double TraceStatement::Real(int column) const {
  return sqlite3_column_double(handle_.get(), column);
}

absl::string_view TraceStatement::Bytes(int column) const {
  // The pointer must be asked for before the size: it may convert the value.
  const void* bytes = sqlite3_column_blob(handle_.get(), column);
  const int size = sqlite3_column_bytes(handle_.get(), column);
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

absl::StatusOr<TraceDatabase> TraceDatabase::Open(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Handle handle(raw, &sqlite3_close_v2);
  if (code != SQLITE_OK) {
    const absl::Status status = StatusOf(handle.get(), code);
    return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
  }
  return TraceDatabase(std::move(handle));
}

absl::StatusOr<TraceDatabase> TraceDatabase::OpenToRead(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  }
  BALLAST_ASSIGN_OR_RETURN(TraceDatabase database, Open(path, SQLITE_OPEN_READONLY));
  // The file may come from anywhere: no code of its schema is run, sizes are checked.
  BALLAST_RETURN_IF_ERROR(
      database.Execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON"));
  return database;
}

absl::StatusOr<TraceDatabase> TraceDatabase::Create(const std::string& path) {
  // "x" makes the test and the creation one step.
  std::FILE* file = std::fopen(path.c_str(), "wx");
  if (file == nullptr) {
    const int code = errno;
    const std::string text = absl::StrCat(path, ": ", std::strerror(code));
    return code == EEXIST ? absl::AlreadyExistsError(text) : absl::InternalError(text);
  }
  std::fclose(file);
  return Open(path, SQLITE_OPEN_READWRITE);
}

absl::Status TraceDatabase::Execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : StatusOf(handle_.get(), code);
}

absl::StatusOr<TraceStatement> TraceDatabase::Prepare(absl::string_view sql) const {
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) return StatusOf(handle_.get(), code);
  return TraceStatement(TraceStatement::Handle(raw, &sqlite3_finalize));
}

absl::StatusOr<std::int64_t> TraceDatabase::QueryInteger(absl::string_view sql) const {
  BALLAST_ASSIGN_OR_RETURN(TraceStatement statement, Prepare(sql));
  BALLAST_ASSIGN_OR_RETURN(const bool has_row, statement.Step());
  if (!has_row || !statement.IsInteger(0)) {
    return absl::DataLossError(absl::StrCat("no integer for: ", sql));
  }
  return statement.Integer(0);
}

}  // namespace ballast
