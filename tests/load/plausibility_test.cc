// Goal: a report that can not be true is refused with its rank named, and no estimate is made
// of it; what is merely unusual is taken. Method: a window of four ranks in two rows, reports
// by hand, the estimate looked at after each.

#include "core/load/plausibility.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/load/load_window.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/load/report_builder.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Counts = std::vector<std::uint64_t>;

// Two layers of eight experts on four ranks of two slots: rank r holds experts 2r and 2r + 1.
class PlausibilityTest : public ::testing::Test {
 protected:
  PlausibilityTest() { window_.AddPlan(initial_, InitialPlan(shape_, topology_)); }

  static LoadWindowOptions Options() {
    LoadWindowOptions options;
    options.averaging = Averaging::kPlain;
    options.window_batches = 1;
    return options;
  }

  ReportOutcome Add(const LoadReport& report) {
    const absl::StatusOr<ReportOutcome> outcome = window_.Add(report, now_);
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.value_or(ReportOutcome::kLate);
  }

  // All that a rank received up to 10 steps of batch `batch`, the same in each slot and step.
  LoadReport Received(int rank, std::uint64_t batch, std::uint64_t picks) {
    return ReportBuilder(initial_)
        .Rank(rank)
        .Sequence(batch)
        .Steps(1, 10 * batch)
        .Counts(Counts(4, 10 * batch * picks))
        .Build();
  }

  // All that a rank sent; `picks` per expert and step.
  LoadReport Sent(int rank, std::uint64_t batch, std::uint64_t picks) {
    LoadReport report = Received(rank, batch, picks);
    report.form = ReportForm::kExpert;
    report.counts.assign(16, 10 * batch * picks);
    return report;
  }

  std::uint64_t batches() const { return window_.estimate().batches; }

  const ModelShape shape_{.num_layers = 2, .num_experts = 8, .top_k = 2};
  const Topology topology_ = Topology::Uniform(4, 2, 2).value();
  const PlanId initial_ = PlanIdOf(shape_, InitialPlan(shape_, topology_));
  LoadWindow window_{shape_, topology_, Options()};
  absl::Duration now_ = absl::ZeroDuration();
};

TEST_F(PlausibilityTest, ARankFarAboveTheMedianIsNamedAndItsBatchIsNotTaken) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  ASSERT_EQ(batches(), 1);
  const LoadMatrix before = window_.estimate().mean;
  for (std::uint64_t batch : {2, 3, 4}) {
    for (int rank = 0; rank < 3; ++rank) {
      EXPECT_EQ(Add(Received(rank, batch, 100)), ReportOutcome::kAccepted);
    }
    // The first time nobody can tell whether the others are only behind with their reports.
    EXPECT_EQ(Add(Received(3, batch, 100000)),
              batch == 2 ? ReportOutcome::kAccepted : ReportOutcome::kImplausible);
    EXPECT_EQ(batches(), 1);
    EXPECT_EQ(window_.estimate().mean, before);
  }
  EXPECT_THAT(window_.refusal(), HasSubstr("rank 3: received "));
  EXPECT_THAT(window_.refusal(), HasSubstr("more than 16 times the median of the others, 4"));
}

TEST_F(PlausibilityTest, WhenAQuietGroupWakesUpNobodyIsRefused) {
  std::uint64_t batch = 1;
  for (; batch <= 5; ++batch) {
    for (int rank = 0; rank < 4; ++rank) Add(Received(rank, batch, 100));
  }
  ASSERT_EQ(batches(), 5);
  // Idle for 10 half-lives; then all ranks have the same again, each first in its turn.
  std::uint64_t step = 50;
  std::uint64_t picks = 5000;
  for (int wake = 0; wake < 4; ++wake) {
    for (int report = 0; report < 30; ++report, ++batch) {
      const bool busy = report >= 20;
      step += 50;
      if (busy) picks += 50 * 100;
      for (int i = 0; i < 4; ++i) {
        const int rank = (wake + i) % 4;
        EXPECT_EQ(Add(ReportBuilder(initial_)
                          .Rank(rank)
                          .Sequence(batch)
                          .Steps(1, step)
                          .Counts(Counts(4, picks))
                          .Build()),
                  ReportOutcome::kAccepted)
            << "wake " << wake << ", report " << report << ", rank " << rank;
        EXPECT_EQ(window_.refusal(), "");
      }
    }
  }
  EXPECT_EQ(batches(), 5 + 4 * 10) << "the busy ones are all in the estimate";
}

