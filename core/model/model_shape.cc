#include "core/model/model_shape.h"

#include "absl/strings/str_cat.h"

namespace ballast {
namespace {

absl::Status CheckRange(absl::string_view field, std::int64_t value, std::int64_t low,
                        std::int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " ", value, " is not in [", low, ", ", high, "]"));
}

}  // namespace

absl::Status CheckShape(const ModelShape& shape) {
  absl::Status status = CheckRange("layers", shape.num_layers, 1, kMaxLayers);
  status.Update(CheckRange("experts", shape.num_experts, 1, kMaxExperts));
  status.Update(CheckRange("expert_groups", shape.num_expert_groups, 1, shape.num_experts));
  status.Update(CheckRange("top_k", shape.top_k, 1, shape.num_experts));
  status.Update(CheckRange("expert_bytes", shape.expert_bytes, 0, std::int64_t{1} << 40));
  return status;
}

}  // namespace ballast
