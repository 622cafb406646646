#ifndef BALLAST_TESTS_SIMULATION_DURABLE_STORE_H_
#define BALLAST_TESTS_SIMULATION_DURABLE_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/ids.h"

namespace ballast {

// What is on the disk of the simulated daemon: it outlives each of its lives. Rules as
// in core/store/plan_store.h, for one EP group, without the plans.
class DurableStore {
 public:
  enum class RowState { kPreparing, kDecided, kAborted };

  // `loses_decisions`: a planted bug. Decide() answers before the row is safe, and the
  // next BeginTerm() finds it undecided.
  DurableStore(PlanId initial, bool loses_decisions);

  std::uint64_t BeginTerm();
  absl::Status Propose(const Digest& digest, const PlanId& base, std::uint64_t term,
                       PlanVersion* version);
  absl::Status Decide(PlanVersion version, std::uint64_t term);
  // Version {0, 0}: all that are preparing.
  absl::Status Abort(PlanVersion version, std::uint64_t term);

  // Of the last row, and of the one after it. {0, 0}: no row.
  PlanVersion newest_version() const {
    return rows_.empty() ? PlanVersion{} : rows_.back().id.version;
  }
  PlanVersion next_version() const { return {term_, rows_.size() + 1}; }
  const PlanId& newest_decided() const { return newest_decided_; }
  bool Decided(const PlanId& plan) const;
  bool Known(const PlanId& plan) const;  // Preparing or decided.
  std::vector<PlanVersion> Preparing() const;
  // What no daemon may do, in words; empty if it never happened.
  const std::string& violation() const { return violation_; }

 private:
  struct Row {
    PlanId id;
    RowState state = RowState::kPreparing;
  };
  Row* Find(PlanVersion version);
  const Row* Find(PlanVersion version) const;

  PlanId initial_;
  bool loses_decisions_;
  std::uint64_t term_ = 0;
  PlanId newest_decided_;
  std::vector<Row> rows_;  // [sequence - 1]
  std::string violation_;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_SIMULATION_DURABLE_STORE_H_
