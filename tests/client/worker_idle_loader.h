#ifndef BALLAST_TESTS_CLIENT_WORKER_IDLE_LOADER_H_
#define BALLAST_TESTS_CLIENT_WORKER_IDLE_LOADER_H_

#include <optional>

#include "client/worker/weight_loader.h"

namespace ballast {

// A loader that is done at once: for tests and benchmarks in which no weights move. Thread-safe.
class IdleLoader final : public WeightLoader {
 public:
  std::optional<Nack> Stage(const StageRequest&, StageControl&) override { return std::nullopt; }
  void Activate(const PlanId&) noexcept override {}
  void Retire(const PlanId&) override {}
  void Drop(const PlanId&) override {}
};

}  // namespace ballast

#endif  // BALLAST_TESTS_CLIENT_WORKER_IDLE_LOADER_H_
