// The routing library's part of a serving step of 58 layers, picks aside: look for a new
// table, count what the own 3 slots of every layer received, end the step. The floor is
// the same counting in plain memory.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/routing/load_counters.h"
#include "core/routing/placement_table.h"
#include "core/routing/replica_router.h"
#include "tests/bench/bench_table.h"
#include "tests/routing/routing_instance.h"

namespace ballast {
namespace {

constexpr int kLayers = 58;
constexpr int kExperts = 256;
constexpr int kLocalSlots = 3;
constexpr int kSteps = 1000;  // One measurement; a single step is too short for the clock.
constexpr int kRepetitions = 30;

RoutingInstance Instance() {
  Random random(20240611);
  return RandomInstance({.num_layers = kLayers,
                         .num_experts = kExperts,
                         .num_ranks = 128,
                         .row_size = 8,
                         .slots_per_rank = kLocalSlots},
                        random);
}

template <typename Step>
double MicrosecondsPerStep(Step&& step) {
  const double seconds = MinSeconds(kRepetitions, [&] {
    for (int i = 0; i < kSteps; ++i) step(static_cast<std::uint64_t>(i));
  });
  return seconds * 1e6 / kSteps;
}

// What one layer gave the own slots.
std::vector<std::uint64_t> Received() {
  Random random(1);
  std::vector<std::uint64_t> received(kLayers * kLocalSlots);
  for (std::uint64_t& picks : received) picks = random.Below(1000);
  return received;
}

double Floor(const std::vector<std::uint64_t>& received) {
  std::vector<std::uint64_t> counts(received.size());
  return MicrosecondsPerStep([&](std::uint64_t) {
    for (std::size_t i = 0; i < received.size(); ++i) counts[i] += received[i];
    KeepResult(counts[0]);
  });
}

void Run(BenchTable* bench) {
  const RoutingInstance instance = Instance();
  const std::vector<std::uint64_t> received = Received();
  TableCell cell;
  const auto table = instance.Build(7);
  cell.Install(table);
  ReplicaRouter router(cell, {});
  LoadCounters counters(kLayers, kLocalSlots);
  const auto step = [&](std::uint64_t number) {
    KeepResult(router.BeginStep());
    for (int layer = 0; layer < kLayers; ++layer) {
      for (int slot = 0; slot < kLocalSlots; ++slot) {
        counters.Add(LayerId(layer), slot, received[layer * kLocalSlots + slot]);
      }
    }
    counters.EndStep(number);
  };
  const double floor = Floor(received);
  bench->Add("step/same-table", MicrosecondsPerStep(step), "us", floor);
  bench->Add("step/new-table", MicrosecondsPerStep([&](std::uint64_t number) {
               cell.Install(table);
               counters.Activate(PlanId{}, number);
               step(number);
             }),
             "us", floor);
  // What EndStep() costs where picks sent are counted per expert.
  LoadCounters sent(kLayers, kExperts);
  std::vector<std::uint64_t> counted(kLayers * kExperts);
  std::vector<std::uint64_t> shown(counted.size());
  bench->Add("step/end-58x256",
             MicrosecondsPerStep([&](std::uint64_t number) { sent.EndStep(number); }), "us",
             MicrosecondsPerStep([&](std::uint64_t number) {
               counted[0] = number;
               std::copy(counted.begin(), counted.end(), shown.begin());
               KeepResult(shown[0]);
             }));
  bench->Add("report/read-counters",
             MicrosecondsPerStep([&](std::uint64_t) { KeepResult(counters.Current()); }), "us",
             floor);
  // Off the serving path, on the session's thread; the floor is a copy of the plan.
  const double copy = MinSeconds(kRepetitions, [&] {
    const std::vector<ExpertId> plan = instance.expert_in_slot;
    KeepResult(plan[0]);
  });
  const double build = MinSeconds(kRepetitions, [&] { KeepResult(instance.Build(7)); });
  bench->Add("table/build", build * 1e6, "us", copy * 1e6);
}

}  // namespace
}  // namespace ballast

int main(int argc, char** argv) {
  ballast::BenchTable bench(argc, argv);
  ballast::Run(&bench);
  return 0;
}
