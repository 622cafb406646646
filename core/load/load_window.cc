#include "core/load/load_window.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

void SaturatingAdd(std::uint64_t& sum, std::uint64_t value) {
  sum = sum > kLargest - value ? kLargest : sum + value;
}

}  // namespace

const char* ReportOutcomeName(ReportOutcome outcome) {
  switch (outcome) {
    case ReportOutcome::kAccepted:
      return "accepted";
    case ReportOutcome::kBaseline:
      return "baseline";
    case ReportOutcome::kDuplicate:
      return "duplicate";
    case ReportOutcome::kLate:
      return "late";
    case ReportOutcome::kUnknownPlan:
      return "unknown_plan";
    case ReportOutcome::kReset:
      return "reset";
    case ReportOutcome::kOldIncarnation:
      return "old_incarnation";
  }
  BALLAST_CHECK(false);
}

LoadWindow::LoadWindow(const ModelShape& shape, const Topology& topology,
                       const LoadWindowOptions& options)
    : shape_(shape),
      topology_(topology),
      options_(options),
      ranks_(topology.num_ranks()),
      progress_(topology.num_ranks()),
      average_(shape.num_layers, shape.num_experts, options) {
  ClearBatch();
}

void LoadWindow::SetOptions(const LoadWindowOptions& options) {
  BALLAST_CHECK(options.batch_steps >= 1);
  options_.half_life_steps = options.half_life_steps;
  options_.half_life = options.half_life;
  options_.batch_steps = options.batch_steps;
  options_.stale_after = options.stale_after;
  average_.SetHalfLives(options.half_life_steps, options.half_life);
}

void LoadWindow::AddPlan(const PlanId& id, const PlacementPlan& plan) {
  BALLAST_CHECK(plan.num_slots == topology_.num_slots());
  BALLAST_CHECK(plan.num_layers() == shape_.num_layers);
  std::erase_if(plans_, [&id](const KnownPlan& known) { return known.id.digest == id.digest; });
  plans_.push_back({id, plan.expert_in_slot});
  if (plans_.size() > kPlansKept) plans_.pop_front();
}

const LoadWindow::KnownPlan* LoadWindow::FindPlan(const PlanId& id) const {
  // From the back: nearly all reports are of the plan in force.
  for (auto plan = plans_.rbegin(); plan != plans_.rend(); ++plan) {
    if (plan->id.digest == id.digest) return &*plan;
  }
  return nullptr;
}

absl::Status LoadWindow::Check(const LoadReport& report) const {
  const int rank = report.rank.value;
  if (rank < 0 || rank >= topology_.num_ranks()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", rank, " out of [0, ", topology_.num_ranks(), ")"));
  }
  if (report.counter_bits != 32 && report.counter_bits != 64) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", rank, ": counter_bits ", report.counter_bits, " is not 32 or 64"));
  }
  if (report.sequence == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", rank, ": sequence 0; sequences begin with 1"));
  }
  if (report.step_first > 0 && report.step_last < report.step_first - 1) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": step_last ", report.step_last,
                                                   " is before step_first ", report.step_first,
                                                   " - 1"));
  }
  const int columns =
      report.form == ReportForm::kSlot ? topology_.slots_of(report.rank).count : shape_.num_experts;
  const std::size_t size = static_cast<std::size_t>(shape_.num_layers) * columns;
  if (report.counts.size() != size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rank ", rank, ": ", report.counts.size(), " counts, not ", shape_.num_layers, " layers x ",
        columns, report.form == ReportForm::kSlot ? " local slots" : " experts"));
  }
  if (report.counter_bits == 64) return absl::OkStatus();
  std::uint64_t bits = 0;
  for (const std::uint64_t count : report.counts) bits |= count;
  for (std::size_t i = 0; bits >> 32 != 0 && i < size; ++i) {
    if (report.counts[i] >> 32 == 0) continue;
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ", layer ", i / columns,
                                                   ", column ", i % columns, ": count ",
                                                   report.counts[i], " does not fit 32 bits"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ReportOutcome> LoadWindow::Add(const LoadReport& report, absl::Duration now) {
  return Add(LoadReport(report), now);
}

absl::StatusOr<ReportOutcome> LoadWindow::Add(LoadReport&& report, absl::Duration now) {
  BALLAST_RETURN_IF_ERROR(Check(report));
  RankState& rank = ranks_[report.rank.value];
  const KnownPlan* plan = FindPlan(report.plan);
  const bool plan_known = plan != nullptr || report.form == ReportForm::kExpert;
  const RankCounters::Taken taken = rank.counters.Take(report, plan_known, delta_);
  const bool accepted = taken.outcome == ReportOutcome::kAccepted;
  const bool baseline = taken.outcome == ReportOutcome::kBaseline;
  if (!accepted && !baseline && taken.outcome != ReportOutcome::kReset) return taken.outcome;

  if (accepted || baseline) rank.covered_at = now;
  if (!open_since_.has_value()) open_since_ = now;
  if (taken.newest) {
    progress_.Advance(report.rank, report.step_first, report.step_last, taken.from_zero);
  }
  if (accepted && report.form == ReportForm::kSlot) CountSlots(*plan, report.rank);
  if (accepted && report.form == ReportForm::kExpert) CountExperts();
  MaybeCloseBatch(now);
  return taken.outcome;
}

void LoadWindow::CountSlots(const KnownPlan& plan, RankId rank) {
  const SlotRange slots = topology_.slots_of(rank);
  const int num_ranks = topology_.num_ranks();
  std::size_t i = 0;
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    const std::size_t first =
        static_cast<std::size_t>(layer) * topology_.num_slots() + slots.first.value;
    double rank_picks = 0;
    for (int slot = 0; slot < slots.count; ++slot, ++i) {
      const double picks = static_cast<double>(delta_[i]);
      open_.Add(LayerId(layer), plan.expert_in_slot[first + slot], picks);
      rank_picks += picks;
      SaturatingAdd(total_picks_, delta_[i]);
    }
    open_rank_picks_[static_cast<std::size_t>(layer) * num_ranks + rank.value] += rank_picks;
    open_picks_ += rank_picks;
  }
  open_has_slots_ = true;
}

