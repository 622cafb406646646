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
    case ReportOutcome::kImplausible:
      return "implausible";
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
      average_(shape.num_layers, shape.num_experts, options),
      demand_(shape.num_layers, topology.num_rows(), shape.num_experts, options),
      plausibility_(shape_, topology_) {
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
  refusal_ = RefusalOfForm(report);
  if (!refusal_.empty()) return ReportOutcome::kImplausible;
  RankState& rank = ranks_[report.rank.value];
  const KnownPlan* plan = FindPlan(report.plan);
  const bool plan_known = plan != nullptr || report.form == ReportForm::kExpert;
  RankCounters::Taken taken =
      rank.counters.Take(report, plan_known, !Covered(report.rank, now), delta_);
  if (taken.outcome == ReportOutcome::kReset) {
    refusal_ =
        absl::StrCat("rank ", report.rank.value, taken.step_went_back ? ": its step" : ": counters",
                     " ran backwards within one process and plan");
  } else if (taken.outcome == ReportOutcome::kOldIncarnation) {
    refusal_ = absl::StrCat("rank ", report.rank.value, ": process ", report.incarnation,
                            " was replaced by another that still reports, or this report is older");
    return taken.outcome;
  } else if (taken.outcome != ReportOutcome::kAccepted &&
             taken.outcome != ReportOutcome::kBaseline) {
    return taken.outcome;
  }
  if (taken.newest) Explain(RefusalOfStep(report, now), &taken);
  if (taken.outcome == ReportOutcome::kAccepted) {
    Explain(plausibility_.Judge(report.rank, report.form,
                                {.picks = delta_,
                                 .tokens = taken.tokens,
                                 .step_first = report.step_first - rank.step_shift,
                                 .steps = taken.steps,
                                 .group_step = progress_.MedianLastStep(),
                                 .expert_in_slot = plan ? &plan->expert_in_slot : nullptr}),
            &taken);
  }
  if (taken.outcome == ReportOutcome::kBaseline) {
    plausibility_.Begin(report.rank, report.form, progress_.MedianLastStep());
  }
  if (refusal_.empty()) rank.covered_at = now;
  if (!refusal_.empty()) open_is_spoiled_ = true;
  if (!open_since_.has_value()) open_since_ = now;
  if (taken.newest) {
    progress_.Advance(report.rank, report.step_first - rank.step_shift,
                      report.step_last - rank.step_shift, taken.from_zero);
  }
  const bool accepted = taken.outcome == ReportOutcome::kAccepted;
  if (accepted && report.form == ReportForm::kSlot) CountSlots(*plan, report.rank);
  if (accepted && report.form == ReportForm::kExpert) CountExperts(report.rank);
  MaybeCloseBatch(now);
  return taken.outcome;
}

void LoadWindow::Explain(std::string refusal, RankCounters::Taken* taken) {
  if (refusal.empty() || taken->outcome == ReportOutcome::kReset) return;
  refusal_ = std::move(refusal);
  taken->outcome = ReportOutcome::kImplausible;
}

std::string LoadWindow::RefusalOfForm(const LoadReport& report) {
  ranks_[report.rank.value].form = report.form;
  int like_it = 0;
  int others = 0;
  for (const RankState& rank : ranks_) {
    if (!rank.form.has_value()) continue;
    ++(*rank.form == report.form ? like_it : others);
  }
  // A tie leaves the form as it is: a group that changes its form does so rank by rank.
  if (like_it > others && form_ != report.form) {
    form_ = report.form;
    if (open_picks_ > 0) open_is_spoiled_ = true;  // They are in the other form.
  }
  if (report.form == form_) return "";
  return absl::StrCat("rank ", report.rank.value, ": reports picks ",
                      report.form == ReportForm::kSlot ? "received" : "sent",
                      " where most ranks of the group report the other form");
}