TEST_F(PlausibilityTest, ARankThatReportsMoreOftenThanTheOthersIsComparedWithWhatTheyReport) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  // A thousand idle steps; then traffic, of which rank 0 tells in many small reports.
  const auto report = [&](int rank, std::uint64_t sequence, std::uint64_t busy) {
    return ReportBuilder(initial_)
        .Rank(rank)
        .Sequence(sequence)
        .Steps(1, 1010 + busy)
        .Counts(Counts(4, 1000 + 100 * busy))
        .Build();
  };
  for (int rank = 0; rank < 4; ++rank) Add(report(rank, 2, 0));
  for (std::uint64_t busy = 1; busy <= 5; ++busy) {
    EXPECT_EQ(Add(report(0, 2 + busy, 10 * busy)), ReportOutcome::kAccepted);
  }
  for (int rank = 1; rank < 4; ++rank) {
    EXPECT_EQ(Add(report(rank, 3, 50)), ReportOutcome::kAccepted);
    EXPECT_EQ(Add(report(0, 7 + rank, 50 + rank)), ReportOutcome::kAccepted) << rank;
  }
}

TEST_F(PlausibilityTest, AGroupMayReportInOneGoWhatItDidInManySteps) {
  for (std::uint64_t batch : {1, 2, 3}) {
    for (int rank = 0; rank < 4; ++rank) Add(Received(rank, batch, 100));
  }
  // Nothing came through for 30,000 steps; then rank after rank reports again.
  for (std::uint64_t batch : {3000, 3001, 3002, 3003, 3004}) {
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(Add(Received(rank, batch, 100)), ReportOutcome::kAccepted) << window_.refusal();
    }
  }
  EXPECT_NEAR(window_.estimate().mean.at(LayerId(0), ExpertId(7)), 100, 1);
}

TEST_F(PlausibilityTest, ARankMayReportMuchMoreOftenThanTheOthers) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  // 100 reports of one step where the others make one of 100.
  std::uint64_t sequence = 1;
  for (std::uint64_t round = 1; round <= 20; ++round) {
    for (std::uint64_t step = 100 * round; step < 100 * (round + 1); ++step) {
      EXPECT_EQ(Add(ReportBuilder(initial_)
                        .Sequence(++sequence)
                        .Steps(1, step)
                        .Counts(Counts(4, step * 500))
                        .Build()),
                ReportOutcome::kAccepted)
          << window_.refusal();
    }
    for (int rank = 1; rank < 4; ++rank) {
      EXPECT_EQ(Add(ReportBuilder(initial_)
                        .Rank(rank)
                        .Sequence(1 + round)
                        .Steps(1, 100 * (round + 1))
                        .Counts(Counts(4, 100 * (round + 1) * 100))
                        .Build()),
                ReportOutcome::kAccepted);
    }
  }
}

// Rank 3 counts a thousand steps where the others make one, and a thousand times their picks.
TEST_F(PlausibilityTest, ManyStepsDoNotHideManyPicks) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  const LoadMatrix before = window_.estimate().mean;
  for (std::uint64_t batch : {2, 3, 4, 5}) {
    now_ += absl::Seconds(1);
    for (int rank = 0; rank < 3; ++rank) {
      EXPECT_EQ(Add(Received(rank, batch, 100)), ReportOutcome::kAccepted);
    }
    LoadReport report = Received(3, batch, 100000);
    report.step_last = 10000 * (batch - 1);
    EXPECT_EQ(Add(report), batch == 2 ? ReportOutcome::kAccepted : ReportOutcome::kImplausible);
    EXPECT_EQ(window_.estimate().mean, before);
  }
}

