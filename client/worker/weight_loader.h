#ifndef BALLAST_CLIENT_WORKER_WEIGHT_LOADER_H_
#define BALLAST_CLIENT_WORKER_WEIGHT_LOADER_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "client/worker/move_list.h"
#include "core/base/ids.h"
#include "core/rollout/nack.h"

namespace ballast {

// The loader's line to the session while it stages. Thread-safe.
class StageControl {
 public:
  // The plan is not wanted any more: return soon, what is returned does not matter.
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  // `bytes` more are loaded. The daemon extends its deadline by what it sees here, so
  // report at least once a second.
  void AddProgress(std::uint64_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }

  void Cancel() { cancelled_.store(true, std::memory_order_release); }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
  std::atomic<std::uint64_t> bytes_{0};
};

struct StageRequest {
  PlanId plan;
  std::int64_t expert_bytes = 0;  // As in the shape; 0: unknown.
  std::vector<SlotMove> moves;    // Own rank; empty if only other ranks change.
};

// Moves expert weights for one rank; the engine implements it. Life of a plan:
//
//   Stage --ok--> Activate --> Retire        the group switched
//   Stage --ok--> Drop                       aborted, or a newer plan came
//   Stage --nack or cancelled--> Drop        always
//
// One plan at a time: no two calls overlap, and the next Stage() comes after Retire() or
// Drop() of the plan before. Stage, Drop and Retire run on the session's loader thread
// and may block; Activate runs on the engine thread.
//
// Memory: the slots that go through staging (SpareSlotsNeeded() per layer, at most the
// rank's slots) x expert_bytes, from Stage() to Retire() or Drop().
class WeightLoader {
 public:
  virtual ~WeightLoader() = default;

  // Copies the weights of every move with `through_staging` from its source into spare
  // memory, and checks them (canary). Must not touch a slot: the active plan still
  // routes to all of them. nullopt: all is staged, Activate() can not fail any more.
  // Otherwise NO_MEMORY, WEIGHT_SOURCE_MISSING, COPY_FAILED or CANARY_FAILED, with the
  // layer, slot, expert and source in the detail.
  virtual std::optional<Nack> Stage(const StageRequest& request, StageControl& control) = 0;

  // The step that begins uses the staged plan: exchange the pointers, or apply the moves
  // in order. Engine thread, inside BeginStep(): the serving step waits for it. The
  // digest is the staged one; the version may be newer than at Stage(). May not fail.
  virtual void Activate(const PlanId& plan) noexcept = 0;

  // All ranks run `plan`, or the next one is about to be staged, or the session ends: free
  // what only the plan before it needed. Once per activation.
  virtual void Retire(const PlanId& plan) = 0;

  // Forget the plan of the last Stage() and free its memory.
  virtual void Drop(const PlanId& plan) = 0;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_WEIGHT_LOADER_H_