std::string LoadWindow::RefusalOfStep(const LoadReport& report, absl::Duration now) {
  RankState& rank = ranks_[report.rank.value];
  const bool first = !rank.stepped_at.has_value() || rank.incarnation != report.incarnation;
  const std::uint64_t before = std::exchange(rank.step_last, report.step_last);
  const absl::Duration since = now - rank.stepped_at.value_or(now);
  rank.stepped_at = now;
  rank.incarnation = report.incarnation;
  // Also where it goes back to what it counted before.
  if (first || report.step_last < before) rank.step_shift = 0;
  if (first) {
    rank.step_allowance = PlausibilityLimits::kStepJump;
    return "";
  }
  const double allowed =
      rank.step_allowance + absl::ToDoubleSeconds(since) * PlausibilityLimits::kStepsPerSecond;
  const double made =
      report.step_last > before ? static_cast<double>(report.step_last - before) : 0;
  const bool too_far = made > allowed;
  // What it can not have made costs nothing; what it may save up is bounded.
  rank.step_allowance = std::min(too_far ? allowed : allowed - made, PlausibilityLimits::kStepJump);
  if (!too_far) return "";
  rank.step_shift += report.step_last - before;
  return absl::StrCat("rank ", report.rank.value, ": its step jumps from ", before, " to ",
                      report.step_last);
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

void LoadWindow::CountExperts(RankId rank) {
  const std::size_t size = delta_.size();
  const std::uint64_t* delta = delta_.data();
  std::uint64_t bits = 0;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    bits |= delta[i];
    sum += delta[i];
  }
  // Fewer than 2^32 counts of less than 2^31 can not overflow; a rank that sends more is
  // not of this world, but must not wrap.
  if (bits >> 31 == 0) {
    open_picks_ += static_cast<double>(sum);
    SaturatingAdd(total_picks_, sum);
  } else {
    for (std::size_t i = 0; i < size; ++i) {
      open_picks_ += static_cast<double>(delta[i]);
      SaturatingAdd(total_picks_, delta[i]);
    }
  }
  const RowId row = topology_.row_of(rank);
  const std::size_t columns = static_cast<std::size_t>(shape_.num_experts);
  for (int layer = 0; layer < shape_.num_layers; ++layer, delta += columns) {
    double* open = demand_.open().mutable_picks(LayerId(layer), row).data();
    for (std::size_t i = 0; bits >> 31 == 0 && i < columns; ++i) {
      // A 32-bit integer becomes a double in one instruction.
      open[i] += static_cast<std::int32_t>(delta[i]);
    }
    for (std::size_t i = 0; bits >> 31 != 0 && i < columns; ++i) {
      open[i] += static_cast<double>(delta[i]);
    }
  }
}

void LoadWindow::MaybeCloseBatch(absl::Duration now) {
  if (!progress_.all_reported()) return;
  if (!open_since_step_.has_value()) {
    open_since_step_ = progress_.MinStart();
    // Of the steps before the last rank came the picks of that rank are missing: a batch that
    // is divided by them would show it as idle.
    if (progress_.MaxStart() > progress_.MinStart()) {
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
  const absl::Duration time = now - *open_since_;
  const bool is_true =
      !open_is_spoiled_ && !plausibility_.BatchIsDoubtful(form_, progress_.MedianLastStep());
  if (open_picks_ > 0 && is_true) {
    if (open_has_slots_) {
      const double per_step = static_cast<double>(steps);
      for (double& value : open_.mutable_values()) value /= per_step;
      for (double& value : open_rank_picks_) value /= per_step;
      measured_ = std::move(open_rank_picks_);
      average_.AddBatch(std::move(open_), steps, time);
    } else {
      average_.AddBatch(demand_.Close(steps, time), steps, time);
    }
  }
  ClearBatch();
}

void LoadWindow::ClearBatch() {
  open_ = LoadMatrix(shape_.num_layers, shape_.num_experts);
  open_rank_picks_.assign(static_cast<std::size_t>(shape_.num_layers) * topology_.num_ranks(), 0);
  open_picks_ = 0;
  open_has_slots_ = false;
  open_is_spoiled_ = false;
  demand_.Clear();
}

std::vector<std::pair<RankId, std::string>> LoadWindow::DriftingRanks(absl::Duration now) const {
  std::vector<std::pair<RankId, std::string>> drifting;
  if (!progress_.all_reported()) return drifting;
  std::vector<std::uint64_t> steps;
  for (int rank = 0; rank < topology_.num_ranks(); ++rank) {
    steps.push_back(progress_.LastStep(RankId(rank)));
  }
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  const std::uint64_t allowed = std::max(PlausibilityLimits::kDrift, 10 * options_.batch_steps);
  for (int rank = 0; rank < topology_.num_ranks(); ++rank) {
    const std::uint64_t last = progress_.LastStep(RankId(rank));
    const std::uint64_t distance = last > *middle ? last - *middle : *middle - last;
    if (distance <= allowed || !Covered(RankId(rank), now)) continue;
    drifting.emplace_back(RankId(rank),
                          absl::StrCat("rank ", rank, ": its step is ", distance,
                                       last > *middle ? " ahead of" : " behind",
                                       " that of the median rank; the ranks of a group step "
                                       "together"));
  }
  return drifting;
}

bool LoadWindow::Covered(RankId rank, absl::Duration now) const {
  const std::optional<absl::Duration>& covered_at = ranks_[rank.value].covered_at;
  return covered_at.has_value() && now - *covered_at <= options_.stale_after;
}

double LoadWindow::Coverage(absl::Duration now) const {
  const int num_ranks = topology_.num_ranks();
  const int covered = num_ranks - static_cast<int>(UncoveredRanks(now).size());
  return static_cast<double>(covered) / num_ranks;
}

std::vector<RankId> LoadWindow::UncoveredRanks(absl::Duration now) const {
  std::vector<RankId> uncovered;
  for (int rank = 0; rank < topology_.num_ranks(); ++rank) {
    if (!Covered(RankId(rank), now)) uncovered.push_back(RankId(rank));
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