TEST_F(PlausibilityTest, ManyStepsInTheFirstReportDoNotHideManyPicks) {
  for (bool is_baseline : {false, true}) {
    LoadWindow window(shape_, topology_, Options());
    window.AddPlan(initial_, InitialPlan(shape_, topology_));
    const std::uint64_t sequence = is_baseline ? 2 : 1;
    for (std::uint64_t batch = 1; batch <= (is_baseline ? 2 : 1); ++batch) {
      // The one that lies is the first to report, when nobody can be compared with it.
      for (int rank = 0; rank < 4; ++rank) {
        LoadReport report = Received(rank, batch, rank == 0 ? 100000 : 100);
        report.sequence = sequence + batch - 1;
        if (rank == 0) report.step_last = 100000 * batch;
        if (is_baseline) report.step_last += 1000000;
        EXPECT_TRUE(window.Add(report, now_).ok());
      }
    }
    EXPECT_GT(window.MinLastStep(), 0);
    EXPECT_EQ(window.estimate().batches, 0) << is_baseline;
  }
}

TEST_F(PlausibilityTest, AGroupFarIntoItsStepsIsJudgedFromTheSecondReportOn) {
  for (std::uint64_t batch : {1, 2, 3}) {
    for (int rank = 0; rank < 4; ++rank) {
      LoadReport report = Received(rank, batch, rank == 0 && batch > 1 ? 100000 : 100);
      report.step_first += 1000000;
      report.step_last += 1000000;
      EXPECT_EQ(Add(report),
                rank == 0 && batch == 3 ? ReportOutcome::kImplausible : ReportOutcome::kAccepted);
    }
  }
  EXPECT_EQ(batches(), 1);
}

TEST_F(PlausibilityTest, ARankIsForgivenHoweverFarAboveItWas) {
  bool refused = false;
  for (std::uint64_t batch = 1; batch <= 60; ++batch) {
    for (int rank = 0; rank < 4; ++rank) {
      LoadReport report = Received(rank, batch, 100);
      const std::uint64_t huge = std::min<std::uint64_t>(batch - 1, 3) * 1000000000000;
      for (std::uint64_t& count : report.counts) count += rank == 3 ? huge : 0;
      const bool is_refused = Add(report) == ReportOutcome::kImplausible;
      refused |= is_refused;
      EXPECT_FALSE(is_refused && batch > 40) << "batch " << batch << ", rank " << rank;
    }
  }
  EXPECT_TRUE(refused);
}

TEST_F(PlausibilityTest, OneHugeReportReachesNoEstimateAlthoughTheNextIsSmall) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  const LoadMatrix before = window_.estimate().mean;
  LoadReport huge = Received(3, 2, 100);
  huge.step_last = 15;
  for (std::uint64_t& count : huge.counts) count += 1000000000000;
  Add(huge);
  LoadReport next = huge;
  next.sequence = 3;
  next.step_last = 20;
  for (std::uint64_t& count : next.counts) count += 10;
  for (int rank = 0; rank < 3; ++rank) Add(Received(rank, 2, 100));
  Add(next);
  EXPECT_EQ(batches(), 1);
  EXPECT_EQ(window_.estimate().mean, before);
}

TEST_F(PlausibilityTest, AHotRankAShortBurstAndIdleOthersAreTaken) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  EXPECT_EQ(Add(Received(3, 2, 400)), ReportOutcome::kAccepted);  // 7 times, for 10 steps.
  // One step of 64 times a usual one.
  EXPECT_EQ(Add(ReportBuilder(initial_)
                    .Rank(2)
                    .Sequence(2)
                    .Steps(1, 11)
                    .Counts(Counts(4, 1000 + 6400))
                    .Build()),
            ReportOutcome::kAccepted);
}

TEST_F(PlausibilityTest, OneRankMayHaveEverything) {
  for (std::uint64_t batch : {1, 2, 3}) {
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(Add(Received(rank, batch, rank == 3 ? 100000 : 0)), ReportOutcome::kAccepted);
    }
  }
  EXPECT_EQ(batches(), 3);
}

