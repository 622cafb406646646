#ifndef BALLAST_DAEMON_CONTROL_RANK_QUOTA_H_
#define BALLAST_DAEMON_CONTROL_RANK_QUOTA_H_

#include <atomic>
#include <vector>

#include "core/base/ids.h"

namespace ballast {

// Bounds what each rank may have in a queue that all share, so that one that floods takes no
// room of others. Thread-safe; wait-free. Ranks must be in [0, num_ranks).
class RankQuota {
 public:
  RankQuota(int num_ranks, int per_rank) : per_rank_(per_rank), taken_(num_ranks) {}

  // False, with nothing taken, if the rank has as much as it may.
  bool Take(RankId rank) {
    if (taken_[rank.value].fetch_add(1, std::memory_order_relaxed) < per_rank_) return true;
    GiveBack(rank);
    return false;
  }
  void GiveBack(RankId rank) { taken_[rank.value].fetch_sub(1, std::memory_order_relaxed); }

 private:
  const int per_rank_;
  std::vector<std::atomic<int>> taken_;  // [num_ranks]
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_RANK_QUOTA_H_
