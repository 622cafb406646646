#include "client/worker/move_list.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/types/span.h"
#include "core/base/random.h"

namespace ballast {
namespace {

// Slots of one layer that hold an expert, ascending.
class SlotsOfExpert {
 public:
  explicit SlotsOfExpert(absl::Span<const ExpertId> experts) {
    slots_.reserve(experts.size());
    for (int slot = 0; slot < static_cast<int>(experts.size()); ++slot) {
      slots_.push_back({experts[slot], SlotId(slot)});
    }
    std::sort(slots_.begin(), slots_.end());
  }

  absl::Span<const std::pair<ExpertId, SlotId>> of(ExpertId expert) const {
    const auto low = std::lower_bound(slots_.begin(), slots_.end(), std::pair(expert, SlotId(0)));
    auto high = low;
    while (high != slots_.end() && high->first == expert) ++high;
    return absl::MakeConstSpan(slots_).subspan(low - slots_.begin(), high - low);
  }

 private:
  std::vector<std::pair<ExpertId, SlotId>> slots_;
};

// The layers of a plan pair, as seen by one rank.
class RankMoves {
 public:
  RankMoves(const Topology& topology, RankId rank, const PlacementPlan& from,
            const PlacementPlan& to, const PlacementPlan& peers)
      : topology_(topology),
        rank_(rank),
        own_(topology.slots_of(rank)),
        from_(from),
        to_(to),
        peers_(peers) {}

  void AppendLayer(LayerId layer, std::vector<SlotMove>* moves) const {
    std::vector<SlotMove> pending = Changes(layer);
    if (pending.empty()) return;
    const SlotsOfExpert own(from_.experts(layer));
    const SlotsOfExpert remote(peers_.experts(layer));
    for (SlotMove& move : pending) SetSource(own, remote, &move);
    AppendInOrder(std::move(pending), moves);
  }

 private:
  bool IsOwn(SlotId slot) const {
    return slot >= own_.first && slot.value < own_.first.value + own_.count;
  }

  std::vector<SlotMove> Changes(LayerId layer) const {
    std::vector<SlotMove> changes;
    for (int i = own_.first.value; i < own_.first.value + own_.count; ++i) {
      const ExpertId before = from_.experts(layer)[i];
      const ExpertId after = to_.experts(layer)[i];
      if (before != after) {
        changes.push_back({layer, SlotId(i), after, before, SlotId(), RankId(), true});
      }
    }
    return changes;
  }

  void SetSource(const SlotsOfExpert& own, const SlotsOfExpert& remote, SlotMove* move) const {
    move->source = OwnSource(own.of(move->expert), move->layer);
    if (move->source.valid()) {
      move->through_staging = false;
    } else {
      move->source = RemoteSource(remote.of(move->expert), *move);
    }
    if (move->source.valid()) move->source_rank = topology_.rank_of(move->source);
  }

  // A slot that keeps its expert puts no other move behind this one, so it comes first.
  SlotId OwnSource(absl::Span<const std::pair<ExpertId, SlotId>> slots, LayerId layer) const {
    SlotId found;
    for (const auto& [expert, slot] : slots) {
      if (!IsOwn(slot)) continue;
      if (to_.experts(layer)[slot.value] == expert) return slot;
      if (!found.valid()) found = slot;
    }
    return found;
  }

  SlotId RemoteSource(absl::Span<const std::pair<ExpertId, SlotId>> slots,
                      const SlotMove& move) const {
    std::vector<SlotId> near;  // First slot of each rank that has the expert.
    std::vector<SlotId> far;
    RankId last;
    for (const auto& [expert, slot] : slots) {
      const RankId rank = topology_.rank_of(slot);
      if (rank == last || rank == rank_) continue;
      last = rank;
      (topology_.row_of(rank) == topology_.row_of(rank_) ? near : far).push_back(slot);
    }
    const std::vector<SlotId>& choice = near.empty() ? far : near;
    if (choice.empty()) return SlotId();
    Random turn(static_cast<std::uint64_t>(move.layer.value) << 32 |
                static_cast<std::uint32_t>(move.slot.value));
    return choice[turn.Below(choice.size())];
  }

  // A move may run once no pending move reads what it overwrites. If none may, the rest
  // are circles: staging one opens its circle.
  void AppendInOrder(std::vector<SlotMove> pending, std::vector<SlotMove>* moves) const {
    std::vector<int> readers(own_.count, 0);
    for (const SlotMove& move : pending) {
      if (!move.through_staging) ++readers[move.source.value - own_.first.value];
    }
    while (!pending.empty()) {
      auto next = std::find_if(pending.begin(), pending.end(), [&](const SlotMove& move) {
        return readers[move.slot.value - own_.first.value] == 0;
      });
      if (next == pending.end()) {
        next = std::find_if(pending.begin(), pending.end(),
                            [](const SlotMove& move) { return !move.through_staging; });
        next->through_staging = true;
        --readers[next->source.value - own_.first.value];
        continue;
      }
      if (!next->through_staging) --readers[next->source.value - own_.first.value];
      moves->push_back(*next);
      pending.erase(next);
    }
  }

  const Topology& topology_;
  const RankId rank_;
  const SlotRange own_;
  const PlacementPlan& from_;
  const PlacementPlan& to_;
  const PlacementPlan& peers_;
};

}  // namespace

std::vector<SlotMove> MovesOfRank(const Topology& topology, RankId rank, const PlacementPlan& from,
                                  const PlacementPlan& to, const PlacementPlan& peers) {
  std::vector<SlotMove> moves;
  const RankMoves rank_moves(topology, rank, from, to, peers);
  for (int layer = 0; layer < from.num_layers(); ++layer) {
    rank_moves.AppendLayer(LayerId(layer), &moves);
  }
  return moves;
}

int SpareSlotsNeeded(const std::vector<SlotMove>& moves) {
  int most = 0;
  int staged = 0;
  LayerId layer;
  for (const SlotMove& move : moves) {
    if (move.layer != layer) staged = 0;
    layer = move.layer;
    staged += move.through_staging ? 1 : 0;
    most = std::max(most, staged);
  }
  return most;
}

}  // namespace ballast
