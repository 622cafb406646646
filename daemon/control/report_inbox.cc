#include "daemon/control/report_inbox.h"

#include <utility>

namespace ballast {

int* ReportInbox::WaitingOf(RankId rank) {
  const bool known = rank.value >= 0 && rank.value < static_cast<int>(waiting_of_.size());
  return known ? &waiting_of_[rank.value] : nullptr;
}

bool ReportInbox::Crowded() const {
  return waiting_.size() >= kReadReports || counts_ >= kReadCounts;
}

bool ReportInbox::TryPut(LoadReport& report) {
  bool first = false;
  bool crowded = false;
  {
    absl::MutexLock lock(&mutex_);
    int* of_rank = WaitingOf(report.rank);
    // A report that is larger than the bound alone is taken when nothing else waits.
    const bool full = waiting_.size() >= kMaxReports ||
                      (!waiting_.empty() && counts_ + report.counts.size() > kMaxCounts);
    if (shut_ || full || (of_rank != nullptr && *of_rank >= kMaxOfOneRank)) {
      ++dropped_;
      return false;
    }
    if (of_rank != nullptr) ++*of_rank;
    counts_ += report.counts.size();
    first = waiting_.empty();
    waiting_.push_back(std::move(report));
    crowded = !std::exchange(crowding_, Crowded()) && crowding_;
    report.counts.clear();
    if (!spares_.empty()) {
      report.counts = std::move(spares_.back());
      spare_counts_ -= report.counts.capacity();
      spares_.pop_back();
    }
  }
  if (first || crowded) {
    absl::MutexLock lock(&wait_mutex_);
    ready_ = true;
    crowded_ = crowded_ || crowded;
  }
  return true;
}

void ReportInbox::Recycle(std::vector<LoadReport>& reports) {
  for (LoadReport& report : reports) {
    const std::size_t capacity = report.counts.capacity();
    if (capacity == 0 || spare_counts_ + capacity > kMaxSpareCounts) continue;
    spare_counts_ += capacity;
    spares_.push_back(std::move(report.counts));
  }
  reports.clear();
}

void ReportInbox::TakeAll(Clock& clock, absl::Duration deadline, std::vector<LoadReport>& reports) {
  {
    absl::MutexLock lock(&wait_mutex_);
    clock.WaitUntil(wait_mutex_, absl::Condition(&ready_), deadline);
    ready_ = closed_;
    crowded_ = closed_;
  }
  absl::MutexLock lock(&mutex_);
  Recycle(reports);
  reports.swap(waiting_);
  waiting_of_.assign(waiting_of_.size(), 0);
  counts_ = 0;
  crowding_ = false;
}

void ReportInbox::Gather(Clock& clock, absl::Duration deadline) {
  absl::MutexLock lock(&wait_mutex_);
  clock.WaitUntil(wait_mutex_, absl::Condition(&crowded_), deadline);
}

void ReportInbox::Close() {
  {
    absl::MutexLock lock(&mutex_);
    shut_ = true;
  }
  absl::MutexLock lock(&wait_mutex_);
  closed_ = true;
  ready_ = true;
  crowded_ = true;
}

bool ReportInbox::closed() const {
  absl::MutexLock lock(&wait_mutex_);
  return closed_;
}

std::uint64_t ReportInbox::dropped() const {
  absl::MutexLock lock(&mutex_);
  return dropped_;
}

}  // namespace ballast
