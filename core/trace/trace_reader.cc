#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/trace/trace_blob.h"
#include "core/trace/trace_database.h"
#include "core/trace/trace_file.h"

namespace ballast {
namespace {

absl::Status WithPath(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

// The facts of a trace by name. DataLoss, naming the fact, where one is missing, has
// another type, or leaves its range.
class FactReader {
 public:
  static absl::StatusOr<FactReader> Create(const TraceDatabase& database) {
    BALLAST_ASSIGN_OR_RETURN(TraceStatement select,
                             database.Prepare("SELECT value FROM fact WHERE name = ?"));
    return FactReader(std::move(select));
  }

  template <typename Integer>
  absl::Status Read(absl::string_view name, Integer* value) {
    select_.Reset();
    select_.Bind(1, name);
    BALLAST_ASSIGN_OR_RETURN(const bool has_row, select_.Step());
    if (!has_row || !select_.IsInteger(0) || select_.Integer(0) < 0 ||
        select_.Integer(0) > std::numeric_limits<Integer>::max()) {
      return absl::DataLossError(absl::StrCat("no usable fact ", name));
    }
    *value = static_cast<Integer>(select_.Integer(0));
    return absl::OkStatus();
  }

  absl::Status Read(absl::string_view name, std::string* value) {
    select_.Reset();
    select_.Bind(1, name);
    BALLAST_ASSIGN_OR_RETURN(const bool has_row, select_.Step());
    if (!has_row || !select_.IsText(0)) {
      return absl::DataLossError(absl::StrCat("no usable fact ", name));
    }
    *value = std::string(select_.Bytes(0));
    return absl::OkStatus();
  }

 private:
  explicit FactReader(TraceStatement select) : select_(std::move(select)) {}

  TraceStatement select_;
};

absl::Status CheckHeader(const TraceDatabase& database) {
  BALLAST_ASSIGN_OR_RETURN(const std::int64_t application,
                           database.QueryInteger("PRAGMA application_id"));
  if (application != kTraceApplicationId) {
    return absl::InvalidArgumentError(absl::StrCat("not a trace: application id ", application,
                                                   " instead of ", kTraceApplicationId));
  }
  BALLAST_ASSIGN_OR_RETURN(const std::int64_t version,
                           database.QueryInteger("PRAGMA user_version"));
  if (version == kTraceSchemaVersion) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "trace schema version ", version, "; this reader knows version ", kTraceSchemaVersion));
}

// What does not fit becomes an extreme, which Topology::Create() refuses.
int Saturated(std::int64_t value) {
  return static_cast<int>(std::clamp<std::int64_t>(value, std::numeric_limits<int>::min(),
                                                   std::numeric_limits<int>::max()));
}

absl::Status ReadRanks(const TraceDatabase& database, std::vector<RankSpec>* ranks) {
  BALLAST_ASSIGN_OR_RETURN(
      TraceStatement select,
      database.Prepare("SELECT rank, row_number, num_slots, relative_speed FROM rank "
                       "ORDER BY rank LIMIT 65536"));
  while (true) {
    BALLAST_ASSIGN_OR_RETURN(const bool has_row, select.Step());
    if (!has_row) break;
    if (select.Integer(0) != static_cast<std::int64_t>(ranks->size())) {
      return absl::DataLossError(absl::StrCat("rank ", ranks->size(), " is missing"));
    }
    ranks->push_back(
        {RowId(Saturated(select.Integer(1))), Saturated(select.Integer(2)), select.Real(3)});
  }
  if (ranks->empty()) return absl::OkStatus();
  const absl::Status status = Topology::Create(*ranks).status();
  return status.ok() ? status : absl::DataLossError(status.message());
}

absl::StatusOr<TraceInfo> ReadInfo(const TraceDatabase& database) {
  BALLAST_ASSIGN_OR_RETURN(FactReader facts, FactReader::Create(database));
  TraceInfo info;
  BALLAST_RETURN_IF_ERROR(facts.Read("num_layers", &info.shape.num_layers));
  BALLAST_RETURN_IF_ERROR(facts.Read("num_experts", &info.shape.num_experts));
  BALLAST_RETURN_IF_ERROR(facts.Read("num_expert_groups", &info.shape.num_expert_groups));
  BALLAST_RETURN_IF_ERROR(facts.Read("top_k", &info.shape.top_k));
  BALLAST_RETURN_IF_ERROR(facts.Read("expert_bytes", &info.shape.expert_bytes));
  BALLAST_RETURN_IF_ERROR(facts.Read("num_request_slots", &info.num_request_slots));
  BALLAST_RETURN_IF_ERROR(facts.Read("model", &info.model));
  BALLAST_RETURN_IF_ERROR(facts.Read("source", &info.source));
  BALLAST_RETURN_IF_ERROR(facts.Read("licence", &info.licence));
  if (!facts.Read("num_steps", &info.num_steps).ok()) {
    return absl::DataLossError("the trace was never finished: it has no fact num_steps");
  }
  if (const absl::Status status = CheckShape(info.shape); !status.ok()) {
    return absl::DataLossError(status.message());
  }
  BALLAST_RETURN_IF_ERROR(ReadRanks(database, &info.ranks));
  return info;
}

absl::StatusOr<ExpertRanking> ReadRanking(const TraceDatabase& database, const ModelShape& shape) {
  BALLAST_ASSIGN_OR_RETURN(TraceStatement select,
                           database.Prepare("SELECT orders FROM ranking WHERE id = 1"));
  BALLAST_ASSIGN_OR_RETURN(const bool has_row, select.Step());
  if (!has_row) return ExpertRanking();
  if (!select.IsBlob(0)) return absl::DataLossError("the ranking has another type");
  return DecodeRanking(shape, select.Bytes(0));
}

struct OpenTrace {
  std::string path;
  TraceInfo info;
  ExpertRanking ranking;
  TraceDatabase database;
  TraceStatement select;  // Of one step. Declared after its database: it goes first.
};

class SqliteTraceReader final : public TraceReader {
 public:
  explicit SqliteTraceReader(OpenTrace trace) : trace_(std::move(trace)) {}

