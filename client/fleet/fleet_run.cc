#include "client/fleet/fleet_run.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/fleet/fleet_board.h"
#include "client/fleet/fleet_summary.h"
#include "client/fleet/fleet_worker.h"
#include "client/fleet/live_table.h"
#include "client/fleet/lockstep.h"
#include "client/fleet/plan_board.h"
#include "client/fleet/planner_query.h"
#include "client/fleet/shared_region.h"
#include "client/fleet/step_exchange.h"
#include "client/fleet/weight_memory.h"
#include "client/fleet/worker_crew.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

// Workers have this long to end after they were asked to, or after one was lost.
constexpr absl::Duration kPatience = absl::Seconds(10);

sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals, number);
  return signals;
}

// The parent of a fleet: starts the workers, watches them, shows what they do.
class Fleet {
 public:
  Fleet(FleetOptions options, FleetSetup setup, SharedRegion region)
      : options_(std::move(options)),
        setup_(std::move(setup)),
        region_(std::move(region)),
        lockstep_(region_.Take<Lockstep::State>(1).front(), setup_.topology.num_ranks()),
        exchange_(SizeOf(setup_), region_),
        board_(setup_.topology.num_ranks(), region_),
        weights_(setup_.shape.num_layers, setup_.topology, region_),
        plans_(setup_.shape.num_layers, setup_.topology, region_),
        table_(options_.json ? stderr : stdout, setup_.topology.num_ranks()) {}

  static std::size_t RegionBytes(const FleetSetup& setup) {
    return SharedRegion::BytesOf<Lockstep::State>(1) + StepExchange::RegionBytes(SizeOf(setup)) +
           FleetBoard::RegionBytes(setup.topology.num_ranks()) +
           WeightMemory::RegionBytes(setup.shape.num_layers, setup.topology) +
           PlanBoard::RegionBytes(setup.shape.num_layers, setup.topology);
  }

  int Run() {
    weights_.LoadAll(InitialPlan(setup_.shape, setup_.topology));
    const FleetLinks links = {options_, setup_, lockstep_, exchange_, board_, weights_, plans_};
    auto crew = WorkerCrew::Start(options_.mode, setup_.topology.num_ranks(),
                                  [links](RankId rank) { return RunFleetWorker(links, rank); });
    if (!crew.ok()) {
      std::fprintf(stderr, "ballast_fleet: %s\n", std::string(crew.status().message()).c_str());
      return 2;
    }
    Watch(**crew);
    (*crew)->Kill();
    return Conclude();
  }

 private:
  static StepExchange::Size SizeOf(const FleetSetup& setup) {
    return {setup.shape.num_layers, setup.topology.num_slots(), setup.topology.num_ranks()};
  }

  // Until all workers have ended, or patience with them has.
  void Watch(WorkerCrew& crew) {
    while (true) {
      WaitForSignal();
      for (const WorkerCrew::Loss& loss : crew.FindLosses()) OnLoss(loss);
      if (crew.num_running() == 0 && !returns_.empty()) {
        lockstep_.Abort(-1, "all workers are lost");
      }
      BringBack(crew);
      if (lockstep_.aborted()) BeginEnd();
      ShowProgress();
      if (crew.num_running() == 0) return;
      if (RealClock().Uptime() > end_by_) {
        lockstep_.Abort(-1, "workers did not end in time");
        return;
      }
    }
  }

  // Waits 100 ms at most. The first interrupt asks the fleet to stop after its present
  // step; the second does not wait for that.
  void WaitForSignal() {
    const sigset_t signals = HandledSignals();
    const timespec timeout = {.tv_sec = 0, .tv_nsec = 100'000'000};
    const int number = sigtimedwait(&signals, nullptr, &timeout);
    if (number != SIGINT && number != SIGTERM) return;
    if (stopped_by_signal_) lockstep_.Abort(-1, "interrupted twice");
    stopped_by_signal_ = true;
    board_.RequestStop();
    BeginEnd();
  }

