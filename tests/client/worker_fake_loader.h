#ifndef BALLAST_TESTS_CLIENT_WORKER_FAKE_LOADER_H_
#define BALLAST_TESTS_CLIENT_WORKER_FAKE_LOADER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/worker/weight_loader.h"
#include "core/base/clock.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"

namespace ballast {

// A loader with memory: each slot of the rank holds the number of an expert, and a
// switch is done in place, move after move, so a wrong order leaves wrong weights. It
// notes every call and can be told to fail or to wait. Thread-safe.
class FakeLoader final : public WeightLoader {
 public:
  FakeLoader(const Topology& topology, RankId rank, const PlacementPlan& plan)
      : own_(topology.slots_of(rank)), slots_(OwnExperts(plan)) {}

  // What the own slots hold: [num_layers * own slots].
  std::vector<ExpertId> slots() const {
    absl::MutexLock lock(&mutex_);
    return slots_;
  }
  // The own part of a plan, to compare with slots().
  std::vector<ExpertId> OwnExperts(const PlacementPlan& plan) const {
    std::vector<ExpertId> experts;
    for (int layer = 0; layer < plan.num_layers(); ++layer) {
      const auto all = plan.experts(LayerId(layer));
      experts.insert(experts.end(), all.begin() + own_.first.value,
                     all.begin() + own_.first.value + own_.count);
    }
    return experts;
  }
  // Of the newest Stage() that came to its end.
  std::vector<SlotMove> moves() const {
    absl::MutexLock lock(&mutex_);
    return moves_;
  }
  // "stage", "activate", "retire", "drop" with the plan's sequence: "stage 3".
  std::vector<std::string> calls() const {
    absl::MutexLock lock(&mutex_);
    return calls_;
  }

  // Stage() waits until Release() or a cancel.
  void Block() {
    absl::MutexLock lock(&mutex_);
    blocked_ = true;
  }
  void Release() {
    absl::MutexLock lock(&mutex_);
    blocked_ = false;
  }
  // Reports this many bytes more of the load that is blocked.
  void Progress(std::uint64_t bytes) {
    absl::MutexLock lock(&mutex_);
    if (control_ != nullptr) control_->AddProgress(bytes);
  }
  void FailWith(std::optional<Nack> nack) {
    absl::MutexLock lock(&mutex_);
    nack_ = std::move(nack);
  }
  // Waits until this call was made; false after `patience`.
  bool AwaitCall(const std::string& call, absl::Duration patience) const {
    absl::MutexLock lock(&mutex_);
    const auto made = [&] {
      for (const std::string& each : calls_) {
        if (each == call) return true;
      }
      return false;
    };
    return RealClock().WaitUntil(mutex_, absl::Condition(&made), RealClock().Uptime() + patience);
  }

  std::optional<Nack> Stage(const StageRequest& request, StageControl& control) override {
    absl::MutexLock lock(&mutex_);
    Note("stage", request.plan);
    control.AddProgress(100);
    control_ = &control;
    const auto go_on = [&] { return !blocked_ || control.cancelled(); };
    // Nothing wakes it when the load is cancelled.
    while (!RealClock().WaitUntil(mutex_, absl::Condition(&go_on),
                                  RealClock().Uptime() + absl::Milliseconds(1))) {
    }
    control_ = nullptr;
    moves_ = request.moves;
    for (const SlotMove& move : moves_) {
      if (move.through_staging) staging_[{move.layer, move.slot}] = move.expert;
    }
    control.AddProgress(100);
    return nack_;
  }

  void Activate(const PlanId& plan) noexcept override {
    absl::MutexLock lock(&mutex_);
    Note("activate", plan);
    for (const SlotMove& move : moves_) {
      slots_[Offset(move.layer, move.slot)] = move.through_staging
                                                  ? staging_.at({move.layer, move.slot})
                                                  : slots_[Offset(move.layer, move.source)];
    }
    moves_.clear();
  }

  void Retire(const PlanId& plan) override {
    absl::MutexLock lock(&mutex_);
    Note("retire", plan);
    staging_.clear();
  }

  void Drop(const PlanId& plan) override {
    absl::MutexLock lock(&mutex_);
    Note("drop", plan);
    staging_.clear();
    moves_.clear();
  }

 private:
  std::size_t Offset(LayerId layer, SlotId slot) const {
    return static_cast<std::size_t>(layer.value * own_.count + slot.value - own_.first.value);
  }
  void Note(const char* call, const PlanId& plan) {
    calls_.push_back(std::string(call) + " " + std::to_string(plan.version.sequence));
  }

  const SlotRange own_;
  mutable absl::Mutex mutex_;
  std::vector<ExpertId> slots_;
  std::map<std::pair<LayerId, SlotId>, ExpertId> staging_;
  std::vector<SlotMove> moves_;
  std::vector<std::string> calls_;
  std::optional<Nack> nack_;
  bool blocked_ = false;
  StageControl* control_ = nullptr;  // Of the load under way.
};

}  // namespace ballast

#endif  // BALLAST_TESTS_CLIENT_WORKER_FAKE_LOADER_H_
