// Goal: each pick is counted exactly once, whatever the network and the fleet do.
// Method: two windows see one random fleet. The noisy one gets its reports lost,
// doubled and out of order; at the end of each round, which is one batch, every
// counter of both is brought up to date by an in-order report.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/load/load_window.h"
#include "tests/load/report_builder.h"

namespace ballast {
namespace {

std::uint64_t TestSeed() {
  const char* text = std::getenv("BALLAST_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 20240601;
}

// One worker process and its counters. Counts are kept modulo 2^32, as a worker
// with narrow counters sends them.
struct Worker {
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;
  PlanId plan;
  std::uint64_t step_first = 1;
  std::vector<std::uint64_t> counts;
};

class Fleet {
 public:
  Fleet(std::uint64_t seed, int counter_bits)
      : random_(seed), counter_bits_(counter_bits), workers_(kRanks) {
    plans_.push_back(
        {PlanIdOf(shape_, InitialPlan(shape_, topology_)), InitialPlan(shape_, topology_)});
    noisy_.AddPlan(plans_[0].first, plans_[0].second);
    clean_.AddPlan(plans_[0].first, plans_[0].second);
    for (int rank = 0; rank < kRanks; ++rank) Start(rank);
  }

  void RunRound() {
    const std::uint64_t end = step_ + kRoundSteps;
    while (step_ < end) {
      ++step_;
      Serve();
      for (int rank = 0; rank < kRanks; ++rank) {
        if (step_ < end && random_.Below(3) == 0) Post(Snapshot(rank));
      }
      // Late enough that the reports below reach the smallest last step only at the end.
      if (step_ == end - 2 && random_.Below(2) == 0) SwitchPlan();
      if (step_ == end - 3 && random_.Below(3) == 0) {
        Restart(static_cast<int>(random_.Below(kRanks)));
      }
      DeliverSome();
    }
    for (int rank = 0; rank < kRanks; ++rank) Confirm(rank);
  }

  static constexpr int kRanks = 4;
  static constexpr std::uint64_t kRoundSteps = 12;

  const LoadWindow& noisy() const { return noisy_; }
  const LoadWindow& clean() const { return clean_; }
  std::uint64_t truth() const { return truth_; }
  int faults() const { return faults_; }

 private:
  void Start(int rank) {
    Worker& worker = workers_[rank];
    worker.incarnation = random_.Next();
    worker.sequence = 0;
    Activate(worker);
    // Counters begin at zero, and the first report says so.
    Confirm(rank);
  }

  void Activate(Worker& worker) {
    worker.plan = plans_.back().first;
    worker.step_first = step_ + 1;
    worker.counts.assign(shape_.num_layers * kSlotsPerRank, 0);
  }

  void Serve() {
    for (Worker& worker : workers_) {
      for (std::uint64_t& count : worker.counts) {
        // Large enough that narrow counters wrap around several times.
        const std::uint64_t picks = random_.Below(std::uint64_t{1} << 26);
        count += picks;
        if (counter_bits_ == 32) count &= 0xffffffffu;
        truth_ += picks;
      }
    }
  }

  LoadReport Snapshot(int rank) {
    Worker& worker = workers_[rank];
    return ReportBuilder(worker.plan)
        .Rank(rank)
        .Incarnation(worker.incarnation)
        .Sequence(++worker.sequence)
        .Bits(counter_bits_)
        .Steps(worker.step_first, step_)
        .Counts(worker.counts)
        .Build();
  }

  // An in-order report that arrives, of both windows.
  void Confirm(int rank) {
    const LoadReport report = Snapshot(rank);
    Deliver(report);
    ASSERT_TRUE(clean_.Add(report, absl::ZeroDuration()).ok());
  }

  void Post(LoadReport report) {
    const std::uint64_t dice = random_.Below(4);
    if (dice == 0) {
      ++faults_;  // Lost.
      return;
    }
    if (dice == 1) underway_.push_back(report);  // Doubled.
    underway_.push_back(std::move(report));
  }

  void DeliverSome() {
    while (!underway_.empty() && random_.Below(3) != 0) {
      const std::size_t at = random_.Below(underway_.size());
      std::swap(underway_[at], underway_.back());
      Deliver(underway_.back());
      underway_.pop_back();
    }
  }

  void Deliver(const LoadReport& report) {
    const absl::StatusOr<ReportOutcome> outcome = noisy_.Add(report, absl::ZeroDuration());
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_NE(*outcome, ReportOutcome::kReset);
    ASSERT_NE(*outcome, ReportOutcome::kBaseline);
    if (*outcome != ReportOutcome::kAccepted) ++faults_;
  }

  void SwitchPlan() {
    const PlanId next = OtherPlan(plans_.size());
    const PlacementPlan plan =
        plans_.size() % 2 == 1 ? ReversedPlan(shape_, topology_) : InitialPlan(shape_, topology_);
    plans_.push_back({next, plan});
    noisy_.AddPlan(next, plan);
    clean_.AddPlan(next, plan);
    for (int rank = 0; rank < kRanks; ++rank) {
      // The last report for the old plan: the new plan's may overtake it.
      const LoadReport last = Snapshot(rank);
      Activate(workers_[rank]);
      const LoadReport first = Snapshot(rank);
      const bool overtaken = random_.Below(2) == 0;
      Deliver(overtaken ? first : last);
      Deliver(overtaken ? last : first);
      ASSERT_TRUE(clean_.Add(last, absl::ZeroDuration()).ok());
      ASSERT_TRUE(clean_.Add(first, absl::ZeroDuration()).ok());
    }
  }

  void Restart(int rank) {
    Confirm(rank);
    Start(rank);
  }

  static constexpr int kSlotsPerRank = 3;

  const ModelShape shape_{.num_layers = 2, .num_experts = 8};
  const Topology topology_ = Topology::Uniform(kRanks, 2, kSlotsPerRank).value();
  const LoadWindowOptions options_{.half_life_steps = 50, .batch_steps = kRoundSteps};
  LoadWindow noisy_{shape_, topology_, options_};
  LoadWindow clean_{shape_, topology_, options_};
  Random random_;
  const int counter_bits_;
  std::vector<Worker> workers_;
  std::vector<std::pair<PlanId, PlacementPlan>> plans_;
  std::vector<LoadReport> underway_;
  std::uint64_t step_ = 0;
  std::uint64_t truth_ = 0;
  int faults_ = 0;
};

TEST(LoadWindowPropertyTest, CountsEachPickExactlyOnceAndEstimatesAsIfNothingHadHappened) {
  int faults = 0;
  for (std::uint64_t run = 0; run < 60; ++run) {
    const std::uint64_t seed = TestSeed() + run;
    SCOPED_TRACE("repeat with BALLAST_TEST_SEED=" + std::to_string(seed));
    Fleet fleet(seed, run % 2 == 0 ? 32 : 64);
    for (int round = 0; round < 20; ++round) {
      fleet.RunRound();
      ASSERT_EQ(fleet.noisy().total_picks(), fleet.truth()) << "round " << round;
    }
    EXPECT_EQ(fleet.clean().total_picks(), fleet.truth());
    EXPECT_EQ(fleet.noisy().estimate().batches, 20);
    EXPECT_EQ(fleet.noisy().estimate().mean, fleet.clean().estimate().mean);
    EXPECT_EQ(fleet.noisy().estimate().scenarios, fleet.clean().estimate().scenarios);
    EXPECT_EQ(fleet.noisy().MeasuredRankPicks(), fleet.clean().MeasuredRankPicks());
    faults += fleet.faults();
  }
  EXPECT_GT(faults, 1000);
}

}  // namespace
}  // namespace ballast
