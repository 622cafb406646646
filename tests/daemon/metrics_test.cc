// Goal: what is exported of a group, how much of it, and what goes when ranks and groups go.
// Method: the loops of a group with a simulated clock, fed by hand; the text of a scrape.

#include "daemon/observe/metrics.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/simulated_clock.h"
#include "core/store/in_memory_plan_store.h"
#include "core/store/plan_store_errors.h"
#include "daemon/observe/disk_space.h"
#include "daemon/observe/process_metrics.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// DeepSeek V3 on 16 rows of 8 devices: 58 layers of 256 experts in 384 slots.
GroupConfig ReferenceGroup() {
  ModelShape shape;
  shape.num_layers = 58;
  shape.num_experts = 256;
  shape.top_k = 8;
  shape.expert_bytes = 44040192;
  GroupConfig config{"decode0", shape, *Topology::Uniform(128, 8, 3), "eplb", {}, {}, {}, {}};
  config.load.batch_steps = 1;
  config.policy.solve_every_steps = 1;
  config.policy.min_batches = 1;
  return config;
}

// One group and all that is exported of it.
class Exported {
 public:
  explicit Exported(GroupConfig config) : config_(std::move(config)), metrics_(7, "1.51", clock_) {
    const std::uint64_t term = *store_.BeginTerm();
    std::string ignored;
    const RolloutStart start = *RecoverGroup(config_, store_, term, &ignored);
    rollout_ = std::make_unique<RolloutLoop>(RolloutLoop::Parts{config_, store_, metrics_, clock_},
                                             start, term);
    control_ = std::make_unique<ControlLoop>(config_, *rollout_, metrics_, clock_);
    metrics_.AddGroup({config_.name, &config_, control_.get(), rollout_.get()});
  }

  void Session(int rank, SessionEvent::Kind kind) {
    if (kind == SessionEvent::Kind::kHello) links_[rank] = std::make_shared<RecordingLink>();
    SessionEvent event;
    event.kind = kind;
    event.rank = RankId(rank);
    event.link = links_[rank];
    event.hello.rank = RankId(rank);
    event.hello.incarnation = 5;
    event.hello.active = rollout_->Facts().decided;
    rollout_->Submit(std::move(event));
    rollout_->RunOnceForTest();
  }

  // The rank's answer to what it was sent last.
  void Answer(int rank, SessionEvent::Kind kind) {
    SessionEvent event;
    event.kind = kind;
    event.rank = RankId(rank);
    event.link = links_[rank];
    event.nonce = links_[rank]->sent.back().nonce;
    event.plan = links_[rank]->sent.back().plan;
    rollout_->Submit(std::move(event));
    rollout_->RunOnceForTest();
  }

  void Offer() {
    rollout_->Offer(ExchangedCandidate(config_, rollout_->Facts().decided));
    rollout_->RunOnceForTest();
  }

  void ConnectAll() {
    for (int rank = 0; rank < num_ranks(); ++rank) Session(rank, SessionEvent::Kind::kHello);
  }

  // All ranks report `step` steps, in each of which slot s of the fleet took s picks a layer.
  void ReportAll(std::uint64_t step) {
    for (int rank = 0; rank < num_ranks(); ++rank) {
      LoadReport report;
      report.rank = RankId(rank);
      report.incarnation = 5;
      report.sequence = step;
      report.plan = rollout_->Facts().decided;
      report.step_first = 1;
      report.step_last = step;
      const auto slots = config_.topology.slots_of(RankId(rank));
      for (int layer = 0; layer < config_.shape.num_layers; ++layer) {
        for (int slot = 0; slot < slots.count; ++slot) {
          report.counts.push_back(step * (slots.first.value + slot));
        }
      }
      control_->Submit(std::move(report));
    }
    control_->RunOnceForTest();
  }