// At night all requests may go to one rank; the averages of the others decay and never are 0.
TEST_F(PlausibilityTest, OneRankMayKeepEverythingWhenTheOthersFallIdle) {
  constexpr std::uint64_t kBusy = 20;
  constexpr std::uint64_t kBatches = 1000;
  for (std::uint64_t batch = 1; batch <= kBatches; ++batch) {
    for (int rank = 0; rank < 4; ++rank) {
      LoadReport report = Sent(rank, batch, 50);
      if (rank != 0) report.counts.assign(16, 10 * std::min(batch, kBusy) * 50);
      ASSERT_EQ(Add(report), ReportOutcome::kAccepted) << "rank " << rank << ", batch " << batch;
    }
  }
  EXPECT_EQ(batches(), kBatches);
}

TEST_F(PlausibilityTest, TwentyTimesTheMedianIsFarAboveAndTwelveTimesIsNot) {
  for (const std::uint64_t times : {12, 20}) {
    LoadWindow window(shape_, topology_, Options());
    window.AddPlan(initial_, InitialPlan(shape_, topology_));
    int refused = 0;
    for (std::uint64_t batch = 1; batch <= 30; ++batch) {
      for (int rank = 0; rank < 4; ++rank) {
        const auto outcome = window.Add(Received(rank, batch, rank == 3 ? 100 * times : 100), now_);
        refused += *outcome == ReportOutcome::kImplausible;
      }
    }
    EXPECT_EQ(refused >= 20, times == 20) << refused;
    EXPECT_EQ(refused == 0, times == 12) << refused;
  }
}

TEST_F(PlausibilityTest, NothingIsConcludedFromAThousandPicksOrLess) {
  // Of 24 times the median: 960 in a report.
  for (std::uint64_t batch : {1, 2, 3}) {
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(Add(Received(rank, batch, rank == 3 ? 24 : 1)), ReportOutcome::kAccepted);
    }
  }
  EXPECT_EQ(batches(), 3);

  LoadWindow sent(shape_, topology_, Options());
  LoadReport uneven = Sent(0, 1, 5);  // 400 and 800 in a layer.
  for (int expert = 0; expert < 8; ++expert) uneven.counts[8 + expert] *= 2;
  EXPECT_EQ(*sent.Add(uneven, now_), ReportOutcome::kAccepted);
  sent.AddPlan(initial_, InitialPlan(shape_, topology_));
  LoadReport own = Sent(1, 1, 0);
  for (int layer = 0; layer < 2; ++layer) own.counts[layer * 8 + 2] = 499;
  EXPECT_EQ(*sent.Add(own, now_), ReportOutcome::kAccepted);
}

TEST_F(PlausibilityTest, ARankThatReportsOnlyItsOwnExpertsAsSentIsNamed) {
  LoadReport report = Sent(1, 1, 0);
  for (int layer = 0; layer < 2; ++layer) {
    for (int own : {2, 3}) report.counts[layer * 8 + own] = 5000;
  }
  EXPECT_EQ(Add(report), ReportOutcome::kImplausible);
  EXPECT_EQ(window_.refusal(),
            "rank 1: sent picks to none but its own experts; are picks received reported as "
            "picks sent?");
  EXPECT_EQ(window_.total_picks(), 0);
  LoadReport other = Sent(0, 1, 0);
  for (int layer = 0; layer < 2; ++layer) other.counts[layer * 8 + 2] = 5000;
  EXPECT_EQ(Add(other), ReportOutcome::kAccepted) << "not its own";
}

TEST_F(PlausibilityTest, ARankThatHoldsMostExpertsMaySendToItsOwn) {
  const Topology two = Topology::Uniform(2, 1, 4).value();
  LoadWindow window(shape_, two, Options());
  const PlacementPlan plan = InitialPlan(shape_, two);
  window.AddPlan(PlanIdOf(shape_, plan), plan);
  LoadReport report = Sent(0, 1, 0);
  report.plan = PlanIdOf(shape_, plan);
  for (int layer = 0; layer < 2; ++layer) report.counts[layer * 8] = 5000;
  EXPECT_EQ(*window.Add(report, now_), ReportOutcome::kAccepted);
}

