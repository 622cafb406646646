#ifndef BALLAST_DAEMON_CONTROL_STEP_WATCH_H_
#define BALLAST_DAEMON_CONTROL_STEP_WATCH_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/ids.h"

namespace ballast {

// Finds ranks whose serving step stands still while others go on. Steps come with
// heartbeats and are for display: ranks may count from different beginnings, so only
// their movement is compared. Time counts only while the group moves: after a pause of
// all, the ranks whose heartbeats come last do not lag.
//
// Not thread-safe: the publish thread owns it.
class StepWatch {
 public:
  StepWatch(int num_ranks, absl::Duration lagging_after)
      : lagging_after_(lagging_after), ranks_(num_ranks) {}

  void SetLaggingAfter(absl::Duration lagging_after) { lagging_after_ = lagging_after; }

  // A session begins: what its rank did before does not count.
  void Begin(RankId rank) { ranks_[rank.value] = {true, 0, moving_}; }
  void End(RankId rank) { ranks_[rank.value].open = false; }
  void Saw(RankId id, std::uint64_t step, absl::Duration now) {
    Rank& rank = ranks_[id.value];
    if (step == rank.step) return;
    // A longer gap between two movements of a group is a pause.
    if (last_move_.has_value()) moving_ += std::min(now - *last_move_, lagging_after_ / 2);
    last_move_ = now;
    rank.step = step;
    rank.moved = moving_;
  }

  // "stands at step 120 while others went on for 12s".
  std::optional<std::string> Lag(RankId id) const {
    const Rank& rank = ranks_[id.value];
    if (!rank.open) return std::nullopt;
    if (moving_ - rank.moved < lagging_after_) return std::nullopt;
    return absl::StrCat("stands at step ", rank.step, " while others went on for ",
                        absl::FormatDuration(absl::Floor(moving_ - rank.moved, absl::Seconds(1))));
  }

 private:
  struct Rank {
    bool open = false;
    std::uint64_t step = 0;
    absl::Duration moved;  // On `moving_`: when the step changed last, or the session began.
  };

  absl::Duration lagging_after_;
  std::vector<Rank> ranks_;
  absl::Duration moving_;                    // For how long the group has moved.
  std::optional<absl::Duration> last_move_;  // When the step of any rank changed last.
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_STEP_WATCH_H_
