#ifndef BALLAST_DAEMON_OBSERVE_GROUP_SERIES_H_
#define BALLAST_DAEMON_OBSERVE_GROUP_SERIES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "daemon/control/group_observer.h"
#include "daemon/observe/metric_families.h"
#include "daemon/observe/metrics.h"

namespace ballast {

// Counters of one group and one family that differ in one label. The values known beforehand
// have their series from the start, so that a rate over the first event is right.
// Thread-safe; the family must outlive it.
class LabelledCounters {
 public:
  LabelledCounters(prometheus::Family<prometheus::Counter>& family, std::string group,
                   std::string label, const std::vector<std::string>& values);
  ~LabelledCounters();

  void Increment(absl::string_view value, double by = 1);

 private:
  prometheus::Counter& CounterOf(absl::string_view value);

  prometheus::Family<prometheus::Counter>& family_;
  const std::string group_;
  const std::string label_;
  absl::Mutex mutex_;
  std::map<std::string, prometheus::Counter*, std::less<>> counters_ ABSL_GUARDED_BY(mutex_);
};

// Gauges of one group and one family, numbered by a label: ranks, layers. A number without a
// value has no series. Not thread-safe; the family must outlive it.
class NumberedGauges {
 public:
  NumberedGauges(prometheus::Family<prometheus::Gauge>& family, std::string group,
                 std::string label);
  ~NumberedGauges();

  void Set(std::size_t number, double value);
  void Remove(std::size_t number);
  // These values and no others.
  void SetAll(const std::vector<double>& values);
  // Removes all from `number` on.
  void Truncate(std::size_t number);

 private:
  prometheus::Family<prometheus::Gauge>& family_;
  const std::string group_;
  const std::string label_;
  std::vector<prometheus::Gauge*> gauges_;  // By number; null: no series.
};

// The series of one EP group: made once, so that an event costs no search by labels, and
// gone with the object. Thread-safe; `families` must outlive it.
class GroupSeries {
  // Before the series, which are made and removed through them.
  const GroupSources sources_;
  std::vector<std::function<void()>> removals_;

  template <typename Series>
  Series& Own(prometheus::Family<Series>& family, Series& series);
  prometheus::Counter& Own(prometheus::Family<prometheus::Counter>& family);
  prometheus::Gauge& Own(prometheus::Family<prometheus::Gauge>& family);
  prometheus::Histogram& Own(prometheus::Family<prometheus::Histogram>& family,
                             const prometheus::Histogram::BucketBoundaries& buckets);

 public:
  GroupSeries(MetricFamilies& families, const GroupSources& sources);
  ~GroupSeries();

  // Gauges follow the loops.
  void Refresh(Clock& clock);

  LabelledCounters reports;
  LabelledCounters plans;
  LabelledCounters nacks;
  LabelledCounters moved_bytes;
  prometheus::Counter& report_tokens;
  prometheus::Counter& disagreements;
  prometheus::Counter& pushes;
  prometheus::Counter& slow_consumers;
  prometheus::Counter& moved_slots;
  prometheus::Histogram& solve_seconds;
  prometheus::Histogram& activation_seconds;

 private:
  using NamedGauges = std::vector<std::pair<std::string, prometheus::Gauge*>>;

  NamedGauges OwnNamed(prometheus::Family<prometheus::Gauge>& family, const char* label,
                       const std::vector<std::string>& values);
  static void SetNamed(const NamedGauges& gauges, absl::string_view current);
  std::vector<bool> PresentRanks(const RolloutView& rollout, const LoadView& load,
                                 absl::Duration now) const;
  void RefreshRanks(const RolloutView& rollout, const LoadView& load,
                    const std::vector<bool>& present, Clock& clock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RefreshCoverage(const std::vector<bool>& present);

  NamedGauges phases_;
  NamedGauges holds_;
  NamedGauges workers_;
  NamedGauges loops_;
  prometheus::Gauge& phase_start_;
  prometheus::Gauge& active_seq_;
  prometheus::Gauge& paused_;
  prometheus::Gauge& uncovered_;
  prometheus::Gauge& single_row_;

  absl::Mutex mutex_;
  NumberedGauges layer_imbalance_ ABSL_GUARDED_BY(mutex_);
  NumberedGauges layer_predicted_ ABSL_GUARDED_BY(mutex_);
  NumberedGauges rank_load_ ABSL_GUARDED_BY(mutex_);
  NumberedGauges last_report_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_GROUP_SERIES_H_
