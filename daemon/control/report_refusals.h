#ifndef BALLAST_DAEMON_CONTROL_REPORT_REFUSALS_H_
#define BALLAST_DAEMON_CONTROL_REPORT_REFUSALS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "daemon/control/group_observer.h"

namespace ballast {

// Whose reports an EP group does not take, and why: for the status, and as events of which
// there is at most one a minute for each rank and result. Thread-safe.
class ReportRefusals {
 public:
  // Chosen: long enough to be seen, short enough that what was cured goes away.
  static constexpr absl::Duration kShownFor = absl::Minutes(1);

  // `observer` must outlive it.
  ReportRefusals(const std::string& group, int num_ranks, GroupObserver& observer)
      : group_(group), num_ranks_(num_ranks), observer_(observer) {}

  // `result`: as in GroupObserver::OnReport(), or "step_drift". Ranks out of range are named
  // in the event only.
  void Add(RankId rank, const std::string& result, const std::string& reason, absl::Duration now);

  // "reports refused (implausible): rank 3: ..., 4s ago"; nullopt if there was none lately.
  std::optional<std::string> TextOf(RankId rank, absl::Duration now) const;

 private:
  struct Refusal {
    std::string result;
    std::string reason;
    absl::Duration at;
  };
  struct Event {
    absl::Duration told_at;
    std::uint64_t suppressed = 0;  // Since then.
  };

  const std::string group_;
  const int num_ranks_;
  GroupObserver& observer_;
  mutable absl::Mutex mutex_;
  // By rank; -1: none of the group.
  std::map<int, Refusal> last_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<int, std::string>, Event> events_ ABSL_GUARDED_BY(mutex_);  // And by result.
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_REPORT_REFUSALS_H_
