#ifndef BALLAST_DAEMON_CONTROL_RANK_CLAIMS_H_
#define BALLAST_DAEMON_CONTROL_RANK_CLAIMS_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/base/ids.h"

namespace ballast {

// Which process may speak for a rank. The one that came last does; one that it has
// replaced stays out for as long as the newer one has a session, so that two live
// processes of one rank do not take it from each other for ever.
//
// Not thread-safe: the publish thread owns it.
class RankClaims {
 public:
  enum class Answer {
    kTakes,     // Nobody else had the rank, or the same process comes back.
    kReplaces,  // Another process had it and is out from now on.
    kRefused,   // A newer process has it.
  };

  explicit RankClaims(int num_ranks) : ranks_(num_ranks) {}

  Answer Claim(RankId id, std::uint64_t incarnation) {
    Rank& rank = ranks_[id.value];
    if (rank.holder == incarnation || rank.holder == 0) {
      rank.holder = incarnation;
      return Answer::kTakes;
    }
    if (std::find(rank.replaced.begin(), rank.replaced.end(), incarnation) != rank.replaced.end()) {
      return Answer::kRefused;
    }
    rank.replaced.push_back(rank.holder);
    if (rank.replaced.size() > kRemembered) rank.replaced.pop_front();
    rank.holder = incarnation;
    return Answer::kReplaces;
  }

  // The holder's session ended: whoever comes next has the rank.
  void End(RankId id) { ranks_[id.value] = {}; }

  // 0: nobody.
  std::uint64_t holder(RankId id) const { return ranks_[id.value].holder; }

 private:
  // Chosen: more live processes of one rank than anybody starts by mistake.
  static constexpr std::size_t kRemembered = 16;

  struct Rank {
    std::uint64_t holder = 0;
    std::deque<std::uint64_t> replaced;
  };
  std::vector<Rank> ranks_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_RANK_CLAIMS_H_