TEST_F(PlausibilityTest, TheSumOfEachLayerIsTokensTimesTopK) {
  LoadReport report = Sent(0, 1, 1);  // 80 picks a layer.
  report.tokens = 40;
  EXPECT_EQ(Add(report), ReportOutcome::kAccepted);
  report = Sent(0, 2, 1);
  report.tokens = 40 + 41;
  EXPECT_EQ(Add(report), ReportOutcome::kImplausible);
  EXPECT_EQ(window_.refusal(), "rank 0, layer 0: 80 picks of 41 tokens, not 82 (top-2)");
  EXPECT_EQ(window_.total_picks(), 160);
}

TEST_F(PlausibilityTest, ARankThatSendsFarMoreThanTheOthersIsNamed) {
  for (int rank = 0; rank < 4; ++rank) Add(Sent(rank, 1, 100));
  ASSERT_EQ(batches(), 1);
  const LoadMatrix before = window_.estimate().mean;
  for (std::uint64_t batch : {2, 3}) {
    for (int rank = 0; rank < 3; ++rank) {
      EXPECT_EQ(Add(Sent(rank, batch, 100)), ReportOutcome::kAccepted);
    }
    EXPECT_EQ(Add(Sent(3, batch, 1000000000000)),
              batch == 2 ? ReportOutcome::kAccepted : ReportOutcome::kImplausible);
    EXPECT_EQ(window_.estimate().mean, before);
  }
  EXPECT_THAT(window_.refusal(), HasSubstr("rank 3: sent "));
  EXPECT_THAT(window_.refusal(), HasSubstr("more than 1024 times the median of the others"));
}

TEST_F(PlausibilityTest, ARankOfPrefillsBesideRanksThatDecodeIsTaken) {
  for (std::uint64_t batch : {1, 2, 3, 4}) {
    for (int rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(Add(Sent(rank, batch, rank == 3 ? 2000 : 2)), ReportOutcome::kAccepted);
    }
  }
  EXPECT_EQ(batches(), 4);
}

TEST_F(PlausibilityTest, SumsOfALayerDoNotWrapAround) {
  LoadReport report = Sent(0, 1, 0);
  // 2^64 + 80 picks in each layer.
  for (int layer = 0; layer < 2; ++layer) {
    report.counts[layer * 8] = report.counts[layer * 8 + 1] = std::uint64_t{1} << 63;
    report.counts[layer * 8 + 2] = 80;
  }
  report.tokens = 40;
  EXPECT_EQ(Add(report), ReportOutcome::kImplausible);
  report = Sent(1, 1, 1);
  report.tokens = (std::uint64_t{1} << 63) + 40;
  EXPECT_EQ(Add(report), ReportOutcome::kImplausible) << "nor does top-k times the tokens";
}

TEST_F(PlausibilityTest, LayersThatCanNotBelongToTheSameTokensAreNamed) {
  LoadReport report = Sent(2, 1, 100);
  for (int expert = 0; expert < 8; ++expert) report.counts[8 + expert] *= 2;
  EXPECT_EQ(Add(report), ReportOutcome::kImplausible);
  EXPECT_EQ(window_.refusal(),
            "rank 2: 16000 picks in layer 1 and 8000 in layer 0; each token makes top-k picks in "
            "every layer");
  EXPECT_EQ(window_.total_picks(), 0);
  report = Sent(3, 1, 100);
  report.counts[8] -= 500;  // Dropped tokens.
  EXPECT_EQ(Add(report), ReportOutcome::kAccepted);
}

TEST_F(PlausibilityTest, ALayerWithoutAPickWasNotMeasured) {
  LoadReport report = Sent(2, 1, 100);
  for (int expert = 0; expert < 8; ++expert) report.counts[8 + expert] = 0;
  EXPECT_EQ(Add(report), ReportOutcome::kAccepted);
}

