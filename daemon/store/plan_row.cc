#include "daemon/store/plan_row.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"
#include "core/store/plan_store_errors.h"

namespace ballast {
namespace {

absl::string_view BytesOf(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// A digest of the wrong size, which only a damaged file has, becomes all zero and so
// fails the comparison that follows.
Digest DigestOf(const std::string& bytes) {
  Digest digest{};
  if (bytes.size() == digest.size()) std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

absl::Time TimeOf(const std::optional<std::int64_t>& nanoseconds) {
  return nanoseconds.has_value() ? absl::FromUnixNanos(*nanoseconds) : absl::InfinitePast();
}

void AppendTime(absl::Time time, CanonicalBytes& bytes) {
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();
  bytes.AppendU64(static_cast<std::uint64_t>(StoredTime(time).value_or(kNone)));
}

// Experts are below kMaxExperts, hence u16.
std::string ExpertBlob(const PlacementPlan& plan) {
  CanonicalBytes bytes;
  for (ExpertId expert : plan.expert_in_slot) {
    bytes.AppendU16(static_cast<std::uint16_t>(expert.value));
  }
  return std::string(bytes.bytes());
}

std::string ShareBlob(const PlacementPlan& plan) {
  CanonicalBytes bytes;
  for (std::uint16_t share : plan.share) bytes.AppendU16(share);
  return std::string(bytes.bytes());
}

std::vector<std::uint16_t> Unpack(const std::string& blob) {
  std::vector<std::uint16_t> values(blob.size() / 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto low = static_cast<unsigned char>(blob[2 * i]);
    const auto high = static_cast<unsigned char>(blob[2 * i + 1]);
    values[i] = static_cast<std::uint16_t>(low | high << 8);
  }
  return values;
}

PlanRecord ReadColumns(const SqliteStatement& row) {
  PlanRecord record;
  record.ep_group = row.Text(0);
  record.id = {.version = {.term = row.Unsigned(2), .sequence = row.Unsigned(1)},
               .digest = DigestOf(row.Text(4))};
  record.state = static_cast<PlanState>(row.Int(3));
  record.base = {.version = {.term = row.Unsigned(5), .sequence = row.Unsigned(6)},
                 .digest = DigestOf(row.Text(7))};
  record.shape = {.num_layers = static_cast<int>(row.Int(8)),
                  .num_experts = static_cast<int>(row.Int(9)),
                  .num_expert_groups = static_cast<int>(row.Int(10)),
                  .top_k = static_cast<int>(row.Int(11)),
                  .expert_bytes = row.Int(12)};
  record.plan.version = record.id.version;
  record.plan.topology_fingerprint = row.Unsigned(13);
  record.plan.num_slots = static_cast<int>(row.Int(14));
  record.planner = row.Text(15);
  record.reason = row.Text(16);
  record.imbalance_before = row.Real(17);
  record.imbalance_after = row.Real(18);
  record.moved_slots = static_cast<int>(row.Int(19));
  record.proposed = TimeOf(row.OptionalInt(20));
  record.decided = TimeOf(row.OptionalInt(21));
  return record;
}

absl::Status Damaged(const PlanRecord& record, absl::string_view part) {
  return absl::DataLossError(absl::StrCat(PlanPlace(record.ep_group, record.id.version),
                                          ": the stored ", part, " does not match its digest"));
}

}  // namespace

std::optional<std::int64_t> StoredTime(absl::Time time) {
  if (time == absl::InfinitePast()) return std::nullopt;
  return absl::ToUnixNanos(time);
}

Digest PlanRowDigest(const PlanRecord& record) {
  CanonicalBytes bytes;
  bytes.AppendText("ballast.plan_row.1");
  bytes.AppendText(record.ep_group);
  bytes.AppendU64(record.id.version.sequence);
  bytes.AppendU64(record.id.version.term);
  bytes.AppendU32(static_cast<std::uint32_t>(record.state));
  bytes.AppendText(BytesOf(record.id.digest));
  bytes.AppendU64(record.base.version.term);
  bytes.AppendU64(record.base.version.sequence);
  bytes.AppendText(BytesOf(record.base.digest));
  bytes.AppendU32(static_cast<std::uint32_t>(record.shape.num_layers));
  bytes.AppendU32(static_cast<std::uint32_t>(record.shape.num_experts));
  bytes.AppendU32(static_cast<std::uint32_t>(record.shape.num_expert_groups));
  bytes.AppendU32(static_cast<std::uint32_t>(record.shape.top_k));
  bytes.AppendU64(static_cast<std::uint64_t>(record.shape.expert_bytes));
  bytes.AppendU64(record.plan.topology_fingerprint);
  bytes.AppendU32(static_cast<std::uint32_t>(record.plan.num_slots));
  bytes.AppendText(record.planner);
  bytes.AppendText(record.reason);
  bytes.AppendDouble(record.imbalance_before);
  bytes.AppendDouble(record.imbalance_after);
  bytes.AppendU32(static_cast<std::uint32_t>(record.moved_slots));
  AppendTime(record.proposed, bytes);
  AppendTime(record.decided, bytes);
  return Sha256(bytes.bytes());
}

void BindPlanRow(const PlanRecord& record, SqliteStatement& insert) {
  insert.BindText(record.ep_group)
      .BindUnsigned(record.id.version.sequence)
      .BindUnsigned(record.id.version.term)
      .Bind(static_cast<int>(record.state))
      .BindBlob(BytesOf(record.id.digest))
      .BindUnsigned(record.base.version.term)
      .BindUnsigned(record.base.version.sequence)
      .BindBlob(BytesOf(record.base.digest))
      .Bind(record.shape.num_layers)
      .Bind(record.shape.num_experts)
      .Bind(record.shape.num_expert_groups)
      .Bind(record.shape.top_k)
      .Bind(record.shape.expert_bytes)
      .BindUnsigned(record.plan.topology_fingerprint)
      .Bind(record.plan.num_slots)
      .BindText(record.planner)
      .BindText(record.reason)
      .BindReal(record.imbalance_before)
      .BindReal(record.imbalance_after)
      .Bind(record.moved_slots)
      .BindOptional(StoredTime(record.proposed))
      .BindOptional(StoredTime(record.decided))
      .BindBlob(BytesOf(PlanRowDigest(record)))
      .BindBlob(ExpertBlob(record.plan))
      .BindBlob(ShareBlob(record.plan));
}

absl::StatusOr<PlanRecord> ReadPlanRow(const SqliteStatement& row, bool with_plan) {
  PlanRecord record = ReadColumns(row);
  if (row.Text(22) != BytesOf(PlanRowDigest(record))) return Damaged(record, "row");
  if (!with_plan) return record;
  for (std::uint16_t expert : Unpack(row.Text(23))) {
    record.plan.expert_in_slot.push_back(ExpertId(expert));
  }
  record.plan.share = Unpack(row.Text(24));
  if (PlanDigest(record.shape, record.plan) != record.id.digest) return Damaged(record, "plan");
  return record;
}

}  // namespace ballast
