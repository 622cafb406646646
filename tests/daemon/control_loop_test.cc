#include "daemon/control/control_loop.h"

#include <memory>
#include <utility>

#include "core/base/simulated_clock.h"
#include "core/solver/input_digest.h"
#include "core/store/decision_record.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::StartsWith;

class FakePublisher final : public PlanPublisher {
 public:
  RolloutFacts Facts() const override { return facts; }
  void Offer(PlanCandidate candidate) override { offered.push_back(std::move(candidate)); }
  void Record(SolveRecord solve, std::string outcome) override {
    recorded.push_back({std::move(solve), std::move(outcome)});
  }

  RolloutFacts facts;
  std::vector<PlanCandidate> offered;
  std::vector<std::pair<SolveRecord, std::string>> recorded;
};

class ControlLoopTest : public ::testing::Test {
 protected:
  explicit ControlLoopTest(GroupConfig config = SmallGroup())
      : config_(std::move(config)),
        initial_(
            std::make_shared<const PlacementPlan>(InitialPlan(config_.shape, config_.topology))) {
    publisher_.facts = {PlanIdOf(config_.shape, *initial_), initial_, true, true};
    loop_ = std::make_unique<ControlLoop>(config_, publisher_, observer_, clock_);
  }

  // All ranks report `step` steps; the slots of rank r received picks[r][local] so far.
  void Report(std::uint64_t step, const std::vector<std::vector<std::uint64_t>>& picks) {
    ++sequence_;
    for (int rank = 0; rank < 4; ++rank) {
      LoadReport report;
      report.rank = RankId(rank);
      report.incarnation = 7;
      report.sequence = sequence_;
      report.plan = publisher_.facts.decided;
      report.step_first = 1;
      report.step_last = step;
      report.counts = picks[rank];
      ASSERT_TRUE(loop_->Submit(std::move(report)));
    }
    loop_->RunOnceForTest();
  }

  const GroupConfig config_;
  SimulatedClock clock_;
  const std::shared_ptr<const PlacementPlan> initial_;
  FakePublisher publisher_;
  RecordingObserver observer_;
  std::unique_ptr<ControlLoop> loop_;
  std::uint64_t sequence_ = 0;
};

// Slots 0..7 hold experts 0 1 2 3 0 1 2 3: expert 0 lies on ranks 0 and 2, expert 1 beside it.
TEST_F(ControlLoopTest, OffersAPlanThatSeparatesTwoHotExperts) {
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  ASSERT_EQ(publisher_.offered.size(), 1);
  const PlanCandidate& candidate = publisher_.offered[0];
  EXPECT_TRUE(CheckPlan(config_.shape, config_.topology, *candidate.plan).ok());
  EXPECT_EQ(candidate.record.base, publisher_.facts.decided);
  EXPECT_EQ(candidate.record.digest, PlanDigest(config_.shape, *candidate.plan));
  EXPECT_LT(candidate.record.imbalance_new, candidate.record.imbalance_now);
  EXPECT_EQ(candidate.record.moved_slots,
            static_cast<int>(Diff(*initial_, *candidate.plan).size()));
  EXPECT_GT(candidate.record.lower_bound, 0);
  EXPECT_LE(candidate.record.lower_bound, candidate.record.decision.straggler_load_new * 1.000001);
  EXPECT_EQ(candidate.record.same_row_bytes + candidate.record.cross_row_bytes,
            candidate.record.moved_slots * 1000);
  EXPECT_EQ(candidate.record.step, 10);
  EXPECT_EQ(candidate.record.planner, "eplb");
  EXPECT_EQ(candidate.record.required_gain, config_.policy.min_gain);
  EXPECT_EQ(candidate.record.solved, clock_.WallNow());
  // One layer: the engines' figure is the ratio upside down.
  EXPECT_DOUBLE_EQ(candidate.record.balancedness_now, 1 / candidate.record.imbalance_now);
  EXPECT_DOUBLE_EQ(candidate.record.balancedness_new, 1 / candidate.record.imbalance_new);
  EXPECT_TRUE(publisher_.recorded.empty());
}

TEST_F(ControlLoopTest, OnceItHasSolvedNoSolveIsDue) {
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  EXPECT_EQ(loop_->View().solves, 1);
  EXPECT_EQ(loop_->View().hold, SolveHold::kNotDue);
}

