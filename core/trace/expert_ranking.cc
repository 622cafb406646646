#include "core/trace/expert_ranking.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

constexpr std::uint16_t kNoPlace = std::numeric_limits<std::uint16_t>::max();

// Where the order of one layer and first choice begins.
std::size_t OrderBegin(const ModelShape& shape, int layer, int first_before) {
  return (static_cast<std::size_t>(layer) * shape.num_experts + first_before) * shape.num_experts;
}

void CountToken(const ModelShape& shape, absl::Span<const std::uint16_t> picks,
                std::vector<std::uint32_t>& counts) {
  int first_before = 0;
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    const auto chosen = picks.subspan(static_cast<std::size_t>(layer) * shape.top_k, shape.top_k);
    for (const std::uint16_t expert : chosen) {
      ++counts[OrderBegin(shape, layer, first_before) + expert];
    }
    first_before = chosen.front();
  }
}

// `places` becomes the inverse of `order`; false if `order` is no permutation.
bool Invert(absl::Span<const std::uint16_t> order, absl::Span<std::uint16_t> places) {
  std::fill(places.begin(), places.end(), kNoPlace);
  for (std::size_t place = 0; place < order.size(); ++place) {
    if (order[place] >= order.size() || places[order[place]] != kNoPlace) return false;
    places[order[place]] = static_cast<std::uint16_t>(place);
  }
  return true;
}

}  // namespace

ExpertRanking ExpertRanking::Build(const ModelShape& shape, absl::Span<const TraceStep> steps) {
  const std::size_t size = OrderBegin(shape, shape.num_layers, 0);
  const std::size_t picks = static_cast<std::size_t>(shape.num_layers) * shape.top_k;
  std::vector<std::uint32_t> counts(size);
  for (const TraceStep& step : steps) {
    for (int token = 0; token < step.num_tokens(); ++token) {
      CountToken(shape, absl::MakeConstSpan(step.experts).subspan(token * picks, picks), counts);
    }
  }
  ExpertRanking ranking;
  ranking.orders_.resize(size);
  ranking.places_.resize(size);
  for (std::size_t begin = 0; begin < size; begin += shape.num_experts) {
    const auto order = absl::MakeSpan(ranking.orders_).subspan(begin, shape.num_experts);
    std::iota(order.begin(), order.end(), std::uint16_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::uint16_t a, std::uint16_t b) {
      return counts[begin + a] > counts[begin + b];
    });
    Invert(order, absl::MakeSpan(ranking.places_).subspan(begin, shape.num_experts));
  }
  return ranking;
}

absl::StatusOr<ExpertRanking> ExpertRanking::FromOrders(const ModelShape& shape,
                                                        std::vector<std::uint16_t> orders) {
  const std::size_t size = OrderBegin(shape, shape.num_layers, 0);
  if (orders.size() != size) {
    return absl::DataLossError(
        absl::StrCat("the ranking has ", orders.size(), " entries instead of ", size));
  }
  ExpertRanking ranking;
  ranking.orders_ = std::move(orders);
  ranking.places_.resize(size);
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    for (int first = 0; first < shape.num_experts; ++first) {
      const std::size_t begin = OrderBegin(shape, layer, first);
      if (Invert(ranking.orders().subspan(begin, shape.num_experts),
                 absl::MakeSpan(ranking.places_).subspan(begin, shape.num_experts))) {
        continue;
      }
      return absl::DataLossError(absl::StrCat("the ranking of layer ", layer, ", first choice ",
                                              first, ", is no order of the experts"));
    }
  }
  return ranking;
}

void ExpertRanking::ToPlaces(const ModelShape& shape, absl::Span<std::uint16_t> picks) const {
  if (empty()) return;
  int first_before = 0;
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    const auto chosen = picks.subspan(static_cast<std::size_t>(layer) * shape.top_k, shape.top_k);
    const int first = chosen.front();
    for (std::uint16_t& pick : chosen) {
      pick = places_[OrderBegin(shape, layer, first_before) + pick];
    }
    first_before = first;
  }
}

bool ExpertRanking::ToExperts(const ModelShape& shape, absl::Span<std::uint16_t> picks) const {
  if (empty()) return true;
  int first_before = 0;
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    const auto chosen = picks.subspan(static_cast<std::size_t>(layer) * shape.top_k, shape.top_k);
    for (std::uint16_t& pick : chosen) {
      if (pick >= shape.num_experts) return false;
      pick = orders_[OrderBegin(shape, layer, first_before) + pick];
    }
    first_before = chosen.front();
  }
  return true;
}

}  // namespace ballast
