#include "client/fleet/plan_board.h"

#include <algorithm>

namespace ballast {
namespace {

std::size_t Entries(int num_layers, const Topology& topology) {
  return static_cast<std::size_t>(topology.num_ranks()) * num_layers * topology.num_slots();
}

}  // namespace

std::size_t PlanBoard::RegionBytes(int num_layers, const Topology& topology) {
  const std::size_t entries = Entries(num_layers, topology);
  return SharedRegion::BytesOf<PlanVersion>(topology.num_ranks()) +
         SharedRegion::BytesOf<ExpertId>(entries) + SharedRegion::BytesOf<std::uint16_t>(entries);
}

PlanBoard::PlanBoard(int num_layers, const Topology& topology, SharedRegion& region)
    : num_layers_(num_layers),
      num_slots_(topology.num_slots()),
      topology_fingerprint_(topology.fingerprint()),
      versions_(region.Take<PlanVersion>(topology.num_ranks())),
      experts_(region.Take<ExpertId>(Entries(num_layers, topology))),
      shares_(region.Take<std::uint16_t>(Entries(num_layers, topology))) {}

void PlanBoard::Write(RankId rank, const PlacementPlan& plan) {
  const std::size_t size = static_cast<std::size_t>(num_layers_) * num_slots_;
  versions_[rank.value] = plan.version;
  std::copy(plan.expert_in_slot.begin(), plan.expert_in_slot.end(),
            experts_.begin() + static_cast<std::ptrdiff_t>(size * rank.value));
  std::copy(plan.share.begin(), plan.share.end(),
            shares_.begin() + static_cast<std::ptrdiff_t>(size * rank.value));
}

PlacementPlan PlanBoard::Read(RankId rank) const {
  const std::size_t size = static_cast<std::size_t>(num_layers_) * num_slots_;
  const auto experts = experts_.subspan(size * rank.value, size);
  const auto shares = shares_.subspan(size * rank.value, size);
  PlacementPlan plan;
  plan.version = versions_[rank.value];
  plan.topology_fingerprint = topology_fingerprint_;
  plan.num_slots = num_slots_;
  plan.expert_in_slot.assign(experts.begin(), experts.end());
  plan.share.assign(shares.begin(), shares.end());
  return plan;
}

}  // namespace ballast
