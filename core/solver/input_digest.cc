#include "core/solver/input_digest.h"

#include <cstdint>

#include "core/base/fingerprint.h"

namespace ballast {

Digest PlanInputDigest(absl::string_view planner, const PlanRequest& request) {
  CanonicalBytes bytes;
  bytes.AppendText("ballast.plan_input.1");
  bytes.AppendText(planner);
  bytes.AppendU32(static_cast<std::uint32_t>(request.shape.num_layers));
  bytes.AppendU32(static_cast<std::uint32_t>(request.shape.num_experts));
  bytes.AppendU32(static_cast<std::uint32_t>(request.shape.num_expert_groups));
  bytes.AppendU32(static_cast<std::uint32_t>(request.shape.top_k));
  bytes.AppendU64(static_cast<std::uint64_t>(request.shape.expert_bytes));
  bytes.AppendU64(request.topology.fingerprint());
  bytes.AppendU32(static_cast<std::uint32_t>(request.load.num_layers()));
  bytes.AppendU32(static_cast<std::uint32_t>(request.load.num_experts()));
  for (double picks : request.load.values()) bytes.AppendDouble(picks);
  if (request.current == nullptr) {
    bytes.AppendText("");
  } else {
    const Digest digest = PlanDigest(request.shape, *request.current);
    bytes.AppendText({reinterpret_cast<const char*>(digest.data()), digest.size()});
  }
  bytes.AppendU32(static_cast<std::uint32_t>(request.options.policy));
  bytes.AppendU32(static_cast<std::uint32_t>(request.options.ties));
  bytes.AppendU64(request.options.seed);
  return Sha256(bytes.bytes());
}

}  // namespace ballast
