#ifndef BALLAST_CORE_MODEL_MODEL_SHAPE_H_
#define BALLAST_CORE_MODEL_MODEL_SHAPE_H_

#include <cstdint>

#include "absl/status/status.h"

namespace ballast {

// The MoE part of a model, as far as placement cares. A plain value.
struct ModelShape {
  int num_layers = 0;              // MoE layers only; 1 .. kMaxLayers.
  int num_experts = 0;             // Logical experts per layer, the same in all; 1 .. kMaxExperts.
  int num_expert_groups = 1;       // For group-limited gating; divides num_experts.
  int top_k = 1;                   // Experts per token; 1 .. num_experts.
  std::int64_t expert_bytes = 0;   // Weights of one expert in one layer; 0 if unknown.

  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

// Chosen: 4 x the largest published models (61 layers x 512 experts), so that a
// corrupt message can not make the daemon allocate without bound.
inline constexpr int kMaxLayers = 512;
inline constexpr int kMaxExperts = 4096;

// InvalidArgument that names the field and its value if a range above is left.
// num_expert_groups need not divide num_experts here: the published EPLB allows
// it for its global policy, and the planner that needs it checks it.
absl::Status CheckShape(const ModelShape& shape);

}  // namespace ballast

#endif  // BALLAST_CORE_MODEL_MODEL_SHAPE_H_