  const TraceInfo& info() const override { return trace_.info; }

  absl::StatusOr<TraceStep> Read(int step) const override {
    if (step < 0 || step >= trace_.info.num_steps) {
      return absl::OutOfRangeError(
          absl::StrCat(trace_.path, ": step ", step, " out of [0, ", trace_.info.num_steps, ")"));
    }
    absl::StatusOr<TraceStep> result = ReadChecked(step);
    if (result.ok()) return result;
    return WithPath(absl::StrCat(trace_.path, ": step ", step), result.status());
  }

 private:
  absl::StatusOr<TraceStep> ReadChecked(int step) const {
    TraceStatement& select = trace_.select;
    select.Reset();
    select.Bind(1, std::int64_t{step});
    BALLAST_ASSIGN_OR_RETURN(const bool has_row, select.Step());
    if (!has_row) return absl::DataLossError("its row is missing");
    if (!select.IsInteger(0) || !select.IsBlob(1)) {
      return absl::DataLossError("its row has columns of another type");
    }
    return DecodeStep(trace_.info, trace_.ranking, {select.Integer(0), select.Bytes(1)});
  }

  mutable OpenTrace trace_;  // Reading moves the statement only.
};

absl::StatusOr<std::unique_ptr<TraceReader>> OpenChecked(const std::string& path) {
  BALLAST_ASSIGN_OR_RETURN(TraceDatabase database, TraceDatabase::OpenToRead(path));
  BALLAST_RETURN_IF_ERROR(CheckHeader(database));
  BALLAST_ASSIGN_OR_RETURN(TraceInfo info, ReadInfo(database));
  BALLAST_ASSIGN_OR_RETURN(ExpertRanking ranking, ReadRanking(database, info.shape));
  BALLAST_ASSIGN_OR_RETURN(TraceStatement select,
                           database.Prepare("SELECT num_tokens, tokens FROM step WHERE step = ?"));
  return std::make_unique<SqliteTraceReader>(
      OpenTrace{path, std::move(info), std::move(ranking), std::move(database), std::move(select)});
}

}  // namespace

absl::StatusOr<std::unique_ptr<TraceReader>> TraceReader::Open(const std::string& path) {
  absl::StatusOr<std::unique_ptr<TraceReader>> result = OpenChecked(path);
  if (result.ok() || absl::IsNotFound(result.status())) return result;
  return WithPath(path, result.status());
}

}  // namespace ballast