TEST_F(ControlLoopTest, PredictsTheDecidedPlanAlsoWhileAnotherIsOnItsWay) {
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  ASSERT_EQ(publisher_.offered.size(), 1);
  const PlanCandidate first = publisher_.offered[0];
  EXPECT_TRUE(loop_->View().layer_predicted.empty());  // The initial plan's is not known.
  publisher_.facts.decided = {{1, 1}, first.record.digest};
  publisher_.facts.decided_plan = first.plan;
  const std::vector<double> predicted = {first.record.imbalance_new};
  loop_->RunOnceForTest();
  EXPECT_EQ(loop_->View().layer_predicted, predicted);
  Report(20, {{1, 1}, {1, 1}, {400, 350}, {1, 1}});
  ASSERT_EQ(publisher_.offered.size(), 2);
  EXPECT_EQ(loop_->View().layer_predicted, predicted);
  // The second was given up, and the first is still what runs.
  loop_->RunOnceForTest();
  EXPECT_EQ(loop_->View().layer_predicted, predicted);
}

TEST_F(ControlLoopTest, TheDigestOfTheInputsIsThatOfWhatWasSolved) {
  Report(10, {{10, 10}, {10, 10}, {10, 10}, {10, 10}});
  Report(20, {{20, 20}, {20, 20}, {20, 20}, {20, 20}});
  Report(30, {{90, 90}, {30, 30}, {30, 30}, {30, 30}});
  ASSERT_EQ(publisher_.recorded.size() + publisher_.offered.size(), 3);
  const Digest first = publisher_.recorded[0].first.input_digest;
  LoadMatrix load(1, 4);
  for (int expert = 0; expert < 4; ++expert) load.Set(LayerId(0), ExpertId(expert), 2);
  EXPECT_EQ(first, PlanInputDigest("eplb", {config_.shape, config_.topology, load, initial_.get(),
                                            config_.planner_options}));
  EXPECT_EQ(publisher_.recorded[1].first.input_digest, first);
  const SolveRecord& third =
      publisher_.offered.empty() ? publisher_.recorded[2].first : publisher_.offered[0].record;
  EXPECT_NE(third.input_digest, first);
}

TEST_F(ControlLoopTest, DeclinesAPlanThatGainsNothing) {
  Report(10, {{10, 10}, {10, 10}, {10, 10}, {10, 10}});
  EXPECT_TRUE(publisher_.offered.empty());
  ASSERT_EQ(observer_.solves.size(), 1);
  EXPECT_FALSE(observer_.solves[0].decision.adopt);
  EXPECT_EQ(loop_->View().last_solve->decision.reason, observer_.solves[0].decision.reason);
  ASSERT_EQ(publisher_.recorded.size(), 1);
  EXPECT_EQ(publisher_.recorded[0].first.decision.reason, observer_.solves[0].decision.reason);
  EXPECT_EQ(publisher_.recorded[0].second, kDecisionDeclined);
}

class RestartedControlLoopTest : public ControlLoopTest {
 protected:
  RestartedControlLoopTest() : ControlLoopTest(WithInterval()) {}

  static GroupConfig WithInterval() {
    GroupConfig config = SmallGroup();
    config.policy.min_interval = absl::Seconds(30);
    return config;
  }
};

TEST_F(RestartedControlLoopTest, APlanFoundInTheStoreIsAsYoungAsTheDaemon) {
  publisher_.facts.decided.version = {3, 9};
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  EXPECT_TRUE(publisher_.offered.empty());
  ASSERT_EQ(observer_.solves.size(), 1);
  EXPECT_EQ(observer_.solves[0].decision.reason, "min_interval");
  clock_.Advance(absl::Seconds(31));
  Report(20, {{200, 200}, {2, 2}, {200, 200}, {2, 2}});
  EXPECT_EQ(publisher_.offered.size(), 1);
}

TEST_F(RestartedControlLoopTest, TheInitialPlanHoldsNothingBack) {
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  EXPECT_EQ(publisher_.offered.size(), 1);
}

TEST_F(ControlLoopTest, WaitsWhileRanksAreMissing) {
  publisher_.facts.all_connected = false;
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  EXPECT_TRUE(observer_.solves.empty());
  EXPECT_EQ(loop_->View().hold, SolveHold::kRanksMissing);
}

