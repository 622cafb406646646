#ifndef BALLAST_DAEMON_STORE_SQLITE_DATABASE_H_
#define BALLAST_DAEMON_STORE_SQLITE_DATABASE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace ballast {

// SQLite's handles with owners, and its result codes as absl::Status:
//
//   ResourceExhausted  disk full, out of memory
//   Unavailable        locked by somebody else for the busy timeout; failed write or sync
//   DataLoss           not a database, corrupt page, failed read
//   PermissionDenied   read-only file or file system, no access
//   Internal           a bug of ours (bad SQL, broken constraint)

// The status of the last call on `db`; `what` comes first in the message.
absl::Status SqliteError(sqlite3* db, int result_code, absl::string_view what);

// Whether `status` is of a failed write or sync, after which nobody can tell what
// is on the disk: the same write must not be tried again on this connection.
bool IsFailedWrite(const absl::Status& status);

// One prepared statement. Parameters are bound in order; text and blobs are
// copied. Not thread-safe.
class SqliteStatement {
 public:
  // InvalidArgument of SQL is a bug and comes as Internal.
  static absl::StatusOr<SqliteStatement> Prepare(sqlite3* db, const char* sql);

  SqliteStatement& Bind(std::int64_t value);
  SqliteStatement& BindUnsigned(std::uint64_t value) {  // As the same 64 bits.
    return Bind(static_cast<std::int64_t>(value));
  }
  SqliteStatement& BindReal(double value);
  SqliteStatement& BindText(absl::string_view value);
  SqliteStatement& BindBlob(absl::string_view value);
  SqliteStatement& BindOptional(const std::optional<std::int64_t>& value);  // NULL if none.

  // True: a row is there to read. False: done.
  absl::StatusOr<bool> Step();

  // Runs a statement that returns no row.
  absl::Status Run();

  // Values of the current row. A value of another type is converted, as SQLite does.
  std::int64_t Int(int column) const;
  std::uint64_t Unsigned(int column) const { return static_cast<std::uint64_t>(Int(column)); }
  std::optional<std::int64_t> OptionalInt(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;  // Text or blob, byte for byte.

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}
  SqliteStatement& Check(int result_code);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
  int bind_error_ = SQLITE_OK;  // The first one; told by Step().
};

// One connection. Not thread-safe.
class SqliteDatabase {
 public:
  // Opens or creates the file. Lock waits end after `busy_timeout`.
  static absl::StatusOr<SqliteDatabase> Open(const std::string& path, absl::Duration busy_timeout);

  // The same for a file that is there; writing is PermissionDenied.
  static absl::StatusOr<SqliteDatabase> OpenReadOnly(const std::string& path,
                                                     absl::Duration busy_timeout);

  sqlite3* get() const { return db_.get(); }

  // Runs statements that return nothing of interest.
  absl::Status Execute(const char* sql) const;

  // First column of the first row, e.g. of a PRAGMA. Internal if there is no row.
  absl::StatusOr<std::int64_t> QueryInt(const char* sql) const;
  absl::StatusOr<std::string> QueryText(const char* sql) const;

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };

  explicit SqliteDatabase(sqlite3* db) : db_(db) {}
  static absl::StatusOr<SqliteDatabase> OpenWith(const std::string& path, int flags,
                                                 absl::Duration busy_timeout);

  std::unique_ptr<sqlite3, Close> db_;
};

// A transaction, rolled back unless committed. To write it takes the write lock at
// once, so that what it reads is still true when it writes; to read it sees one
// state of the file, whatever others write meanwhile.
class SqliteTransaction {
 public:
  static absl::StatusOr<SqliteTransaction> BeginWrite(const SqliteDatabase& db);
  static absl::StatusOr<SqliteTransaction> BeginRead(const SqliteDatabase& db);

  SqliteTransaction(SqliteTransaction&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();

  // Ok: on the disk.
  absl::Status Commit();

 private:
  explicit SqliteTransaction(const SqliteDatabase& db) : db_(&db) {}

  const SqliteDatabase* db_;  // Null once moved from.
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_STORE_SQLITE_DATABASE_H_
