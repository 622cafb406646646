#ifndef BALLAST_CORE_TRACE_EXPERT_RANKING_H_
#define BALLAST_CORE_TRACE_EXPERT_RANKING_H_

// Makes expert ids compress well. Private to core/trace and its tests.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/model_shape.h"
#include "core/trace/trace_file.h"

namespace ballast {

// The experts of each layer by descending likelihood, given the first choice of the same
// token in the layer before. Trace files store places in this order instead of ids:
// small numbers are frequent, which takes a fifth off a real trace (measured on
// gpt-oss-20b: 4.98 bits an id as they are, 4.50 by popularity alone, 3.55 this way).
//
// Immutable.
class ExpertRanking {
 public:
  // The empty ranking: places are ids.
  ExpertRanking() = default;

  // Counted over `steps`, which must pass CheckStep(). Ties go to the lower id.
  static ExpertRanking Build(const ModelShape& shape, absl::Span<const TraceStep> steps);

  // From stored orders, [num_layers * num_experts * num_experts] as in orders().
  // DataLoss, naming layer and first choice, if one is no permutation of the experts.
  static absl::StatusOr<ExpertRanking> FromOrders(const ModelShape& shape,
                                                  std::vector<std::uint16_t> orders);

  bool empty() const { return orders_.empty(); }

  // [num_layers][first choice before][place]: the expert. Layer 0 has no layer before:
  // it uses first choice 0.
  absl::Span<const std::uint16_t> orders() const { return orders_; }

  // Places of the ids of one token, [num_layers * top_k], and back. ToExperts() returns
  // false, with `picks` in between, if a place is not below num_experts.
  void ToPlaces(const ModelShape& shape, absl::Span<std::uint16_t> picks) const;
  bool ToExperts(const ModelShape& shape, absl::Span<std::uint16_t> picks) const;

 private:
  std::vector<std::uint16_t> orders_;  // [num_layers * num_experts * num_experts]
  std::vector<std::uint16_t> places_;  // The inverse of each order, of the same shape.
};

}  // namespace ballast

#endif  // BALLAST_CORE_TRACE_EXPERT_RANKING_H_
