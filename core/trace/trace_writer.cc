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

// Steps are held back and committed together, by number or raw size, whichever comes
// first. Chosen: a writer that dies loses at most these, and they fit in memory easily.
constexpr int kStepsPerCommit = 256;
constexpr std::int64_t kBytesPerCommit = std::int64_t{1} << 26;

// A ranking is stored if it is at most this part of the first steps: it saves a fifth of
// their bytes at best. Chosen well below that; larger models with few tokens go without.
constexpr std::int64_t kRankingPart = 16;

// Pages of 1 KiB: blobs of a few KiB fill chains of them with little waste; the default of
// 4 KiB would leave a quarter of each page empty. The size must be set before all else.
constexpr char kSetUp[] =
    "PRAGMA page_size = 1024; PRAGMA synchronous = FULL; BEGIN;"
    "CREATE TABLE fact(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE rank(rank INTEGER PRIMARY KEY, row_number INTEGER NOT NULL,"
    " num_slots INTEGER NOT NULL, relative_speed REAL NOT NULL);"
    "CREATE TABLE ranking(id INTEGER PRIMARY KEY, orders BLOB NOT NULL);"
    "CREATE TABLE step(step INTEGER PRIMARY KEY, num_tokens INTEGER NOT NULL,"
    " tokens BLOB NOT NULL);";

absl::Status CheckInfo(const TraceInfo& info) {
  BALLAST_RETURN_IF_ERROR(CheckShape(info.shape));
  if (info.num_request_slots < 1 || info.num_request_slots > 65536) {
    return absl::InvalidArgumentError(
        absl::StrCat("request slots ", info.num_request_slots, " are not in [1, 65536]"));
  }
  if (info.ranks.empty()) return absl::OkStatus();
  return Topology::Create(info.ranks).status();
}

class SqliteTraceWriter final : public TraceWriter {
 public:
  SqliteTraceWriter(TraceInfo info, TraceDatabase database, TraceStatement insert)
      : info_(std::move(info)), database_(std::move(database)), insert_(std::move(insert)) {}

  absl::Status Append(const TraceStep& step) override {
    if (finished_) return absl::FailedPreconditionError("the trace is finished");
    if (const absl::Status status = CheckStep(info_, step); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("step ", num_steps_, ", ", status.message()));
    }
    held_bytes_ += RawStepBytes(info_.shape, step.num_tokens());
    held_.push_back(step);
    ++num_steps_;
    if (static_cast<int>(held_.size()) < kStepsPerCommit && held_bytes_ < kBytesPerCommit) {
      return absl::OkStatus();
    }
    BALLAST_RETURN_IF_ERROR(WriteHeld());
    return database_.Execute("COMMIT; BEGIN");
  }

  absl::Status Finish() override {
    if (finished_) return absl::FailedPreconditionError("the trace is finished");
    finished_ = true;
    BALLAST_RETURN_IF_ERROR(WriteHeld());
    return database_.Execute(
        absl::StrCat("INSERT INTO fact VALUES ('num_steps', ", num_steps_, "); COMMIT"));
  }

 private:
  // The ranking is made of the first steps, before any is written.
  absl::Status WriteRanking() {
    const std::int64_t entries =
        std::int64_t{info_.shape.num_layers} * info_.shape.num_experts * info_.shape.num_experts;
    if (num_written_ > 0 || entries > held_bytes_ / kRankingPart) return absl::OkStatus();
    ranking_ = ExpertRanking::Build(info_.shape, held_);
    BALLAST_ASSIGN_OR_RETURN(TraceStatement insert,
                             database_.Prepare("INSERT INTO ranking VALUES (1, ?)"));
    insert.BindBlob(1, EncodeRanking(info_.shape, ranking_));
    return insert.Step().status();
  }

  absl::Status WriteHeld() {
    BALLAST_RETURN_IF_ERROR(WriteRanking());
    for (const TraceStep& step : held_) {
      insert_.Bind(1, num_written_);
      insert_.Bind(2, std::int64_t{step.num_tokens()});
      insert_.BindBlob(3, EncodeStep(info_, ranking_, step));
      BALLAST_RETURN_IF_ERROR(insert_.Step().status());
      ++num_written_;
    }
    held_.clear();
    held_bytes_ = 0;
    return absl::OkStatus();
  }

  const TraceInfo info_;
  TraceDatabase database_;
  TraceStatement insert_;  // Declared after its database: it goes first.
  ExpertRanking ranking_;
  std::vector<TraceStep> held_;  // Taken, not yet written.
  std::int64_t held_bytes_ = 0;  // Raw bytes of held_.
  std::int64_t num_written_ = 0;
  int num_steps_ = 0;  // Written and held.
  bool finished_ = false;
};

absl::Status WriteFacts(const TraceInfo& info, TraceDatabase& database) {
  BALLAST_ASSIGN_OR_RETURN(TraceStatement insert,
                           database.Prepare("INSERT INTO fact VALUES (?, ?)"));
  const std::pair<absl::string_view, std::int64_t> numbers[] = {
      {"num_layers", info.shape.num_layers},
      {"num_experts", info.shape.num_experts},
      {"num_expert_groups", info.shape.num_expert_groups},
      {"top_k", info.shape.top_k},
      {"expert_bytes", info.shape.expert_bytes},
      {"num_request_slots", info.num_request_slots},
  };
  for (const auto& [name, value] : numbers) {
    insert.Bind(1, name);
    insert.Bind(2, value);
    BALLAST_RETURN_IF_ERROR(insert.Step().status());
  }
  const std::pair<absl::string_view, absl::string_view> texts[] = {
      {"model", info.model}, {"source", info.source}, {"licence", info.licence}};
  for (const auto& [name, value] : texts) {
    insert.Bind(1, name);
    insert.Bind(2, value);
    BALLAST_RETURN_IF_ERROR(insert.Step().status());
  }
  return absl::OkStatus();
}

absl::Status WriteRanks(const TraceInfo& info, TraceDatabase& database) {
  BALLAST_ASSIGN_OR_RETURN(TraceStatement insert,
                           database.Prepare("INSERT INTO rank VALUES (?, ?, ?, ?)"));
  for (std::size_t rank = 0; rank < info.ranks.size(); ++rank) {
    insert.Bind(1, static_cast<std::int64_t>(rank));
    insert.Bind(2, std::int64_t{info.ranks[rank].row.value});
    insert.Bind(3, std::int64_t{info.ranks[rank].num_slots});
    insert.Bind(4, info.ranks[rank].relative_speed);
    BALLAST_RETURN_IF_ERROR(insert.Step().status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TraceWriter>> TraceWriter::Create(const std::string& path,
                                                                 const TraceInfo& info) {
  BALLAST_RETURN_IF_ERROR(CheckInfo(info));
  BALLAST_ASSIGN_OR_RETURN(TraceDatabase database, TraceDatabase::Create(path));
  BALLAST_RETURN_IF_ERROR(
      database.Execute(absl::StrCat(kSetUp, "PRAGMA application_id = ", kTraceApplicationId,
                                    "; PRAGMA user_version = ", kTraceSchemaVersion)));
  BALLAST_RETURN_IF_ERROR(WriteFacts(info, database));
  BALLAST_RETURN_IF_ERROR(WriteRanks(info, database));
  BALLAST_RETURN_IF_ERROR(database.Execute("COMMIT; BEGIN"));
  BALLAST_ASSIGN_OR_RETURN(TraceStatement insert,
                           database.Prepare("INSERT INTO step VALUES (?, ?, ?)"));
  return std::make_unique<SqliteTraceWriter>(info, std::move(database), std::move(insert));
}

}  // namespace ballast