TEST_F(PlausibilityTest, CountersThatRunBackwardsSpoilTheBatchAndNotTheEstimate) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  const LoadMatrix before = window_.estimate().mean;
  LoadReport back = Received(0, 2, 100);
  back.counts[0] = 1;
  EXPECT_EQ(Add(back), ReportOutcome::kReset);
  EXPECT_EQ(window_.refusal(), "rank 0: counters ran backwards within one process and plan");
  for (int rank = 1; rank < 4; ++rank) Add(Received(rank, 2, 100));
  EXPECT_EQ(batches(), 1);
  EXPECT_EQ(window_.estimate().mean, before);
  EXPECT_EQ(window_.MinLastStep(), 20) << "it goes on with the next batch";
  LoadReport next = Received(0, 3, 100);
  next.counts[0] = 1001;
  EXPECT_EQ(Add(next), ReportOutcome::kAccepted);
  for (int rank = 1; rank < 4; ++rank) Add(Received(rank, 3, 100));
  EXPECT_EQ(batches(), 2);
  EXPECT_EQ(window_.estimate().mean, before);
}

TEST_F(PlausibilityTest, AJumpOfTheStepIsNamedAndMovesNothing) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  const LoadMatrix before = window_.estimate().mean;
  LoadReport jump = Received(1, 2, 100);
  jump.step_last = 5000000;
  EXPECT_EQ(Add(jump), ReportOutcome::kImplausible);
  EXPECT_EQ(window_.refusal(), "rank 1: its step jumps from 10 to 5000000");
  for (int rank : {0, 2, 3}) Add(Received(rank, 2, 100));
  EXPECT_EQ(window_.MinLastStep(), 10) << "the jump made no step";
  LoadReport next = Received(1, 3, 100);
  next.step_last = 5000010;
  EXPECT_EQ(Add(next), ReportOutcome::kAccepted);
  EXPECT_EQ(window_.MinLastStep(), 20);
  for (int rank : {0, 2, 3}) Add(Received(rank, 4, 100));
  LoadReport last = Received(1, 4, 100);
  last.step_last = 5000020;
  EXPECT_EQ(Add(last), ReportOutcome::kAccepted);
  EXPECT_EQ(window_.MinLastStep(), 30);
  EXPECT_EQ(batches(), 2);
  EXPECT_NEAR(window_.estimate().mean.at(LayerId(0), ExpertId(2)), 100, 1)
      << before.at(LayerId(0), ExpertId(2));
}

TEST_F(PlausibilityTest, AWorkerThatGoesBackToItsOwnStepsAfterAJumpGoesOn) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  LoadReport jump = Received(1, 2, 100);
  jump.step_last = 5000000;
  Add(jump);
  for (std::uint64_t batch : {3, 4, 5}) {
    for (int rank = 0; rank < 4; ++rank) {
      const bool goes_back = rank == 1 && batch == 3;
      EXPECT_EQ(Add(Received(rank, batch, 100)),
                goes_back ? ReportOutcome::kReset : ReportOutcome::kAccepted);
    }
  }
  EXPECT_EQ(window_.MinLastStep(), 50);
}

TEST_F(PlausibilityTest, PicksOfAStepThatWentBackAreNotCounted) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  const std::uint64_t picks = window_.total_picks();
  LoadReport back = Received(3, 2, 100000);
  back.step_last = 9;
  EXPECT_EQ(Add(back), ReportOutcome::kReset);
  EXPECT_EQ(window_.refusal(), "rank 3: its step ran backwards within one process and plan");
  EXPECT_EQ(window_.total_picks(), picks);
}

TEST_F(PlausibilityTest, AGroupThatCountsItsStepsAnewGoesOnWithTheNextReport) {
  for (std::uint64_t batch : {1, 2, 3, 4, 5}) {
    for (int rank = 0; rank < 4; ++rank) Add(Received(rank, batch, 100));
  }
  ASSERT_EQ(batches(), 5);
  const LoadMatrix before = window_.estimate().mean;
  // Counts go on, steps begin with 1 again.
  for (std::uint64_t batch : {6, 7, 8}) {
    for (int rank = 0; rank < 4; ++rank) {
      LoadReport report = Received(rank, batch, 100);
      report.step_last -= 50;
      EXPECT_EQ(Add(report), batch == 6 ? ReportOutcome::kReset : ReportOutcome::kAccepted);
    }
  }
  EXPECT_EQ(batches(), 6) << "the batch of the resets is not taken";
  EXPECT_EQ(window_.estimate().mean, before);
  EXPECT_EQ(window_.Coverage(now_), 1);
}