TEST_F(ControlLoopTest, WaitsWhileAPlanIsOnItsWay) {
  publisher_.facts.idle = false;
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  EXPECT_TRUE(observer_.solves.empty());
  EXPECT_EQ(loop_->View().hold, SolveHold::kRolloutBusy);
}

TEST_F(ControlLoopTest, CountsEachPickOnceWhenAReportIsDoubled) {
  LoadReport report;
  report.rank = RankId(1);
  report.incarnation = 7;
  report.sequence = 1;
  report.plan = publisher_.facts.decided;
  report.step_first = 1;
  report.step_last = 5;
  report.counts = {3, 4};
  loop_->Submit(LoadReport(report));
  loop_->Submit(LoadReport(report));
  loop_->RunOnceForTest();
  EXPECT_THAT(observer_.reports, ElementsAre(Pair("accepted", 7), Pair("duplicate", 0)));
  EXPECT_EQ(loop_->View().total_picks, 7);
}

TEST_F(ControlLoopTest, RefusesAReportOfTheWrongSizeAndGoesOn) {
  LoadReport report;
  report.rank = RankId(0);
  report.incarnation = 7;
  report.sequence = 1;
  report.plan = publisher_.facts.decided;
  report.counts = {1, 2, 3};
  loop_->Submit(LoadReport(report));
  loop_->RunOnceForTest();
  EXPECT_THAT(observer_.reports, ElementsAre(Pair("rejected_shape", 0)));
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  EXPECT_EQ(publisher_.offered.size(), 1);
}

// Reports of the new plan arrive after the switch; its slots mean other experts.
TEST_F(ControlLoopTest, AttributesSlotsThroughTheDecidedPlan) {
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  ASSERT_EQ(publisher_.offered.size(), 1);
  PlacementPlan plan = *publisher_.offered[0].plan;
  plan.version = {1, 1};
  publisher_.facts.decided = PlanIdOf(config_.shape, plan);
  publisher_.facts.decided_plan = std::make_shared<const PlacementPlan>(plan);
  Report(20, {{5, 5}, {5, 5}, {5, 5}, {5, 5}});
  EXPECT_EQ(observer_.reports.back(), (std::pair<std::string, std::uint64_t>("accepted", 10)));
  EXPECT_FALSE(loop_->View().layer_predicted.empty());
}

TEST_F(ControlLoopTest, ShowsTheMeasuredImbalance) {
  Report(10, {{30, 30}, {10, 10}, {10, 10}, {10, 10}});
  const LoadView view = loop_->View();
  EXPECT_DOUBLE_EQ(view.imbalance_measured, 60 / 30.0);
  ASSERT_EQ(view.rank_load_ratio.size(), 4);
  EXPECT_DOUBLE_EQ(view.rank_load_ratio[0], 2.0);
  EXPECT_EQ(view.min_last_step, 10);
}

GroupConfig GroupOfTwoBatches() {
  GroupConfig config = SmallGroup();
  config.policy.min_batches = 2;
  return config;
}

class YoungWindowTest : public ControlLoopTest {
 protected:
  YoungWindowTest() : ControlLoopTest(GroupOfTwoBatches()) {}
};

// One batch says little.
TEST_F(YoungWindowTest, ShowsNoImbalanceBeforeItHasTheBatchesThatASolveNeeds) {
  Report(10, {{300, 300}, {0, 0}, {0, 0}, {0, 0}});
  EXPECT_TRUE(loop_->View().layer_imbalance.empty());
  EXPECT_TRUE(loop_->View().rank_load_ratio.empty());
  Report(20, {{330, 330}, {10, 10}, {10, 10}, {10, 10}});
  EXPECT_DOUBLE_EQ(loop_->View().imbalance_measured, 60 / 30.0);
}

TEST_F(ControlLoopTest, AnIdleGroupKeepsItsPlanAndItsEstimate) {
  Report(1, {{0, 0}, {0, 0}, {0, 0}, {0, 0}});
  Report(2, {{0, 0}, {0, 0}, {0, 0}, {0, 0}});
  EXPECT_TRUE(publisher_.offered.empty());
  EXPECT_TRUE(observer_.solves.empty()) << "there is nothing to solve for";
  EXPECT_EQ(loop_->View().min_last_step, 2);
  Report(3, {{60, 60}, {0, 0}, {0, 0}, {0, 0}});
  ASSERT_EQ(publisher_.offered.size(), 1);
  const std::shared_ptr<const LoadSnapshot> busy = loop_->Snapshot();
  Report(4, {{60, 60}, {0, 0}, {0, 0}, {0, 0}});
  EXPECT_EQ(loop_->Snapshot(), busy);
}

