#ifndef BALLAST_DAEMON_CONTROL_CRASH_POINTS_H_
#define BALLAST_DAEMON_CONTROL_CRASH_POINTS_H_

#include <array>
#include <cstdint>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/ids.h"

namespace ballast {

// The moments of a rollout, and of a change of who belongs to the group, at which a crash
// could leave the store and the workers in different states. Tests end the process at each; nothing
// else may depend on them.
inline constexpr std::array<absl::string_view, 16> kCrashPoints = {
    "propose.before",     // Offered, not stored.
    "propose.stored",     // Stored as preparing, nobody told.
    "prepare.half_sent",  // Half of the ranks were told to load.
    "prepare.sent",       // All were.
    "decide.before",      // All ranks prepared, no decision stored.
    "decide.stored",      // Decided, nobody told.
    "commit.half_sent",   // Half of the ranks may switch.
    "commit.sent",        // All may.
    "active",             // All ranks switched.
    "retire.half_sent",   // Half of the ranks may free the old plan.
    "retire.sent",        // All may.
    "abort.before",       // The plan is given up, no abort stored.
    "abort.stored",       // Aborted, nobody told.
    "abort.half_sent",    // Half of the ranks were told to forget the plan.
    "abort.sent",         // All were.
    "membership.stored",  // A rank has left or is back, nobody told.
};

// Told when a moment is reached. Called from the publish threads.
class CrashPoints {
 public:
  virtual ~CrashPoints() = default;
  virtual void Reach(absl::string_view point) = 0;
};

// Finds the moments at which half of the ranks and all of them were sent one message of a
// rollout, each rank counted once. What brings a rank that comes back to a plan of an earlier
// daemon is no rollout: only plans of `term` count.
//
// Not thread-safe: the publish thread owns it.
class SentPoints {
 public:
  // `points` may be null: nobody is told.
  SentPoints(CrashPoints* points, int num_ranks, std::uint64_t term)
      : points_(points), num_ranks_(num_ranks), term_(term) {}

  // `message` is the first word of its points, as "commit".
  void Sent(absl::string_view message, const PlanId& plan, RankId rank) {
    if (points_ == nullptr || plan.version.term != term_) return;
    Told& told = told_[message];
    if (told.plan != plan) told = {plan, {}};
    if (!told.ranks.insert(rank.value).second) return;
    const int count = static_cast<int>(told.ranks.size());
    if (count == num_ranks_ / 2) points_->Reach(absl::StrCat(message, ".half_sent"));
    if (count == num_ranks_) points_->Reach(absl::StrCat(message, ".sent"));
  }

 private:
  struct Told {
    PlanId plan;
    std::set<int> ranks;
  };

  CrashPoints* const points_;
  const int num_ranks_;
  const std::uint64_t term_;
  std::map<absl::string_view, Told> told_;  // By message.
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_CRASH_POINTS_H_