  // A worker that gave up has said why in the lockstep; one that was killed has not.
  void OnLoss(const WorkerCrew::Loss& loss) {
    const bool left = !loss.killed && loss.status == kWorkerLeft;
    if (options_.rejoin_ms < 0 || !(loss.killed || left)) {
      lockstep_.Abort(loss.rank.value, loss.how);
      return;
    }
    std::fprintf(stderr, "rank %d: %s: %s\n", loss.rank.value, left ? "left" : "lost",
                 loss.how.c_str());
    board_.rank(loss.rank).connected.store(0, std::memory_order_release);
    weights_.Wipe(setup_.topology.slots_of(loss.rank));
    returns_.push_back({loss.rank, RealClock().Uptime() + absl::Milliseconds(options_.rejoin_ms)});
  }

  // Those whose time has come.
  void BringBack(WorkerCrew& crew) {
    if (lockstep_.aborted()) returns_.clear();
    std::erase_if(returns_, [&](const Return& lost) {
      if (RealClock().Uptime() < lost.at) return false;
      board_.rank(lost.rank).returns.fetch_add(1, std::memory_order_release);
      const absl::Status status = crew.Restart(lost.rank);
      if (!status.ok()) lockstep_.Abort(lost.rank.value, status.message());
      std::fprintf(stderr, "rank %d: begins anew\n", lost.rank.value);
      return true;
    });
  }

  void BeginEnd() { end_by_ = std::min(end_by_, RealClock().Uptime() + kPatience); }

  void ShowProgress() {
    for (const StepRecord& record : board_.TakeAll()) {
      last_fifth_.Add(record);
      table_.Add(record);
    }
    table_.Refresh(board_, RealClock().Uptime());
  }

  int Conclude() {
    table_.Finish();
    FleetSummary summary = {.plans_activated = board_.PlansActivatedByAll(),
                            .workers = board_.NumConnected(),
                            .moved_slots = board_.MovedSlots(),
                            .returns = board_.NumReturns(),
                            .planner = AskPlanner(options_.daemon, options_.ep_group)};
    last_fifth_.FillIn(&summary);
    std::fprintf(options_.json ? stderr : stdout, "%s", summary.Text().c_str());
    if (options_.once || options_.json) std::fprintf(stdout, "%s\n", summary.Json().c_str());
    std::fflush(stdout);
    if (const auto failure = lockstep_.failure(); failure.has_value()) {
      const std::string who = failure->rank < 0 ? "fleet" : "rank " + std::to_string(failure->rank);
      std::fprintf(stderr, "ballast_fleet: %s: %s\n", who.c_str(), failure->reason.c_str());
      return 1;
    }
    const bool bounded = options_.num_steps > 0 && !stopped_by_signal_;
    if (!bounded || summary.improved()) return 0;
    std::fprintf(stderr, "ballast_fleet: %s\n",
                 summary.plans_activated == 0 ? "no plan was activated by all workers"
                                              : "the balance did not improve");
    return 1;
  }

  const FleetOptions options_;
  const FleetSetup setup_;
  SharedRegion region_;
  Lockstep lockstep_;
  StepExchange exchange_;
  FleetBoard board_;
  WeightMemory weights_;
  PlanBoard plans_;
  LiveTable table_;
  LastFifth last_fifth_;
  struct Return {
    RankId rank;
    absl::Duration at;  // Uptime.
  };
  std::vector<Return> returns_;  // Of workers that are lost now.
  bool stopped_by_signal_ = false;
  absl::Duration end_by_ = absl::InfiniteDuration();
};

}  // namespace

int RunFleet(FleetOptions options) {
  const sigset_t signals = HandledSignals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  absl::StatusOr<FleetSetup> setup = SetUpFleet(options);
  absl::StatusOr<SharedRegion> region =
      setup.ok() ? SharedRegion::Create(Fleet::RegionBytes(*setup)) : setup.status();
  if (!region.ok()) {
    std::fprintf(stderr, "ballast_fleet: %s\n", std::string(region.status().message()).c_str());
    return 2;
  }
  Fleet fleet(std::move(options), *std::move(setup), *std::move(region));
  return fleet.Run();
}

}  // namespace ballast