  // The lines of a scrape that are series, without help and type.
  std::vector<std::string> Series() {
    std::vector<std::string> series;
    for (absl::string_view line : absl::StrSplit(Scrape(), '\n', absl::SkipEmpty())) {
      if (!absl::StartsWith(line, "#")) series.emplace_back(line);
    }
    return series;
  }

  // How many series begin so.
  int Count(const std::string& prefix) {
    const std::vector<std::string> series = Series();
    return static_cast<int>(std::count_if(
        series.begin(), series.end(),
        [&prefix](const std::string& line) { return absl::StartsWith(line, prefix); }));
  }

  std::string Scrape() { return metrics_.Scrape(); }
  int num_ranks() const { return config_.topology.num_ranks(); }
  Metrics& metrics() { return metrics_; }
  SimulatedClock& clock() { return clock_; }
  RolloutLoop& rollout() { return *rollout_; }

 private:
  const GroupConfig config_;
  SimulatedClock clock_;
  Metrics metrics_;
  InMemoryPlanStore store_;
  std::unique_ptr<RolloutLoop> rollout_;
  std::unique_ptr<ControlLoop> control_;
  std::vector<std::shared_ptr<RecordingLink>> links_ =
      std::vector<std::shared_ptr<RecordingLink>>(num_ranks());
};

TEST(MetricsTest, AGroupOfTheReferenceSizeStaysBelow2000SeriesAnd500Kilobytes) {
  Exported group(ReferenceGroup());
  group.ConnectAll();
  for (std::uint64_t step = 1; step <= 4; ++step) group.ReportAll(step);
  const std::vector<std::string> series = group.Series();
  // All that grows with the fleet is there.
  EXPECT_EQ(group.Count("ballast_rank_load_ratio{"), 128);
  EXPECT_EQ(group.Count("ballast_worker_last_report_timestamp_seconds{"), 128);
  EXPECT_EQ(group.Count("ballast_layer_imbalance_ratio{"), 58);
  RecordProperty("series", static_cast<int>(series.size()));
  RecordProperty("bytes", static_cast<int>(group.Scrape().size()));
  EXPECT_LT(series.size() + 58, 2000);  // With the layers' predictions of an adopted plan.
  EXPECT_LT(group.Scrape().size(), 500'000);
}

TEST(MetricsTest, ARankThatLeavesTakesItsSeriesAlongAndBringsThemBack) {
  Exported group(SmallGroup());
  group.ConnectAll();
  for (std::uint64_t step = 1; step <= 3; ++step) group.ReportAll(step);
  EXPECT_EQ(group.Count("ballast_rank_load_ratio{"), 4);
  EXPECT_THAT(group.Scrape(), HasSubstr("{group=\"demo\",rank=\"2\"}"));
  group.Session(2, SessionEvent::Kind::kDisconnect);
  EXPECT_THAT(group.Scrape(), Not(HasSubstr("rank=\"2\"")));
  EXPECT_EQ(group.Count("ballast_rank_load_ratio{"), 3);
  EXPECT_EQ(group.Count("ballast_worker_last_report_timestamp_seconds{"), 3);
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_workers{group=\"demo\",state=\"gone\"} 1"));
  group.Session(2, SessionEvent::Kind::kHello);
  EXPECT_EQ(group.Count("ballast_rank_load_ratio{"), 4);
}

TEST(MetricsTest, RanksThatAreOnlyObservedArePresentWhileTheyReport) {
  GroupConfig config = SmallGroup();
  config.policy.observe_only = true;
  config.load.stale_after = absl::Seconds(10);
  Exported group(config);
  for (std::uint64_t step = 1; step <= 3; ++step) group.ReportAll(step);
  EXPECT_EQ(group.Count("ballast_rank_load_ratio{"), 4);
  EXPECT_EQ(group.Count("ballast_worker_last_report_timestamp_seconds{"), 4);
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_uncovered_experts{group=\"demo\"} 0"));
  group.clock().Advance(absl::Seconds(11));
  EXPECT_EQ(group.Count("ballast_rank_load_ratio{"), 0);
  EXPECT_EQ(group.Count("ballast_worker_last_report_timestamp_seconds{"), 0);
  // Nobody sends their counters, which says nothing about them.
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_uncovered_experts{group=\"demo\"} 0"));
}

