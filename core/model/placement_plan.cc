#include "core/model/placement_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

absl::Status CheckLayer(const ModelShape& shape, const PlacementPlan& plan, int layer) {
  const absl::Span<const ExpertId> experts = plan.experts(LayerId(layer));
  const absl::Span<const std::uint16_t> shares = plan.shares(LayerId(layer));
  std::vector<int> replica_count(shape.num_experts, 0);
  std::vector<std::uint32_t> share_sum(shape.num_experts, 0);
  for (int slot = 0; slot < plan.num_slots; ++slot) {
    const int expert = experts[slot].value;
    if (expert < 0 || expert >= shape.num_experts) {
      return absl::InvalidArgumentError(absl::StrCat("layer ", layer, ", slot ", slot, ": expert ",
                                                     expert, " out of [0, ", shape.num_experts,
                                                     ")"));
    }
    ++replica_count[expert];
    share_sum[expert] += shares[slot];
  }
  for (int expert = 0; expert < shape.num_experts; ++expert) {
    if (replica_count[expert] == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("layer ", layer, ": expert ", expert, " has no replica"));
    }
    if (share_sum[expert] != kWholeShare) {
      return absl::InvalidArgumentError(absl::StrCat("layer ", layer, ": shares of expert ", expert,
                                                     " sum to ", share_sum[expert], ", not ",
                                                     kWholeShare));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPlan(const ModelShape& shape, const Topology& topology,
                       const PlacementPlan& plan) {
  if (plan.topology_fingerprint != topology.fingerprint()) {
    return absl::FailedPreconditionError(absl::StrCat("plan is for topology ",
                                                      absl::Hex(plan.topology_fingerprint),
                                                      ", this fleet is ",
                                                      absl::Hex(topology.fingerprint())));
  }
  if (plan.num_slots != topology.num_slots()) {
    return absl::InvalidArgumentError(absl::StrCat("plan has ", plan.num_slots,
                                                   " slots a layer, the fleet has ",
                                                   topology.num_slots()));
  }
  const std::size_t size = static_cast<std::size_t>(shape.num_layers) * plan.num_slots;
  if (plan.expert_in_slot.size() != size || plan.share.size() != size) {
    return absl::InvalidArgumentError(
        absl::StrCat("plan has ", plan.expert_in_slot.size(), " slots and ", plan.share.size(),
                     " shares, ", shape.num_layers, " layers need ", size));
  }
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    BALLAST_RETURN_IF_ERROR(CheckLayer(shape, plan, layer));
  }
  return absl::OkStatus();
}

std::vector<int> CountWastedSlots(const Topology& topology, const PlacementPlan& plan) {
  std::vector<int> wasted(plan.num_layers(), 0);
  for (int layer = 0; layer < plan.num_layers(); ++layer) {
    const absl::Span<const ExpertId> experts = plan.experts(LayerId(layer));
    for (int rank = 0; rank < topology.num_ranks(); ++rank) {
      const SlotRange slots = topology.slots_of(RankId(rank));
      const auto begin = experts.begin() + slots.first.value;
      for (auto it = begin + 1; it < begin + slots.count; ++it) {
        wasted[layer] += std::find(begin, it, *it) != it ? 1 : 0;
      }
    }
  }
  return wasted;
}

void SetEqualShares(const ModelShape& shape, PlacementPlan& plan) {
  plan.share.resize(plan.expert_in_slot.size());
  std::vector<std::uint32_t> count(shape.num_experts);
  std::vector<std::uint32_t> seen(shape.num_experts);
  for (int layer = 0; layer < plan.num_layers(); ++layer) {
    std::fill(count.begin(), count.end(), 0);
    std::fill(seen.begin(), seen.end(), 0);
    const absl::Span<const ExpertId> experts = plan.experts(LayerId(layer));
    for (ExpertId expert : experts) ++count[expert.value];
    for (int slot = 0; slot < plan.num_slots; ++slot) {
      const int expert = experts[slot].value;
      const std::uint32_t base = kWholeShare / count[expert];
      const std::uint32_t extra = seen[expert]++ < kWholeShare % count[expert] ? 1 : 0;
      plan.share[static_cast<std::size_t>(layer) * plan.num_slots + slot] =
          static_cast<std::uint16_t>(base + extra);
    }
  }
}

PlacementPlan InitialPlan(const ModelShape& shape, const Topology& topology) {
  BALLAST_CHECK(topology.num_slots() >= shape.num_experts);
  PlacementPlan plan;
  plan.topology_fingerprint = topology.fingerprint();
  plan.num_slots = topology.num_slots();
  plan.expert_in_slot.reserve(static_cast<std::size_t>(shape.num_layers) * plan.num_slots);
  for (int layer = 0; layer < shape.num_layers; ++layer) {
    for (int slot = 0; slot < plan.num_slots; ++slot) {
      plan.expert_in_slot.push_back(ExpertId(slot % shape.num_experts));
    }
  }
  SetEqualShares(shape, plan);
  return plan;
}

Digest PlanDigest(const ModelShape& shape, const PlacementPlan& plan) {
  CanonicalBytes bytes;
  bytes.AppendText("ballast.plan.1");
  bytes.AppendU32(static_cast<std::uint32_t>(shape.num_layers));
  bytes.AppendU32(static_cast<std::uint32_t>(shape.num_experts));
  bytes.AppendU64(plan.topology_fingerprint);
  bytes.AppendU32(static_cast<std::uint32_t>(plan.num_slots));
  for (ExpertId expert : plan.expert_in_slot) {
    bytes.AppendU32(static_cast<std::uint32_t>(expert.value));
  }
  for (std::uint16_t share : plan.share) bytes.AppendU16(share);
  return Sha256(bytes.bytes());
}

PlanId PlanIdOf(const ModelShape& shape, const PlacementPlan& plan) {
  return {plan.version, PlanDigest(shape, plan)};
}

std::vector<SlotChange> Diff(const PlacementPlan& from, const PlacementPlan& to) {
  BALLAST_CHECK(from.num_slots == to.num_slots);
  BALLAST_CHECK(from.expert_in_slot.size() == to.expert_in_slot.size());
  std::vector<SlotChange> changes;
  for (int layer = 0; layer < from.num_layers(); ++layer) {
    const absl::Span<const ExpertId> before = from.experts(LayerId(layer));
    const absl::Span<const ExpertId> after = to.experts(LayerId(layer));
    for (int slot = 0; slot < from.num_slots; ++slot) {
      if (before[slot] != after[slot]) {
        changes.push_back({LayerId(layer), SlotId(slot), before[slot], after[slot]});
      }
    }
  }
  return changes;
}

int MaxChangesOnOneRank(const Topology& topology, absl::Span<const SlotChange> changes) {
  std::vector<int> count(topology.num_ranks(), 0);
  for (const SlotChange& change : changes) ++count[topology.rank_of(change.slot).value];
  return *std::max_element(count.begin(), count.end());
}

}  // namespace ballast
