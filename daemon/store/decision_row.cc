#include "daemon/store/decision_row.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/fingerprint.h"
#include "daemon/store/plan_row.h"

namespace ballast {
namespace {

// Hands every column but the digest to `columns`, in the order of the table: one list
// for binding, reading and the digest, so that they can not drift apart.
template <typename Record, typename Columns>
void ForEachColumn(Record& record, Columns& columns) {
  columns.Text(record.ep_group);
  columns.Unsigned(record.number);
  columns.Time(record.solved);
  columns.Unsigned(record.step);
  columns.Unsigned(record.base.version.term);
  columns.Unsigned(record.base.version.sequence);
  columns.Blob(record.base.digest);
  columns.Blob(record.plan_digest);
  columns.Blob(record.input_digest);
  columns.Text(record.planner);
  columns.Text(record.branch);
  columns.Real(record.straggler_load_now);
  columns.Real(record.straggler_load_new);
  columns.Real(record.imbalance_now);
  columns.Real(record.imbalance_new);
  columns.Real(record.imbalance_initial);
  columns.Real(record.balancedness_now);
  columns.Real(record.balancedness_new);
  columns.Real(record.lower_bound);
  columns.Real(record.gain);
  columns.Real(record.required_gain);
  columns.Real(record.benefit_seconds);
  columns.Real(record.cost_seconds);
  columns.Count(record.moved_slots);
  columns.Signed(record.same_row_bytes);
  columns.Signed(record.cross_row_bytes);
  columns.Signed(record.busiest_rank_bytes);
  columns.Real(record.solve_milliseconds);
  columns.Text(record.reason);
  columns.Unsigned(record.plan.term);
  columns.Unsigned(record.plan.sequence);
  columns.Text(record.outcome);
}

absl::string_view BytesOf(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

class Binder {
 public:
  explicit Binder(SqliteStatement& insert) : insert_(insert) {}
  void Text(const std::string& value) { insert_.BindText(value); }
  void Unsigned(std::uint64_t value) { insert_.BindUnsigned(value); }
  void Signed(std::int64_t value) { insert_.Bind(value); }
  void Count(int value) { insert_.Bind(value); }
  void Real(double value) { insert_.BindReal(value); }
  void Time(absl::Time value) { insert_.BindOptional(StoredTime(value)); }
  void Blob(const Digest& value) { insert_.BindBlob(BytesOf(value)); }

 private:
  SqliteStatement& insert_;
};

class Reader {
 public:
  explicit Reader(const SqliteStatement& row) : row_(row) {}
  void Text(std::string& value) { value = row_.Text(column_++); }
  void Unsigned(std::uint64_t& value) { value = row_.Unsigned(column_++); }
  void Signed(std::int64_t& value) { value = row_.Int(column_++); }
  void Count(int& value) { value = static_cast<int>(row_.Int(column_++)); }
  void Real(double& value) { value = row_.Real(column_++); }
  void Time(absl::Time& value) {
    const auto nanoseconds = row_.OptionalInt(column_++);
    value = nanoseconds.has_value() ? absl::FromUnixNanos(*nanoseconds) : absl::InfinitePast();
  }
  // Of another size, which only a damaged file has, it stays zero and fails the row's digest.
  void Blob(Digest& value) {
    const std::string bytes = row_.Text(column_++);
    if (bytes.size() == value.size()) std::copy(bytes.begin(), bytes.end(), value.begin());
  }
  int column() const { return column_; }

 private:
  const SqliteStatement& row_;
  int column_ = 0;
};

class Digester {
 public:
  Digester() { bytes_.AppendText("ballast.decision_row.1"); }
  void Text(const std::string& value) { bytes_.AppendText(value); }
  void Unsigned(std::uint64_t value) { bytes_.AppendU64(value); }
  void Signed(std::int64_t value) { bytes_.AppendU64(static_cast<std::uint64_t>(value)); }
  void Count(int value) { bytes_.AppendU32(static_cast<std::uint32_t>(value)); }
  void Real(double value) { bytes_.AppendDouble(value); }
  void Time(absl::Time value) {
    const auto nanoseconds = StoredTime(value);
    bytes_.AppendU16(nanoseconds.has_value() ? 1 : 0);
    Signed(nanoseconds.value_or(0));
  }
  void Blob(const Digest& value) { bytes_.AppendText(BytesOf(value)); }
  Digest Finish() const { return Sha256(bytes_.bytes()); }

 private:
  CanonicalBytes bytes_;
};

}  // namespace

Digest DecisionRowDigest(const DecisionRecord& record) {
  Digester digester;
  ForEachColumn(record, digester);
  return digester.Finish();
}

void BindDecisionRow(const DecisionRecord& record, SqliteStatement& insert) {
  Binder binder(insert);
  ForEachColumn(record, binder);
  insert.BindBlob(BytesOf(DecisionRowDigest(record)));
}

absl::StatusOr<DecisionRecord> ReadDecisionRow(const SqliteStatement& row) {
  DecisionRecord record;
  Reader reader(row);
  ForEachColumn(record, reader);
  if (row.Text(reader.column()) == BytesOf(DecisionRowDigest(record))) return record;
  return absl::DataLossError(absl::StrCat("EP group ", record.ep_group, ", decision ",
                                          record.number,
                                          ": the stored row does not match its digest"));
}

}  // namespace ballast
