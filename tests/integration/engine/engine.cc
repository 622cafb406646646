// Serves two steps without a daemon, as an engine does that the package was installed for.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "client/worker/move_list.h"
#include "client/worker/worker_session.h"

namespace {

class NoWeights final : public ballast::WeightLoader {
 public:
  std::optional<ballast::Nack> Stage(const ballast::StageRequest&,
                                     ballast::StageControl&) override {
    return std::nullopt;
  }
  void Activate(const ballast::PlanId&) noexcept override {}
  void Retire(const ballast::PlanId&) override {}
  void Drop(const ballast::PlanId&) override {}
};

}  // namespace

int main() {
  NoWeights weights;
  ballast::WorkerOptions options;
  options.daemon_address = "127.0.0.1:1";
  options.rank = ballast::RankId(1);
  options.shape = {2, 4, 1, 1, 1};
  auto session =
      ballast::WorkerSession::Create(options, *ballast::Topology::Uniform(2, 2, 2), weights);
  if (!session.ok()) return 1;
  const std::vector<ballast::ExpertId> experts = {ballast::ExpertId(0), ballast::ExpertId(3)};
  std::vector<ballast::SlotId> slots(experts.size());
  for (std::uint64_t step = 0; step < 2; ++step) {
    (*session)->BeginStep(step);
    (*session)->router().PickBatch(ballast::LayerId(0), experts, slots);
    (*session)->OnVote((*session)->Vote());
    (*session)->EndStep(step);
  }
  std::printf("slots %d %d\n", slots[0].value, slots[1].value);
  return 0;
}
