// A worker that embeds the routing library and nothing else of ours; see
// embed_alone.cmake. Returns 0 if each part works.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/routing/load_counters.h"
#include "core/routing/placement_table.h"
#include "core/routing/replica_router.h"
#include "core/routing/split_flow.h"

int main() {
  using namespace ballast;
  const std::vector<ExpertId> expert_in_slot = {ExpertId(0), ExpertId(1), ExpertId(0)};
  const std::vector<std::uint16_t> share = {1, 1, 1};
  const std::vector<RankId> rank_of_slot = {RankId(0), RankId(1), RankId(1)};
  const std::vector<RowId> row_of_rank = {RowId(0), RowId(0)};
  TableSpec spec;
  spec.num_layers = 1;
  spec.num_experts = 2;
  spec.num_slots = 3;
  spec.expert_in_slot = expert_in_slot;
  spec.share = share;
  spec.rank_of_slot = rank_of_slot;
  spec.row_of_rank = row_of_rank;
  spec.own_rank = RankId(0);
  std::string error;
  TableCell cell;
  cell.Install(PlacementTable::Build(spec, &error));
  ReplicaRouter router(cell, RouterOptions{});
  if (!router.BeginStep()) return 1;

  const std::vector<ExpertId> picks = {ExpertId(0), ExpertId(1), ExpertId(0), ExpertId(1)};
  std::vector<SlotId> slots(picks.size());
  router.PickBatch(LayerId(0), picks, slots);
  LoadCounters counters(1, 1);
  for (SlotId slot : slots) {
    if (slot == SlotId(0)) counters.Add(LayerId(0), 0, 1);
  }
  counters.EndStep(0);
  const std::vector<double> load = {3, 1};
  const std::vector<double> speed = {1, 1};
  const SplitResult split = MinMaxSplit({load, expert_in_slot, rank_of_slot, speed});
  std::printf("own picks %d, best split %g\n", static_cast<int>(counters.Current().counts[0]),
              split.value);
  return counters.Current().counts[0] == 2 && split.value == 2 ? 0 : 1;
}
