#include "client/fleet/sender.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"

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

absl::Status Sender::Send(const TraceStep& tokens, ReplicaRouter& router, const PlacementPlan& plan,
                          absl::Span<std::uint32_t> picks) {
  std::fill(picks.begin(), picks.end(), 0);
  for (int layer = 0; layer < shape_.num_layers; ++layer) {
    RouteLayer(tokens, LayerId(layer), router);
    const auto of_layer = picks.subspan(static_cast<std::size_t>(layer) * topology_.num_slots());
    const absl::Span<const ExpertId> planned = plan.experts(LayerId(layer));
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const SlotId slot = slots_[i];
      if (planned[slot.value] != experts_[i]) {
        return absl::InternalError(absl::StrCat(
            "layer ", layer, ", slot ", slot.value, ": is routed as expert ", experts_[i].value,
            ", holds expert ", planned[slot.value].value, " by the active plan"));
      }
      ++of_layer[slot.value];
    }
  }
  return absl::OkStatus();
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
