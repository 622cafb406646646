#include "client/fleet/sender.h"

#include <algorithm>
#include <cstddef>

namespace ballast {

void Sender::RouteLayer(const TraceStep& tokens, LayerId layer, ReplicaRouter& router) {
  experts_.clear();
  const std::size_t per_token = static_cast<std::size_t>(shape_.num_layers) * shape_.top_k;
  for (int token = 0; token < tokens.num_tokens(); ++token) {
    const std::size_t first =
        token * per_token + static_cast<std::size_t>(layer.value) * shape_.top_k;
    for (int k = 0; k < shape_.top_k; ++k) experts_.emplace_back(tokens.experts[first + k]);
  }
  slots_.resize(experts_.size());
  router.PickBatch(layer, experts_, slots_);
}

void Sender::Send(const TraceStep& tokens, ReplicaRouter& router, absl::Span<std::uint32_t> picks) {
  std::fill(picks.begin(), picks.end(), 0);
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    RouteLayer(tokens, LayerId(layer), router);
    const auto of_layer = picks.subspan(static_cast<std::size_t>(layer) * topology_.num_slots());
    for (const SlotId slot : slots_) ++of_layer[slot.value];
  }
}

void Sender::SendToRanks(const TraceStep& tokens, ReplicaRouter& router,
                         absl::Span<std::uint32_t> picks) {
  std::fill(picks.begin(), picks.end(), 0);
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    RouteLayer(tokens, LayerId(layer), router);
    const auto of_layer = picks.subspan(static_cast<std::size_t>(layer) * topology_.num_ranks());
    for (const SlotId slot : slots_) ++of_layer[topology_.rank_of(slot).value];
  }
}

}  // namespace ballast