void LoadWindow::CountExperts() {
  double* open = open_.mutable_values().data();
  const std::uint64_t* delta = delta_.data();
  const std::size_t size = delta_.size();
  std::uint64_t bits = 0;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    bits |= delta[i];
    sum += delta[i];
  }
  if (bits >> 31 == 0) {
    // The usual case. A 32-bit integer becomes a double in one instruction, and fewer
    // than 2^33 counts can not overflow the sum.
    for (std::size_t i = 0; i < size; ++i) open[i] += static_cast<std::int32_t>(delta[i]);
    open_picks_ += static_cast<double>(sum);
    SaturatingAdd(total_picks_, sum);
    return;
  }
  for (std::size_t i = 0; i < size; ++i) {
    const double picks = static_cast<double>(delta[i]);
    open[i] += picks;
    open_picks_ += picks;
    SaturatingAdd(total_picks_, delta[i]);
  }
}

void LoadWindow::MaybeCloseBatch(absl::Duration now) {
  if (!progress_.all_reported()) return;
  if (!open_since_step_.has_value()) {
    open_since_step_ = progress_.MinStart();
    if (progress_.MaxStart() - progress_.MinStart() > options_.batch_steps) {
      ClearBatch();
      open_since_step_ = MinLastStep();
      open_since_ = now;
    }
  }
  const std::uint64_t last = MinLastStep();
  if (last < *open_since_step_ || last - *open_since_step_ < options_.batch_steps) return;
  CloseBatch(last - *open_since_step_, now);
  open_since_step_ = last;
  open_since_ = now;
}

void LoadWindow::CloseBatch(std::uint64_t steps, absl::Duration now) {
  if (open_picks_ > 0) {
    const double per_step = static_cast<double>(steps);
    for (double& value : open_.mutable_values()) value /= per_step;
    if (open_has_slots_) {
      for (double& value : open_rank_picks_) value /= per_step;
      measured_ = std::move(open_rank_picks_);
    }
    average_.AddBatch(std::move(open_), steps, now - *open_since_);
  }
  ClearBatch();
}

void LoadWindow::ClearBatch() {
  open_ = LoadMatrix(shape_.num_layers, shape_.num_experts);
  open_rank_picks_.assign(static_cast<std::size_t>(shape_.num_layers) * topology_.num_ranks(), 0);
  open_picks_ = 0;
  open_has_slots_ = false;
}

double LoadWindow::Coverage(absl::Duration now) const {
  const int num_ranks = topology_.num_ranks();
  const int covered = num_ranks - static_cast<int>(UncoveredRanks(now).size());
  return static_cast<double>(covered) / num_ranks;
}

std::vector<RankId> LoadWindow::UncoveredRanks(absl::Duration now) const {
  std::vector<RankId> uncovered;
  for (int rank = 0; rank < topology_.num_ranks(); ++rank) {
    const std::optional<absl::Duration>& covered_at = ranks_[rank].covered_at;
    const bool covered = covered_at.has_value() && now - *covered_at <= options_.stale_after;
    if (!covered) uncovered.push_back(RankId(rank));
  }
  return uncovered;
}

std::vector<LayerBalance> LoadWindow::MeasuredBalance() const {
  std::vector<LayerBalance> layers;
  if (measured_.empty()) return layers;
  const int num_ranks = topology_.num_ranks();
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    layers.push_back(
        BalanceOfRanks(topology_, absl::MakeConstSpan(measured_).subspan(
                                      static_cast<std::size_t>(layer) * num_ranks, num_ranks)));
  }
  return layers;
}

std::vector<double> LoadWindow::MeasuredRankPicks() const {
  const int num_ranks = topology_.num_ranks();
  std::vector<double> picks(num_ranks, 0.0);
  for (std::size_t i = 0; i < measured_.size(); ++i) picks[i % num_ranks] += measured_[i];
  return picks;
}

}  // namespace ballast