TEST(MetricsTest, AnObservedRankThatIsMissedAmongOthersIsLost) {
  GroupConfig config = SmallGroup();
  config.policy.observe_only = true;
  Exported group(config);
  group.Session(0, SessionEvent::Kind::kHello);
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_uncovered_experts{group=\"demo\"} 2"));
}

TEST(MetricsTest, AGroupThatLeavesTakesAllItsSeriesAlong) {
  Exported group(SmallGroup());
  group.ConnectAll();
  group.ReportAll(1);
  group.metrics().OnNack("demo", RankId(0), {NackCode::kBusy, ""});
  group.metrics().RemoveGroup("demo");
  EXPECT_THAT(group.Scrape(), Not(HasSubstr("demo")));
  // What is still on its way brings nothing back.
  group.metrics().OnReport("demo", "accepted", 5);
  group.metrics().OnPush("demo", RankId(0), {});
  EXPECT_THAT(group.Scrape(), Not(HasSubstr("demo")));
}

TEST(MetricsTest, EveryPhaseStateAndReasonHasItsSeriesAndOneIsSet) {
  Exported group(SmallGroup());
  const std::string text = group.Scrape();
  for (const char* phase : {"proposed", "validated", "preparing", "decided", "committing", "active",
                            "retiring", "done", "aborting", "aborted", "refused", "dropped"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("phase=\"", phase, "\"} 0")));
  }
  EXPECT_THAT(text, HasSubstr("phase=\"idle\"} 1"));
  for (const char* state : {"synced", "stale", "prepared", "nacked", "lagging"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("state=\"", state, "\"} 0")));
  }
  EXPECT_THAT(text, HasSubstr("state=\"gone\"} 4"));
  for (const char* reason :
       {"none", "paused", "coverage_low", "window_young", "rollout_busy", "not_due"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("reason=\"", reason, "\"} 0")));
  }
  EXPECT_THAT(text, HasSubstr("ballast_planning_hold{group=\"demo\",reason=\"ranks_missing\"} 1"));
  EXPECT_EQ(group.Count("ballast_plan_nacks_total{"), kNumNackCodes);
}

TEST(MetricsTest, RanksThatHoldAPlanCountAsPrepared) {
  Exported group(SmallGroup());
  group.ConnectAll();
  EXPECT_THAT(group.Scrape(), HasSubstr("state=\"synced\"} 4"));
  group.Offer();
  EXPECT_THAT(group.Scrape(), HasSubstr("phase=\"preparing\"} 1"));
  for (int rank = 0; rank < 4; ++rank) group.Answer(rank, SessionEvent::Kind::kPrepared);
  EXPECT_THAT(group.Scrape(), HasSubstr("phase=\"committing\"} 1"));
  for (int rank = 0; rank < 4; ++rank) group.Answer(rank, SessionEvent::Kind::kHeld);
  EXPECT_EQ(group.rollout().View().workers[0].state, RankState::kHeld);
  EXPECT_THAT(group.Scrape(), HasSubstr("state=\"prepared\"} 4"));
  EXPECT_EQ(group.Count("ballast_workers{"), 8);
  EXPECT_EQ(group.Count("ballast_plan_phase{"), 13);
}

// Two rows of two ranks; slots 0..7 hold experts 0 1 2 3 0 1 2 3, so each expert has a replica
// in either row.
TEST(MetricsTest, CoverageFollowsTheLiveRanks) {
  Exported group(SmallGroup());
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_uncovered_experts{group=\"demo\"} 4"));
  group.Session(0, SessionEvent::Kind::kHello);
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_uncovered_experts{group=\"demo\"} 2"));
  group.Session(3, SessionEvent::Kind::kHello);
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_uncovered_experts{group=\"demo\"} 0"));
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_single_row_experts{group=\"demo\"} 0"));
}

