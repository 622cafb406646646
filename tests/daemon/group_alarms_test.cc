// Goal: what of a group alarms, in which order and words.
// Method: views of the loops made by hand.

#include "daemon/admin/group_alarms.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class GroupAlarmsTest : public ::testing::Test {
 protected:
  GroupAlarmsTest() {
    rollout_.workers.resize(4);
    for (WorkerView& worker : rollout_.workers) worker.state = RankState::kSynced;
    rollout_.connected = 4;
    rollout_.active_everywhere = true;
    load_.coverage = 1;
    load_.last_report.assign(4, kNow);
  }

  // "name: detail" of each alarm, with the number of its ranks.
  std::vector<std::string> Alarms() {
    std::vector<std::string> texts;
    for (const GroupAlarm& alarm : AlarmsOf(config_, rollout_, load_, kNow)) {
      texts.push_back(alarm.name + ": " + alarm.detail + " (" + std::to_string(alarm.ranks.size()) +
                      ")");
    }
    return texts;
  }

  void SetState(int rank, RankState state, const std::string& detail = "") {
    rollout_.workers[rank].state = state;
    rollout_.workers[rank].detail = detail;
  }

  static constexpr absl::Duration kNow = absl::Hours(1);
  GroupConfig config_ = SmallGroup();
  RolloutView rollout_;
  LoadView load_;
};

TEST_F(GroupAlarmsTest, AGroupThatIsWellHasNone) { EXPECT_THAT(Alarms(), IsEmpty()); }

TEST_F(GroupAlarmsTest, NamesTheMissingRanks) {
  SetState(2, RankState::kGone);
  EXPECT_THAT(Alarms(), ElementsAre("ranks_missing: rank 2 missing (1)"));
  SetState(3, RankState::kGone);
  EXPECT_THAT(Alarms(), ElementsAre("ranks_missing: 2 ranks missing: 2, 3 (2)"));
}

TEST_F(GroupAlarmsTest, NamesTheFirstSixOfMany) {
  rollout_.workers.resize(8);
  for (int rank = 0; rank < 8; ++rank) SetState(rank, RankState::kGone);
  EXPECT_THAT(Alarms(), ElementsAre("ranks_missing: 8 ranks missing: 0, 1, 2, 3, 4, 5, ... (8)"));
}

TEST_F(GroupAlarmsTest, AGroupThatObservesMissesNoSessions) {
  config_.policy.observe_only = true;
  rollout_.connected = 0;
  for (int rank = 0; rank < 4; ++rank) SetState(rank, RankState::kGone);
  EXPECT_THAT(Alarms(), IsEmpty());
}

// Each once, the worst first, in the words of the first rank.
TEST_F(GroupAlarmsTest, NamesEachStateInItsOwnWords) {
  SetState(0, RankState::kStale, "no heartbeat for 12s");
  rollout_.workers[0].silent = true;
  SetState(1, RankState::kNacked, "NO_MEMORY: needs 2.6 GB");
  SetState(2, RankState::kLagging);
  SetState(3, RankState::kAhead);
  EXPECT_THAT(Alarms(), ElementsAre("ranks_silent: rank 0 no heartbeat for 12s (1)",
                                    "ranks_nacked: rank 1 NO_MEMORY: needs 2.6 GB (1)",
                                    "ranks_lagging: rank 2 has not switched (1)",
                                    "ranks_ahead: rank 3 is ahead of this store (1)"));
}

TEST_F(GroupAlarmsTest, SaysWhyARankIsNotTaken) {
  SetState(2, RankState::kGone);
  rollout_.workers[2].refused =
      HelloRefusal{"worker has row 1, the configuration says 0", kNow - absl::Seconds(4)};
  EXPECT_THAT(Alarms(), ElementsAre("ranks_refused: rank 2 refused 4s ago: worker has row 1, the "
                                    "configuration says 0 (1)",
                                    "ranks_missing: rank 2 missing (1)"));
}

TEST_F(GroupAlarmsTest, SaysHowManyMoreThereAre) {
  SetState(1, RankState::kStale);
  SetState(3, RankState::kStale, "runs 7.41");
  EXPECT_THAT(Alarms(), ElementsAre("ranks_stale: rank 1 runs another plan, 1 more (2)"));
}

TEST_F(GroupAlarmsTest, MissesReportsOnlyWhereASolveWouldWaitForThem) {
  load_.last_report[1] = kNow - config_.load.stale_after - absl::Seconds(1);
  EXPECT_THAT(Alarms(), IsEmpty());
  load_.coverage = 0.75;
  EXPECT_THAT(Alarms(), ElementsAre("reports_missing: rank 1 without a load report for " +
                                    absl::FormatDuration(config_.load.stale_after) + " (1)"));
  rollout_.connected = 3;  // A missing rank stands for its reports.
  EXPECT_THAT(Alarms(), IsEmpty());
}

TEST_F(GroupAlarmsTest, APlanIsStuckAfterFiveMinutesInOnePhase) {
  rollout_.phase = PlanPhase::kPreparing;
  rollout_.phase_since = kNow - kPlanStuckAfter;
  EXPECT_THAT(Alarms(), IsEmpty());
  rollout_.phase_since -= absl::Seconds(61);
  EXPECT_THAT(Alarms(), ElementsAre("plan_stuck: preparing for 6m1s (0)"));
  rollout_.phase = PlanPhase::kIdle;
  EXPECT_THAT(Alarms(), IsEmpty());
}

}  // namespace
}  // namespace ballast
