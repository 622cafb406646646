#include "client/worker/report_queue.h"

#include <utility>

namespace ballast {
namespace {

// Written so that it holds for a plan that begins with step 0, too.
bool HasEndedStep(const LoadCounters::Snapshot& snapshot) {
  return snapshot.step_last + 1 != snapshot.step_first;
}

}  // namespace

ReportQueue::ReportQueue(LoadCounters& counters, const LoadReport& identity)
    : counters_(counters), identity_(identity) {}

void ReportQueue::NoteActivation() {
  const PlanId now = counters_.Current().plan;
  if (counted_plan_ == now) return;
  LoadCounters::Snapshot previous;
  if (counters_.TakePrevious(&previous) && HasEndedStep(previous)) {
    last_ = Last{std::move(previous)};
  }
  counted_plan_ = now;
}

std::optional<LoadReport> ReportQueue::Next() {
  LoadCounters::Snapshot current;
  // An activation since the last look must not let its plan's report go first.
  while (due_ && (current.counts.empty() || counted_plan_ != current.plan)) {
    NoteActivation();
    current = counters_.Current();
  }
  if (last_.has_value() && last_->sequence == 0 && (due_ || !last_->waits_until_due)) {
    LoadReport report = Fill(last_->snapshot);
    last_->sequence = report.sequence;
    return report;
  }
  if (!due_) return std::nullopt;
  due_ = false;
  if (!HasEndedStep(current)) return std::nullopt;
  return Fill(std::move(current));
}

void ReportQueue::OnAccepted(std::uint64_t sequence) {
  if (last_.has_value() && last_->sequence != 0 && sequence >= last_->sequence) last_.reset();
}

void ReportQueue::OnDropped() {
  if (!last_.has_value() || last_->sequence == 0) return;
  last_->sequence = 0;
  last_->waits_until_due = true;
}

void ReportQueue::OnReconnect() {
  if (!last_.has_value()) return;
  last_->sequence = 0;
  last_->waits_until_due = false;
}

LoadReport ReportQueue::Fill(LoadCounters::Snapshot snapshot) {
  LoadReport report = identity_;
  report.sequence = ++sequence_;
  report.plan = snapshot.plan;
  report.step_first = snapshot.step_first;
  report.step_last = snapshot.step_last;
  report.tokens = snapshot.tokens;
  report.counts = std::move(snapshot.counts);
  return report;
}

}  // namespace ballast
