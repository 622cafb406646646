// What the worker library costs inside a serving step: BeginStep, the check of the table
// in each layer, the vote word, counting what each local slot received, EndStep; the picks
// themselves aside. Beside it, as the floor, the same additions to a plain array.
//
// "alone": no daemon listens and the session tries to reconnect. "connected": it sends a
// heartbeat and a report every 10 ms, a hundred times the default. "switching": the one step
// in which a new plan is activated.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "client/worker/plan_intake.h"
#include "client/worker/switch_point.h"
#include "client/worker/worker_session.h"
#include "core/base/check.h"
#include "core/base/fingerprint.h"
#include "tests/bench/bench_table.h"
#include "tests/client/session_fake_daemon.h"
#include "tests/client/worker_idle_loader.h"

namespace ballast {
namespace {

struct Fleet {
  const char* name;
  ModelShape shape;
  Topology topology;
  RankId rank;
};

std::vector<Fleet> Fleets() {
  return {{"58x256/3", {58, 256, 8, 8, 0}, *Topology::Uniform(128, 8, 3), RankId(9)},
          {"58x256/9", {58, 256, 8, 8, 0}, *Topology::Uniform(32, 8, 9), RankId(9)},
          {"61x512/2", {61, 512, 8, 8, 0}, *Topology::Uniform(512, 8, 2), RankId(9)}};
}

// Counts that an engine hands over per layer and local slot.
std::vector<std::uint64_t> Received(const Fleet& fleet) {
  const int slots = fleet.topology.slots_of(fleet.rank).count;
  std::vector<std::uint64_t> picks(static_cast<std::size_t>(fleet.shape.num_layers * slots));
  for (std::size_t i = 0; i < picks.size(); ++i) picks[i] = 90 + i % 17;
  return picks;
}

template <typename Worker>
void RunStep(Worker& worker, const std::vector<std::uint64_t>& picks, int num_layers,
             std::uint64_t step) {
  worker.BeginStep(step);
  const int slots = static_cast<int>(picks.size()) / num_layers;
  const std::uint64_t prefix = worker.active_digest_prefix();
  for (int layer = 0; layer < num_layers; ++layer) {
    // The cross-check that dispatch and combine of a layer go by one table.
    BALLAST_CHECK(DigestPrefix(worker.router().table().id().digest) == prefix);
    for (int slot = 0; slot < slots; ++slot) {
      worker.counters().Add(LayerId(layer), slot,
                            picks[static_cast<std::size_t>(layer * slots + slot)]);
    }
  }
  const VoteWord vote = worker.Vote();
  KeepResult(worker.OnVote(vote));
  worker.EndStep(step);
}

double FloorMicroseconds(const std::vector<std::uint64_t>& picks) {
  std::vector<std::uint64_t> counts(picks.size());
  return 1e6 * MinSeconds(2000, [&] {
           for (std::size_t i = 0; i < picks.size(); ++i) counts[i] += picks[i];
           KeepResult(counts[0]);
         });
}

// Least and 99th percentile over many steps.
struct StepTime {
  double least = 0;
  double p99 = 0;
};

// With a daemon, until it has got 20 reports meanwhile.
StepTime Measure(const Fleet& fleet, const std::string& address, bool daemon_listens) {
  IdleLoader loader;
  WorkerOptions options;
  options.daemon_address = address;
  options.ep_group = "bench";
  options.rank = fleet.rank;
  options.shape = fleet.shape;
  auto session = WorkerSession::Create(options, fleet.topology, loader);
  BALLAST_CHECK(session.ok());
  const std::vector<std::uint64_t> picks = Received(fleet);
  const auto reports = [&] { return (*session)->status().reports_sent; };
  std::uint64_t step = 0;
  while (daemon_listens && reports() == 0) {
    RunStep(**session, picks, fleet.shape.num_layers, step++);
  }
  const std::uint64_t enough = daemon_listens ? reports() + 20 : 0;
  std::vector<double> seconds;
  while (seconds.size() < 50'000 || reports() < enough) {
    for (int i = 0; i < 1000; ++i, ++step) {
      seconds.push_back(
          MinSeconds(1, [&] { RunStep(**session, picks, fleet.shape.num_layers, step); }));
    }
  }
  std::sort(seconds.begin(), seconds.end());
  return {1e6 * seconds.front(), 1e6 * seconds[seconds.size() * 99 / 100]};
}

// The step that activates a plan, loader aside: least of 50 switches.
double SwitchMicroseconds(const Fleet& fleet) {
  IdleLoader loader;
  const PlanIntake intake(fleet.shape, fleet.topology, fleet.rank);
  PlacementPlan plan = InitialPlan(fleet.shape, fleet.topology);
  SwitchPoint point(*intake.Make(plan),
                    {fleet.shape.num_layers, fleet.topology.slots_of(fleet.rank).count}, {}, loader,
                    std::make_shared<Wakeup>());
  const std::vector<std::uint64_t> picks = Received(fleet);
  RunStep(point, picks, fleet.shape.num_layers, 0);
  double least = 1e9;
  for (std::uint64_t n = 1; n <= 50; ++n) {
    std::rotate(plan.expert_in_slot.begin(), plan.expert_in_slot.begin() + 1,
                plan.expert_in_slot.begin() + plan.num_slots);
    plan.version = {1, n};
    SetEqualShares(fleet.shape, plan);
    const PlanInHand next = *intake.Make(plan);
    point.OnPrepare(n, next, point.Look().active.id, 1, std::nullopt);
    point.OnLoaded(next.id, std::nullopt);
    point.OnCommit(n, next.id, 1);
    RunStep(point, picks, fleet.shape.num_layers, 2 * n);
    least = std::min(least, 1e6 * MinSeconds(1, [&] {
                              RunStep(point, picks, fleet.shape.num_layers, 2 * n + 1);
                            }));
    BALLAST_CHECK(point.Look().active.id == next.id);
  }
  return least;
}

int Main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // As in ballastd.
  BenchTable table(argc, argv);
  FakeDaemon::Options options;
  options.heartbeat_period = absl::Milliseconds(10);
  options.report_period = absl::Milliseconds(10);
  for (const Fleet& fleet : Fleets()) {
    const std::string name = std::string("worker_step/") + fleet.name;
    const double floor = FloorMicroseconds(Received(fleet));
    const StepTime alone = Measure(fleet, "127.0.0.1:1", false);
    table.Add(name + "/alone", alone.least, "us/step", floor);
    table.Add(name + "/alone/p99", alone.p99, "us/step", floor);
    FakeDaemon daemon(options);
    const StepTime connected = Measure(fleet, daemon.address(), true);
    table.Add(name + "/connected", connected.least, "us/step", floor);
    table.Add(name + "/connected/p99", connected.p99, "us/step", floor);
    table.Add(name + "/switching", SwitchMicroseconds(fleet), "us/step", floor);
  }
  return 0;
}

}  // namespace
}  // namespace ballast

int main(int argc, char** argv) { return ballast::Main(argc, argv); }
