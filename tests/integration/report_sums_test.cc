// Goal: a worker whose picks do not come to the tokens it says is named, and no other is.
// Method: a real daemon, and the worker library with many reports a second, taken in the
// middle of steps as they come; one rank counts a layer twice. And whole fleets, in both
// forms, of which nobody is named.

#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/worker/worker_session.h"
#include "core/base/clock.h"
#include "gtest/gtest.h"
#include "tests/client/worker_idle_loader.h"
#include "tests/integration/child_process.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

constexpr int kRanks = 4;
constexpr int kTokens = 64;  // Of each rank in each step.
constexpr ModelShape kShape = {
    .num_layers = 3, .num_experts = 16, .num_expert_groups = 1, .top_k = 2, .expert_bytes = 1};

DaemonConfig Config() {
  return {.session = "{report_period: 10ms}",
          .planning = "{observe_only: true}",
          .groups = {{.model = "{layers: 3, experts: 16, top_k: 2, expert_bytes: 1}",
                      .ranks = kRanks,
                      .row_size = 2,
                      .slots_per_rank = 6}}};
}

// Long enough for some report to be taken meanwhile, every few steps.
void Pause() {
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  bool never = false;
  RealClock().WaitUntil(mutex, absl::Condition(&never),
                        RealClock().Uptime() + absl::Milliseconds(1));
}

// Ranks of one group that serve in this process, step by step.
class Engine {
 public:
  explicit Engine(int port) {
    for (int rank = 0; rank < kRanks; ++rank) {
      WorkerOptions options;
      options.daemon_address = absl::StrCat("127.0.0.1:", port);
      options.ep_group = "demo";
      options.rank = RankId(rank);
      options.shape = kShape;
      options.report_form = ReportForm::kExpert;
      options.report_period = absl::Milliseconds(10);
      auto session = WorkerSession::Create(options, *Topology::Uniform(kRanks, 2, 6), loader_);
      EXPECT_TRUE(session.ok()) << session.status();
      ranks_.push_back(*std::move(session));
    }
  }

  // Every rank sends its picks; `twice` counts those of layer 1 twice. Between two layers
  // there is time for a report.
  void Step(RankId twice) {
    ++step_;
    for (auto& rank : ranks_) rank->BeginStep(step_);
    for (int layer = 0; layer < kShape.num_layers; ++layer) {
      for (int rank = 0; rank < kRanks; ++rank) {
        const int times = layer == 1 && twice == RankId(rank) ? 2 : 1;
        for (int pick = 0; pick < kTokens * kShape.top_k; ++pick) {
          const int expert = static_cast<int>((step_ + pick) % kShape.num_experts);
          ranks_[rank]->counters().Add(LayerId(layer), expert, times);
        }
      }
      Pause();
    }
    for (auto& rank : ranks_) {
      rank->counters().AddTokens(kTokens);
      rank->EndStep(step_);
    }
  }

  bool AllReported(std::uint64_t reports) const {
    for (const auto& rank : ranks_) {
      if (rank->status().reports_sent < reports) return false;
    }
    return true;
  }

 private:
  IdleLoader loader_;
  std::vector<std::unique_ptr<WorkerSession>> ranks_;
  std::uint64_t step_ = 0;
};

TEST(ReportSumsTest, OnlyTheRankThatMiscountsIsNamed) {
  TestDaemon daemon("report_sums", Config());
  ASSERT_TRUE(daemon.Start());
  Engine engine(daemon.grpc_port());
  while (daemon.running() && !engine.AllReported(50)) engine.Step(RankId());
  EXPECT_EQ(daemon.CountInLog("event=report.refused"), 0);

  const std::string named = "event=report.refused group=demo rank=2 result=implausible";
  while (daemon.running() && daemon.CountInLog(named) == 0) engine.Step(RankId(2));
  EXPECT_EQ(daemon.CountInLog(named), daemon.CountInLog("event=report.refused"));
  EXPECT_GT(daemon.CountInLog("rank 2, layer 1: "), 0);
}

TEST(ReportSumsTest, NobodyOfAFleetIsNamedInEitherForm) {
  for (const std::string form : {"received", "sent"}) {
    DaemonConfig config = DaemonConfig::Eager();
    config.groups = {TestGroup::Of4("demo")};
    TestDaemon daemon("report_sums_" + form, config);
    ASSERT_TRUE(daemon.Start());
    auto fleet = daemon.StartFleet({.words = {"--report", form}});
    // Plans follow each other, so that reports of old and new ones meet.
    EXPECT_TRUE(daemon.AwaitInLog("event=plan.active group=demo", 3)) << form;
    EXPECT_EQ(daemon.CountInLog("event=report.refused"), 0) << form;
    EXPECT_EQ(fleet->End(SIGINT), 0) << fleet->Err();
  }
}

}  // namespace
}  // namespace ballast