TEST_F(ControlLoopTest, AReportThatCanNotBeTrueIsCountedAndShownAndNotUsed) {
  Report(1, {{500, 500}, {500, 500}, {500, 500}, {500, 500}});
  const std::uint64_t batches = loop_->View().batches;
  Report(2, {{1000, 1000}, {1000, 1000}, {1000, 1000}, {9000000, 500}});
  Report(3, {{1500, 1500}, {1500, 1500}, {1500, 1500}, {18000000, 500}});
  EXPECT_THAT(observer_.reports, Contains(Pair("implausible", 0)));
  EXPECT_EQ(loop_->View().batches, batches);
  EXPECT_EQ(loop_->RefusalOf(RankId(0)), std::nullopt);
  ASSERT_TRUE(loop_->RefusalOf(RankId(3)).has_value());
  EXPECT_THAT(*loop_->RefusalOf(RankId(3)),
              StartsWith("reports refused (implausible): rank 3: received "));
}

TEST_F(ControlLoopTest, ALoopWithAThreadEndsWhenToldTo) {
  loop_->Start();
  loop_->Stop();
  EXPECT_FALSE(loop_->Submit(LoadReport{}));
}

class ObserveOnlyTest : public ControlLoopTest {
 protected:
  ObserveOnlyTest() : ControlLoopTest(Config()) {}
  static GroupConfig Config() {
    GroupConfig config = SmallGroup();
    config.policy.observe_only = true;
    return config;
  }
};

TEST_F(ObserveOnlyTest, SolvesAndRecordsButOffersNothing) {
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  ASSERT_EQ(observer_.solves.size(), 1);
  EXPECT_EQ(observer_.solves[0].decision.reason, "observe_only");
  ASSERT_EQ(publisher_.recorded.size(), 1);
  EXPECT_EQ(publisher_.recorded[0].second, kDecisionDeclined);
  EXPECT_TRUE(publisher_.offered.empty());
}

class FailingSolveTest : public ControlLoopTest {
 protected:
  FailingSolveTest() : ControlLoopTest(Config()) {}
  // Uneven slots, which eplb refuses.
  static GroupConfig Config() {
    GroupConfig config = SmallGroup();
    config.topology =
        *Topology::Create({{RowId(0), 2}, {RowId(0), 2}, {RowId(1), 2}, {RowId(1), 1}});
    return config;
  }
};

TEST_F(FailingSolveTest, IsRecordedWithItsCause) {
  Report(10, {{10, 10}, {10, 10}, {10, 10}, {10}});
  ASSERT_EQ(publisher_.recorded.size(), 1);
  EXPECT_EQ(publisher_.recorded[0].first.decision.reason, "solve_failed");
  EXPECT_THAT(publisher_.recorded[0].second, StartsWith("failed: "));
  EXPECT_EQ(publisher_.recorded[0].first.base, publisher_.facts.decided);
  EXPECT_NE(publisher_.recorded[0].first.input_digest, Digest{});
  EXPECT_THAT(observer_.events, Contains(StartsWith("solve failed")));
}

TEST_F(ControlLoopTest, GoesByANewConfigurationFromTheNextTurnOn) {
  GroupConfig config = config_;
  config.policy.observe_only = true;
  config.policy.min_gain = 0.01;
  config.name = "other";
  loop_->Reconfigure(config);
  Report(10, {{100, 100}, {1, 1}, {100, 100}, {1, 1}});
  EXPECT_TRUE(publisher_.offered.empty());
  ASSERT_EQ(publisher_.recorded.size(), 1);
  EXPECT_EQ(publisher_.recorded[0].first.decision.reason, "observe_only");
  EXPECT_EQ(publisher_.recorded[0].first.required_gain, 0.01);

  config.policy.observe_only = false;
  loop_->Reconfigure(config);
  Report(20, {{300, 300}, {2, 2}, {300, 300}, {2, 2}});
  EXPECT_EQ(publisher_.offered.size(), 1);
}

}  // namespace
}  // namespace ballast