TEST_F(PlausibilityTest, TheFirstStepAfterNoneOfAPlanThatBeginsWithStepZeroDidNotGoBack) {
  LoadReport report = Received(0, 1, 100);
  report.step_first = 0;
  report.step_last = ~std::uint64_t{0};
  EXPECT_EQ(Add(report), ReportOutcome::kAccepted);
  report = Received(0, 2, 100);
  report.step_first = 0;
  EXPECT_EQ(Add(report), ReportOutcome::kAccepted);
}

TEST_F(PlausibilityTest, MoreTimeAllowsMoreSteps) {
  Add(Received(0, 1, 100));
  LoadReport later = Received(0, 2, 100);
  later.step_last = 5000000;
  now_ = absl::Seconds(500);
  EXPECT_EQ(Add(later), ReportOutcome::kAccepted);
}

TEST_F(PlausibilityTest, TheStepsThatARankMayJumpAreUsedUpAndComeBackWithTime) {
  std::uint64_t sequence = 0;
  std::uint64_t step = 0;
  const auto jump = [&] {
    step += 900000;
    return Add(
        ReportBuilder(initial_).Sequence(++sequence).Steps(1, step).Counts(Counts(4, 0)).Build());
  };
  jump();  // The first report says where it is.
  EXPECT_EQ(jump(), ReportOutcome::kAccepted);
  now_ += absl::Milliseconds(500);
  EXPECT_EQ(jump(), ReportOutcome::kImplausible) << "not 900,000 in each report";
  for (int i = 0; i < 160; ++i) {
    now_ += absl::Milliseconds(500);
    step += 1;
    EXPECT_EQ(Add(ReportBuilder(initial_)
                      .Sequence(++sequence)
                      .Steps(1, step)
                      .Counts(Counts(4, 0))
                      .Build()),
              ReportOutcome::kAccepted);
  }
  EXPECT_EQ(jump(), ReportOutcome::kAccepted) << "80 s without a jump";
  now_ += absl::Seconds(10);
  EXPECT_EQ(jump(), ReportOutcome::kImplausible) << "10 s allow 100,000";
}

TEST_F(PlausibilityTest, ARankWhoseStepsDriftFromTheOthersIsNamed) {
  for (int rank = 0; rank < 4; ++rank) {
    const std::uint64_t steps = rank == 2 ? 5000 : 20000;
    Add(ReportBuilder(initial_).Rank(rank).Steps(1, steps).Counts(Counts(4, steps)).Build());
  }
  const auto drifting = window_.DriftingRanks(now_);
  ASSERT_EQ(drifting.size(), 1);
  EXPECT_EQ(drifting[0].first, RankId(2));
  EXPECT_EQ(drifting[0].second,
            "rank 2: its step is 15000 behind that of the median rank; the ranks of a group step "
            "together");
  EXPECT_THAT(window_.DriftingRanks(now_ + absl::Minutes(1)), IsEmpty())
      << "a silent rank does not drift, it is missing";
}

TEST_F(PlausibilityTest, WhatARankReportsLaterThanTheOthersIsNoDrift) {
  for (int rank = 0; rank < 4; ++rank) {
    const std::uint64_t steps = rank == 2 ? 11000 : 20000;
    Add(ReportBuilder(initial_).Rank(rank).Steps(1, steps).Counts(Counts(4, steps)).Build());
  }
  EXPECT_THAT(window_.DriftingRanks(now_), IsEmpty());
}

TEST_F(PlausibilityTest, ARankWithTheOtherFormIsNamedUntilMostHaveIt) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  EXPECT_EQ(Add(Sent(0, 2, 100)), ReportOutcome::kImplausible);
  EXPECT_EQ(window_.refusal(),
            "rank 0: reports picks sent where most ranks of the group report the other form");
  EXPECT_EQ(Add(Sent(1, 2, 100)), ReportOutcome::kImplausible);
  EXPECT_NE(Add(Sent(2, 2, 100)), ReportOutcome::kImplausible) << "three of four";
  EXPECT_EQ(Add(Received(3, 2, 100)), ReportOutcome::kImplausible);
  EXPECT_EQ(batches(), 1);
}