TEST(MetricsTest, APauseIsSeen) {
  Exported group(SmallGroup());
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_planning_paused{group=\"demo\"} 0"));
  class Ticket final : public SteeringTicket {
   public:
    void OnPlan(const SteeringResult&) override {}
    void OnEnd(const absl::Status&, const SteeringResult&) override {}
  };
  SteeringCall call;
  call.kind = SteeringCall::Kind::kPause;
  call.ticket = std::make_shared<Ticket>();
  group.rollout().Steer(std::move(call), {});
  group.rollout().RunOnceForTest();
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_planning_paused{group=\"demo\"} 1"));
}

TEST(MetricsTest, CountsEventsUnderTheirLabels) {
  Exported group(SmallGroup());
  Metrics& metrics = group.metrics();
  metrics.OnReport("demo", "accepted", 30);
  metrics.OnReport("demo", "late", 0);
  metrics.OnReport("demo", "brand_new", 0);
  metrics.OnPlanFinished("demo", {}, "aborted: rank 3 went");
  metrics.OnNack("demo", RankId(1), {NackCode::kNoMemory, ""});
  metrics.OnSlowConsumer("demo", RankId(1), "");
  metrics.OnDigestDisagreements("demo", RankId(1), 3);
  const std::string text = group.Scrape();
  EXPECT_THAT(text, HasSubstr("ballast_reports_total{group=\"demo\",result=\"accepted\"} 1"));
  EXPECT_THAT(text, HasSubstr("ballast_reports_total{group=\"demo\",result=\"late\"} 1"));
  EXPECT_THAT(text, HasSubstr("ballast_reports_total{group=\"demo\",result=\"brand_new\"} 1"));
  EXPECT_THAT(text, HasSubstr("ballast_report_tokens_total{group=\"demo\"} 30"));
  EXPECT_THAT(text, HasSubstr("ballast_plans_total{group=\"demo\",outcome=\"aborted\"} 1"));
  EXPECT_THAT(text, HasSubstr("code=\"NO_MEMORY\",group=\"demo\"} 1"));
  EXPECT_THAT(text, HasSubstr("ballast_slow_consumers_closed_total{group=\"demo\"} 1"));
  EXPECT_THAT(text, HasSubstr("ballast_digest_disagreements_total{group=\"demo\"} 3"));
}

TEST(MetricsTest, StoreErrorsAreNamedAfterWhatIsWrong) {
  Exported group(SmallGroup());
  Metrics& metrics = group.metrics();
  EXPECT_EQ(group.Count("ballast_store_errors_total{"), 6);
  metrics.OnStoreCall("decide", absl::UnavailableError(""), {});
  metrics.OnStoreCall("decide", absl::ResourceExhaustedError(""), {});
  metrics.OnStoreCall("decide", absl::ResourceExhaustedError(""), {});
  metrics.OnStoreCall("decide", absl::OkStatus(), absl::Milliseconds(3));
  const std::string text = group.Scrape();
  EXPECT_THAT(text, HasSubstr("ballast_store_errors_total{kind=\"sync\"} 1"));
  EXPECT_THAT(text, HasSubstr("ballast_store_errors_total{kind=\"full\"} 2"));
  EXPECT_THAT(text, HasSubstr("ballast_store_commit_duration_seconds_count 1"));
}

