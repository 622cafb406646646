#include "core/model/topology.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

absl::Status CheckRank(const RankSpec& spec, int rank, int previous_row) {
  if (rank == 0 && spec.row.value != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank 0: row ", spec.row.value, " is not 0, where rows begin"));
  }
  if (spec.row.value != previous_row && spec.row.value != previous_row + 1) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": row ", spec.row.value,
                                                   " follows row ", previous_row,
                                                   "; rows are numbered 0, 1, ... in rank order"));
  }
  if (spec.num_slots < 1 || spec.num_slots > kMaxSlots) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": ", spec.num_slots,
                                                   " slots are not in [1, ", kMaxSlots, "]"));
  }
  if (!std::isfinite(spec.relative_speed) || spec.relative_speed <= 0) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": relative speed ",
                                                   spec.relative_speed, " is not in (0, inf)"));
  }
  return absl::OkStatus();
}

std::uint64_t FingerprintOf(const std::vector<RankSpec>& ranks) {
  CanonicalBytes bytes;
  bytes.AppendText("ballast.topology.1");
  bytes.AppendU32(static_cast<std::uint32_t>(ranks.size()));
  for (const RankSpec& spec : ranks) {
    bytes.AppendU32(static_cast<std::uint32_t>(spec.row.value));
    bytes.AppendU32(static_cast<std::uint32_t>(spec.num_slots));
    bytes.AppendDouble(spec.relative_speed);
  }
  return Fingerprint64(bytes.bytes());
}

}  // namespace

absl::StatusOr<Topology> Topology::Create(std::vector<RankSpec> ranks) {
  if (ranks.empty() || ranks.size() > kMaxRanks) {
    return absl::InvalidArgumentError(
        absl::StrCat(ranks.size(), " ranks are not in [1, ", kMaxRanks, "]"));
  }
  Topology topology;
  topology.first_slot_.push_back(0);
  int previous_row = 0;
  for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
    const RankSpec& spec = ranks[rank];
    BALLAST_RETURN_IF_ERROR(CheckRank(spec, rank, previous_row));
    previous_row = spec.row.value;
    const std::int64_t total = std::int64_t{topology.first_slot_.back()} + spec.num_slots;
    if (total > kMaxSlots) {
      return absl::InvalidArgumentError(
          absl::StrCat("rank ", rank, ": ", total, " slots are more than ", kMaxSlots));
    }
    topology.first_slot_.push_back(static_cast<std::int32_t>(total));
    topology.rank_of_slot_.resize(total, RankId(rank));
  }
  topology.fingerprint_ = FingerprintOf(ranks);
  topology.ranks_ = std::move(ranks);
  return topology;
}

absl::StatusOr<Topology> Topology::Uniform(int num_ranks, int row_size, int slots_per_rank) {
  if (row_size < 1) {
    return absl::InvalidArgumentError(absl::StrCat("row size ", row_size, " is below 1"));
  }
  if (num_ranks < 1 || num_ranks > kMaxRanks) {
    return absl::InvalidArgumentError(
        absl::StrCat(num_ranks, " ranks are not in [1, ", kMaxRanks, "]"));
  }
  std::vector<RankSpec> ranks(num_ranks);
  for (int rank = 0; rank < num_ranks; ++rank) {
    ranks[rank] = {.row = RowId(rank / row_size), .num_slots = slots_per_rank};
  }
  return Create(std::move(ranks));
}

bool Topology::uniform() const {
  std::vector<int> ranks_in_row(num_rows(), 0);
  for (const RankSpec& spec : ranks_) {
    if (spec.num_slots != ranks_.front().num_slots) return false;
    ++ranks_in_row[spec.row.value];
  }
  for (int count : ranks_in_row) {
    if (count != ranks_in_row.front()) return false;
  }
  return true;
}

}  // namespace ballast
