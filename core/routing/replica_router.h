#ifndef BALLAST_CORE_ROUTING_REPLICA_ROUTER_H_
#define BALLAST_CORE_ROUTING_REPLICA_ROUTER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
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
    table_ = std::move(table);
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
  // than `spill_threshold` picks more from this sender, in this layer and step,
  // than the least loaded far one. Unit: picks. 0: balance before locality.
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

  // Adopts the newest table and returns whether there is one.
  bool BeginStep() noexcept;

  // Routes all picks of one layer: experts[i] -> slots[i]. The spans have one size;
  // experts are in range. The order of picks of one expert decides which of them
  // gets which replica, nothing else: the counts per slot depend only on the
  // multiset of picks. Deterministic.
  void PickBatch(LayerId layer, std::span<const ExpertId> experts,
                 std::span<SlotId> slots) noexcept;

  // The table of this step. Needs a successful BeginStep().
  const PlacementTable& table() const noexcept { return *table_; }

 private:
  TableCell& cell_;
  RouterOptions options_;
  std::uint64_t seen_ = 0;
  std::shared_ptr<const PlacementTable> table_;
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROUTING_REPLICA_ROUTER_H_
