#include "tests/simulation/durable_store.h"

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"

namespace ballast {

DurableStore::DurableStore(PlanId initial, bool loses_decisions)
    : initial_(initial), loses_decisions_(loses_decisions), newest_decided_(initial) {}

std::uint64_t DurableStore::BeginTerm() {
  if (loses_decisions_ && !rows_.empty() && rows_.back().state == RowState::kDecided) {
    rows_.back().state = RowState::kPreparing;
    newest_decided_ = initial_;
    for (const Row& row : rows_) {
      if (row.state == RowState::kDecided) newest_decided_ = row.id;
    }
  }
  return ++term_;
}

absl::Status DurableStore::Propose(const Digest& digest, const PlanId& base, std::uint64_t term,
                                   PlanVersion* version) {
  if (term != term_) return absl::FailedPreconditionError("other term");
  if (base != newest_decided_) return absl::AbortedError("base is not the newest decided");
  if (!Preparing().empty()) return absl::AbortedError("another plan is preparing");
  *version = {term, rows_.size() + 1};
  rows_.push_back({{*version, digest}, RowState::kPreparing});
  return absl::OkStatus();
}

absl::Status DurableStore::Decide(PlanVersion version, std::uint64_t term) {
  if (term != term_) return absl::FailedPreconditionError("other term");
  Row* row = Find(version);
  if (row == nullptr) return absl::NotFoundError("no such plan");
  if (row->state == RowState::kAborted) return absl::FailedPreconditionError("aborted");
  row->state = RowState::kDecided;
  newest_decided_ = row->id;
  return absl::OkStatus();
}

absl::Status DurableStore::Abort(PlanVersion version, std::uint64_t term) {
  if (term != term_) return absl::FailedPreconditionError("other term");
  if (version == PlanVersion{}) {
    for (Row& row : rows_) {
      if (row.state == RowState::kPreparing) row.state = RowState::kAborted;
    }
    return absl::OkStatus();
  }
  Row* row = Find(version);
  if (row == nullptr) return absl::NotFoundError("no such plan");
  if (row->state == RowState::kDecided) {
    violation_ = absl::StrCat("the daemon wants to abort the decided ", PlanIdText(row->id));
    return absl::FailedPreconditionError("decided");
  }
  row->state = RowState::kAborted;
  return absl::OkStatus();
}

bool DurableStore::Decided(const PlanId& plan) const {
  if (plan == initial_) return true;
  const Row* row = Find(plan.version);
  return row != nullptr && row->id == plan && row->state == RowState::kDecided;
}

bool DurableStore::Known(const PlanId& plan) const {
  if (plan == initial_) return true;
  const Row* row = Find(plan.version);
  return row != nullptr && row->id == plan && row->state != RowState::kAborted;
}

std::vector<PlanVersion> DurableStore::Preparing() const {
  std::vector<PlanVersion> versions;
  for (const Row& row : rows_) {
    if (row.state == RowState::kPreparing) versions.push_back(row.id.version);
  }
  return versions;
}

DurableStore::Row* DurableStore::Find(PlanVersion version) {
  return const_cast<Row*>(static_cast<const DurableStore*>(this)->Find(version));
}

const DurableStore::Row* DurableStore::Find(PlanVersion version) const {
  if (version.sequence == 0 || version.sequence > rows_.size()) return nullptr;
  const Row& row = rows_[version.sequence - 1];
  return row.id.version == version ? &row : nullptr;
}

}  // namespace ballast
