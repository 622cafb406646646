#ifndef BALLAST_CORE_ROUTING_REPLICA_ROUTER_H_
#define BALLAST_CORE_ROUTING_REPLICA_ROUTER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/base/ids.h"
#include "core/routing/placement_table.h"

namespace ballast {

// The place where a new table meets the threads that route. One writer (the
// session) installs, many routers read. Thread-safe.
class TableCell {
 public:
  // Makes `table` current. Threads see it at their next BeginStep().
  void Install(std::shared_ptr<const PlacementTable> table) {
    std::lock_guard lock(mutex_);
    table_.swap(table);  // If nobody else has the one before, it goes after the lock.
    generation_.fetch_add(1, std::memory_order_release);
  }

 private:
  friend class ReplicaRouter;

  std::atomic<std::uint64_t> generation_{0};  // Number of installs.
  std::mutex mutex_;                          // Guards table_; never taken per token.
  std::shared_ptr<const PlacementTable> table_;
};

// How far a sender may let its own row fill before it uses replicas elsewhere.
struct RouterOptions {
  // A pick leaves the row when the least loaded near replica's rank has got more
  // than `spill_threshold` picks more from this call of PickBatch() than the least
  // loaded far one. Unit: picks. 0: balance before locality; below 0 means 0.
  // Chosen: a cross-row copy of a decode token costs about as much as four picks.
  std::int32_t spill_threshold = 4;
};

// Picks the slot for each routed token: same-row least-loaded with spill. One per
// routing thread; not thread-safe. The cell must outlive it.
//
// Call BeginStep() once per forward pass, then PickBatch() per layer: a pass sees
// one table from its first layer to its last, so dispatch and combine agree.
// Nothing here allocates, locks or throws on the pick path; BeginStep() allocates
// and locks only in the first step after an install.
class ReplicaRouter {
 public:
  ReplicaRouter(TableCell& cell, const RouterOptions& options);

  // Adopts the newest table and returns whether there is one. Without an install
  // since the last call it is one atomic load. Out of memory ends the process.
  bool BeginStep() noexcept;

  // Routes all picks of one dispatch of one layer: experts[i] -> slots[i]. The spans
  // have one size, below 2^30; layer and experts are in range. Needs a successful
  // BeginStep().
  //
  // The load of a rank is the number of picks that this call gives it. It begins at
  // zero in every call, because the ranks wait for each other in every dispatch: a
  // layer that is routed in chunks has as many dispatches as chunks.
  //
  // The rule, for the counts per slot: take any expert's picks out and hand them out
  // anew one by one, each to the least loaded near replica, or to the least loaded far
  // one if the near one is more than `spill_threshold` picks above it; then no slot's
  // count changes. (Equal loads go near, and there to the next rank in cyclic order from
  // the own rank.) It is reached by doing just that, round after round, from the
  // experts with the fewest replicas on; kMaxRounds rounds at most, so that in the
  // rare batch that needs more some experts are one round old.
  //
  // Of several replicas on one rank the first slot gets all picks. The order of the
  // picks of one expert decides which of them gets which replica, nothing else: the
  // counts per slot depend only on the multiset of picks. Deterministic.
  //
  // Cost, measured on one core of the reference machine for 256 experts in 384 slots on
  // 128 ranks: 1.2-1.5 ns a pick for 32768 picks, 2-4 ns for 4096; 4-6 us for a call
  // with 512.
  void PickBatch(LayerId layer, std::span<const ExpertId> experts,
                 std::span<SlotId> slots) noexcept;

  // Chosen: two to four rounds reach the balance of one pick at a time, and the last
  // ones change few counts; more matter only on long chains of shared ranks.
  static constexpr int kMaxRounds = 8;

  // The table of this step. Needs a successful BeginStep().
  const PlacementTable& table() const noexcept { return *table_; }

 private:
  using Host = PlacementTable::Host;
  using Route = PlacementTable::Route;

  // Where the next pick of an expert goes.
  struct Cursor {
    SlotId slot;
    std::int32_t left = 0;  // Picks until the slot has its count.
    std::int32_t host = 0;  // The slot's host, of the layer.
  };

  // An expert of the batch that has a choice: hosts [first, first + num_hosts).
  struct Choice {
    ExpertId expert;
    std::int32_t picks = 0;
    std::int32_t first = 0;
    std::int32_t num_hosts = 0;
    std::int32_t num_near = 0;
  };

  void Resize();
  void CountPicks(std::span<const ExpertId> experts) noexcept;
  void PlaceForcedPicks(LayerId layer) noexcept;
  bool Refill(const Choice& choice) noexcept;
  bool FillTo(const Choice& choice, std::int32_t fill, std::int32_t rest) noexcept;
  bool RefillPair(const Choice& choice) noexcept;
  void SetCursors() noexcept;
  void HandOut(std::span<const ExpertId> experts, std::span<SlotId> slots) noexcept;

  TableCell& cell_;
  RouterOptions options_;
  std::uint64_t seen_ = 0;
  std::shared_ptr<const PlacementTable> table_;

  // Scratch of PickBatch(), sized by Resize() for table_.
  const Host* hosts_ = nullptr;          // Of the layer.
  std::vector<std::int32_t> histogram_;  // [kLanes * num_experts]
  std::vector<std::int32_t> load_;       // [num_ranks], picks of this call.
  std::vector<std::int32_t> counts_;     // [num_slots], picks of each host of the layer.
  std::vector<std::int32_t> levels_;     // [num_ranks]
  std::vector<Cursor> cursors_;          // [num_experts]
  std::vector<Choice> choices_;          // [num_experts]; the first num_choices_ count.
  std::size_t num_choices_ = 0;
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROUTING_REPLICA_ROUTER_H_