TEST_F(PlausibilityTest, ABatchInWhichTheFormChangesIsNotTaken) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  EXPECT_EQ(Add(Received(3, 2, 100)), ReportOutcome::kAccepted);
  // Of a plan of its own, so that its counters begin anew.
  const auto sent = [&](int rank, std::uint64_t sequence, std::uint64_t batch) {
    LoadReport report = Sent(rank, batch - 1, 100);
    report.plan = {{1, 1}, Digest{1}};
    report.sequence = sequence;
    report.step_first = 11;
    report.step_last = 10 * batch;
    return Add(report);
  };
  EXPECT_EQ(sent(0, 2, 2), ReportOutcome::kImplausible);
  EXPECT_EQ(sent(1, 2, 2), ReportOutcome::kImplausible);
  for (int rank : {2, 3, 0, 1}) EXPECT_EQ(sent(rank, 3, 2), ReportOutcome::kAccepted) << rank;
  EXPECT_EQ(window_.MinLastStep(), 20);
  EXPECT_EQ(batches(), 1);
  for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(sent(rank, 4, 3), ReportOutcome::kAccepted);
  EXPECT_EQ(batches(), 2);
}

TEST_F(PlausibilityTest, PicksSentGiveTheDemandOfEachRow) {
  EXPECT_EQ(window_.demand(), nullptr);
  // Row 0 sends to expert 5, row 1 to all.
  for (int rank : {0, 1}) {
    LoadReport report = Sent(rank, 1, 0);
    for (int layer = 0; layer < 2; ++layer) report.counts[layer * 8 + 5] = 30;
    EXPECT_EQ(Add(report), ReportOutcome::kAccepted);
  }
  for (int rank : {2, 3}) EXPECT_EQ(Add(Sent(rank, 1, 2)), ReportOutcome::kAccepted);
  ASSERT_NE(window_.demand(), nullptr);
  const Demand& demand = *window_.demand();
  EXPECT_EQ(demand.num_layers(), 2);
  EXPECT_EQ(demand.num_rows(), 2);
  EXPECT_THAT(demand.picks(LayerId(1), RowId(0)), ElementsAre(0, 0, 0, 0, 0, 6, 0, 0));
  EXPECT_THAT(demand.picks(LayerId(1), RowId(1)), ElementsAre(4, 4, 4, 4, 4, 4, 4, 4));
  EXPECT_EQ(demand.Load(), window_.estimate().mean);
  EXPECT_THAT(window_.estimate().mean.layer(LayerId(0)), ElementsAre(4, 4, 4, 4, 4, 10, 4, 4));
}

TEST_F(PlausibilityTest, TheDemandIsAveragedAsTheEstimateIs) {
  LoadWindowOptions options = Options();
  options.averaging = Averaging::kHalfLifeSteps;
  options.half_life_steps = 10;
  LoadWindow window(shape_, topology_, options);
  for (std::uint64_t batch : {1, 2, 3}) {
    for (int rank = 0; rank < 4; ++rank) {
      LoadReport report = Sent(rank, batch, 1);
      for (std::uint64_t& count : report.counts) count = 10 * batch * batch;
      ASSERT_TRUE(window.Add(report, now_).ok());
    }
  }
  ASSERT_EQ(window.estimate().batches, 3);
  const LoadMatrix load = window.demand()->Load();
  for (int expert = 0; expert < 8; ++expert) {
    EXPECT_DOUBLE_EQ(load.at(LayerId(1), ExpertId(expert)),
                     window.estimate().mean.at(LayerId(1), ExpertId(expert)));
  }
}

TEST_F(PlausibilityTest, PicksReceivedTellNoDemand) {
  for (int rank = 0; rank < 4; ++rank) Add(Received(rank, 1, 100));
  EXPECT_EQ(batches(), 1);
  EXPECT_EQ(window_.demand(), nullptr);
}

}  // namespace
}  // namespace ballast