TEST(MetricsTest, ADaemonWhoseStoreAnotherTookOverLeadsNoMore) {
  Exported group(SmallGroup());
  Metrics& metrics = group.metrics();
  metrics.OnStoreCall("decide", absl::FailedPreconditionError("aborted"), {});
  EXPECT_THAT(group.Scrape(), HasSubstr("\nballast_leader 1\n"));
  EXPECT_THAT(group.Scrape(), HasSubstr("\nballast_leader_changes_total 1\n"));
  metrics.OnStoreCall("decide", CheckStoreTerm(1, 2), {});
  metrics.OnStoreCall("abort", CheckStoreTerm(1, 2), {});
  EXPECT_THAT(group.Scrape(), HasSubstr("\nballast_leader 0\n"));
  EXPECT_THAT(group.Scrape(), HasSubstr("\nballast_leader_changes_total 2\n"));
}

TEST(MetricsTest, ARefusedReloadKeepsTheTimeOfTheLastGoodOne) {
  Exported group(SmallGroup());
  const std::string time = "ballast_config_last_reload_success_timestamp_seconds ";
  const auto value = [&](const std::string& series) {
    for (const std::string& line : group.Series()) {
      if (absl::StartsWith(line, series)) return std::stod(line.substr(series.size()));
    }
    return -1.0;
  };
  const double start = value(time);
  group.clock().Advance(absl::Seconds(60));
  group.metrics().OnConfigReload(false);
  EXPECT_EQ(value("ballast_config_last_reload_successful "), 0);
  EXPECT_EQ(value(time), start);
  group.metrics().OnConfigReload(true);
  EXPECT_EQ(value("ballast_config_last_reload_successful "), 1);
  EXPECT_GE(value(time), start + 59);
}

TEST(MetricsTest, FreeSpaceOfTheStoreIsAskedAtEachScrape) {
  Exported group(SmallGroup());
  EXPECT_THAT(group.Scrape(), Not(HasSubstr("ballast_store_free_bytes")));
  std::int64_t bytes = 4096;
  group.metrics().SetStoreSpace([&bytes]() -> absl::StatusOr<std::int64_t> {
    if (bytes < 0) return absl::UnavailableError("gone");
    return bytes;
  });
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_store_free_bytes 4096"));
  bytes = -1;
  EXPECT_THAT(group.Scrape(), HasSubstr("ballast_store_free_bytes 0"));
}

TEST(DiskSpaceTest, TellsAFileSystemAndNamesAPathThatIsNone) {
  EXPECT_GT(*FreeBytes(testing::TempDir()), 0);
  const auto none = FreeBytes("/no/such/file");
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("/no/such/file"));
}

// A command may hold blanks and brackets.
constexpr char kSelfStat[] =
    "42 (ball) ast (d) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 4 0 1000 8192 3 99\n";

TEST(ProcessUsageTest, IsReadFromTheFieldsOfProc) {
  const auto usage = ParseProcStat(kSelfStat, "cpu 1\nbtime 1000000\n", 100, 4096);
  ASSERT_TRUE(usage.has_value());
  EXPECT_EQ(usage->cpu_seconds, 2);
  EXPECT_EQ(usage->start_unix_seconds, 1000010);
  EXPECT_EQ(usage->virtual_bytes, 8192);
  EXPECT_EQ(usage->resident_bytes, 3 * 4096);
}

TEST(ProcessUsageTest, RefusesWhatHasAnotherForm) {
  EXPECT_FALSE(ParseProcStat("42 (a) S 1 2", "btime 1\n", 100, 4096).has_value());
  EXPECT_FALSE(ParseProcStat(kSelfStat, "cpu 1\n", 100, 4096).has_value());
  EXPECT_FALSE(ParseProcStat("", "", 100, 4096).has_value());
}

TEST(ProcessUsageTest, SeesThisProcess) {
  const auto usage = ReadProcessUsage();
  ASSERT_TRUE(usage.has_value());
  EXPECT_GT(usage->resident_bytes, 1e5);
  EXPECT_GT(usage->open_fds, 2);
  EXPECT_GE(usage->max_fds, usage->open_fds);
}

}  // namespace
}  // namespace ballast
