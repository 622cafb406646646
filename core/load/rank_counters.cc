#include "core/load/rank_counters.h"

#include <algorithm>
#include <utility>

namespace ballast {

bool SequenceWindow::Seen(std::uint64_t sequence) const {
  if (sequence > newest_ || TooOld(sequence)) return false;
  return (seen_ >> (newest_ - sequence) & 1) != 0;
}

void SequenceWindow::Mark(std::uint64_t sequence) {
  if (sequence > newest_) {
    const std::uint64_t step = sequence - newest_;
    seen_ = step < kWidth ? seen_ << step : 0;
    newest_ = sequence;
  }
  if (!TooOld(sequence)) seen_ |= std::uint64_t{1} << (newest_ - sequence);
}

const RankCounters::Incarnation* RankCounters::FindReplaced(std::uint64_t incarnation) const {
  for (const Incarnation& replaced : replaced_) {
    if (replaced.id == incarnation) return &replaced;
  }
  return nullptr;
}

void RankCounters::Replace(std::uint64_t incarnation) {
  std::erase_if(replaced_, [&](const Incarnation& replaced) { return replaced.id == incarnation; });
  if (incarnation_.has_value()) replaced_.push_back({*incarnation_, sequences_.newest()});
  if (replaced_.size() > kReplacedKept) replaced_.pop_front();
  incarnation_ = incarnation;
  sequences_ = SequenceWindow();
  first_sequence_ = 0;
  horizon_ = 0;
  plans_.clear();
}

RankCounters::PlanCounts* RankCounters::Find(const PlanId& plan) {
  for (PlanCounts& counts : plans_) {
    if (counts.plan == plan) return &counts;
  }
  return nullptr;
}

void RankCounters::Remember(LoadReport& report) {
  PlanCounts* last = Find(report.plan);
  if (last == nullptr) last = &plans_.emplace_back();
  last->plan = report.plan;
  last->form = report.form;
  last->counter_bits = report.counter_bits;
  last->newest_sequence = report.sequence;
  last->tokens = report.tokens;
  last->step_last = report.step_last;
  last->counts.swap(report.counts);
  std::sort(plans_.begin(), plans_.end(), [](const PlanCounts& a, const PlanCounts& b) {
    return a.newest_sequence < b.newest_sequence;
  });
  if (plans_.size() > kPlansKept) {
    plans_.erase(plans_.begin());
    // All reports of the dropped plan come before the first of the next one.
    horizon_ = plans_.front().newest_sequence;
  }
}

ReportOutcome RankCounters::Delta(const PlanCounts& last, const LoadReport& report,
                                  std::vector<std::uint64_t>& delta) {
  if (last.form != report.form || last.counter_bits != report.counter_bits) {
    return ReportOutcome::kReset;
  }
  // A 32-bit counter that seems to gain 2^31 or more went back; a 64-bit counter
  // does not wrap in the life of a process, so any decrease is a reset.
  const std::size_t size = report.counts.size();
  delta.resize(size);
  const std::uint64_t* now = report.counts.data();
  const std::uint64_t* before = last.counts.data();
  std::uint64_t* gained = delta.data();
  // Without branches, so that the compiler makes vectors of it: a report may hold 15,000.
  std::uint64_t back = 0;
  if (report.counter_bits == 32) {
    for (std::size_t i = 0; i < size; ++i) {
      gained[i] = (now[i] - before[i]) & 0xffffffffu;
      back |= gained[i] << 32;
    }
  } else {
    for (std::size_t i = 0; i < size; ++i) {
      gained[i] = now[i] - before[i];
      // The top bit is the borrow of the subtraction.
      back |= (~now[i] & before[i]) | (~(now[i] ^ before[i]) & gained[i]);
    }
  }
  return back >> 63 == 0 ? ReportOutcome::kAccepted : ReportOutcome::kReset;
}

RankCounters::Taken RankCounters::Take(LoadReport& report, bool plan_known, bool may_return,
                                       std::vector<std::uint64_t>& delta) {
  Taken taken;
  bool returns = false;
  if (incarnation_ != report.incarnation) {
    if (const Incarnation* old = FindReplaced(report.incarnation); old != nullptr) {
      // Only what is newer: then no plan that it was counted under before comes after this one.
      returns = may_return && report.sequence > old->newest_sequence;
      if (!returns) return {.outcome = ReportOutcome::kOldIncarnation};
    }
    Replace(report.incarnation);
    taken.new_incarnation = true;
    first_sequence_ = report.sequence;
  }
  const std::uint64_t sequence = report.sequence;
  if (sequences_.TooOld(sequence)) return {.outcome = ReportOutcome::kLate};
  if (sequences_.Seen(sequence)) return {.outcome = ReportOutcome::kDuplicate};
  taken.newest = sequence > sequences_.newest();
  sequences_.Mark(sequence);

  const PlanCounts* last = Find(report.plan);
  const bool late = last != nullptr ? sequence < last->newest_sequence : sequence < horizon_;
  if (late) {
    taken.outcome = ReportOutcome::kLate;
  } else if (!plan_known) {
    taken.outcome = ReportOutcome::kUnknownPlan;
  } else if (last != nullptr) {
    taken.outcome = Delta(*last, report, delta);
    const bool told = report.tokens != 0 && last->tokens != 0;
    taken.tokens = told ? report.tokens - last->tokens : 0;
    if (report.counter_bits == 32) taken.tokens &= 0xffffffffu;
    // Of steps ended, so that "none" of a plan that begins with step 0 is before all others.
    if (taken.outcome == ReportOutcome::kAccepted && report.step_last + 1 < last->step_last + 1) {
      taken.outcome = ReportOutcome::kReset;
      taken.step_went_back = true;
    }
    taken.steps = report.step_last - last->step_last;
  } else if (!returns && (sequence == 1 || first_sequence_ < sequence)) {
    // The process was seen earlier under another plan, so this plan's counters
    // began at zero after that.
    taken.from_zero = true;
    delta = report.counts;
    taken.tokens = report.tokens;
    taken.steps = report.step_last + 1 - report.step_first;
  } else {
    taken.outcome = ReportOutcome::kBaseline;
  }
  first_sequence_ = std::min(first_sequence_, sequence);
  if (!late) Remember(report);
  return taken;
}

}  // namespace ballast
