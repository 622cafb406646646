#ifndef BALLAST_CORE_TRACE_TRACE_DATABASE_H_
#define BALLAST_CORE_TRACE_TRACE_DATABASE_H_

// SQLite with owned handles and Status. Private to core/trace.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ballast {

// "BLST": what `file` and SQLite's application id say a trace is.
inline constexpr std::int64_t kTraceApplicationId = 0x424c5354;

// Version of the tables below. A reader refuses newer ones; a change that old readers
// would misread raises it.
//   fact(name, value): num_layers, num_experts, num_expert_groups, top_k, expert_bytes,
//     num_request_slots, model, source, licence; num_steps only once it is finished.
//   rank(rank, row_number, num_slots, relative_speed): empty if no topology is named.
//   ranking(id, orders): at most row 1, as EncodeRanking() makes it; ids are plain without.
//   step(step, num_tokens, tokens): steps from 0; tokens as EncodeStep() makes them.
inline constexpr std::int64_t kTraceSchemaVersion = 1;

// A prepared statement. Not thread-safe.
class TraceStatement {
 public:
  // Places count from 1. Values are copied.
  void Bind(int place, std::int64_t value);
  void Bind(int place, double value);
  void Bind(int place, absl::string_view text);
  void BindBlob(int place, absl::string_view bytes);

  // True: a row can be read. False: done; the statement is ready to run again.
  absl::StatusOr<bool> Step();
  void Reset();

  // Columns of the present row, from 0. Texts and blobs are valid until the next Step()
  // or Reset().
  bool IsInteger(int column) const;
  bool IsText(int column) const;
  bool IsBlob(int column) const;
  std::int64_t Integer(int column) const;
  double Real(int column) const;
  absl::string_view Bytes(int column) const;

 private:
  friend class TraceDatabase;
  using Handle = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;
  explicit TraceStatement(Handle handle) : handle_(std::move(handle)) {}

  Handle handle_;
};

// An open file. Errors: InvalidArgument if it is no SQLite file, DataLoss if it is a
// broken one, Internal with SQLite's text otherwise. Not thread-safe.
class TraceDatabase {
 public:
  // NotFound if there is no file.
  static absl::StatusOr<TraceDatabase> OpenToRead(const std::string& path);
  // AlreadyExists if there is one.
  static absl::StatusOr<TraceDatabase> Create(const std::string& path);

  // Runs statements that return nothing of interest.
  absl::Status Execute(const std::string& sql);
  absl::StatusOr<TraceStatement> Prepare(absl::string_view sql) const;
  // First column of the first row. DataLoss if there is none or it is no integer.
  absl::StatusOr<std::int64_t> QueryInteger(absl::string_view sql) const;

 private:
  using Handle = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;
  explicit TraceDatabase(Handle handle) : handle_(std::move(handle)) {}

  static absl::StatusOr<TraceDatabase> Open(const std::string& path, int flags);

  Handle handle_;
};

}  // namespace ballast

#endif  // BALLAST_CORE_TRACE_TRACE_DATABASE_H_
