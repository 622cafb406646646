#include "daemon/publish/hello_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace ballast {
namespace {

template <typename T>
void Compare(int rank, absl::string_view field, const T& worker, const T& configured,
             absl::Status* status) {
  if (worker == configured) return;
  status->Update(
      absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": worker has ", field, " ", worker,
                                              ", the configuration says ", configured)));
}

}  // namespace

absl::Status CheckHello(const GroupConfig& config, const WorkerHello& hello) {
  const int rank = hello.state.rank.value;
  const Topology& topology = config.topology;
  if (hello.protocol_min > kProtocolVersion || hello.protocol_max < kProtocolVersion) {
    return absl::InvalidArgumentError(absl::StrCat("rank ", rank, ": worker speaks protocol ",
                                                   hello.protocol_min, " to ", hello.protocol_max,
                                                   ", this daemon ", kProtocolVersion));
  }
  if (rank < 0 || rank >= topology.num_ranks()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rank ", rank, " out of [0, ", topology.num_ranks(), ") of group ", config.name));
  }
  absl::Status status;
  Compare(rank, "world size", hello.world_size, topology.num_ranks(), &status);
  Compare(rank, "layers", hello.shape.num_layers, config.shape.num_layers, &status);
  Compare(rank, "experts", hello.shape.num_experts, config.shape.num_experts, &status);
  Compare(rank, "expert groups", hello.shape.num_expert_groups, config.shape.num_expert_groups,
          &status);
  Compare(rank, "top_k", hello.shape.top_k, config.shape.top_k, &status);
  if (hello.shape.expert_bytes != 0 && config.shape.expert_bytes != 0) {
    Compare(rank, "expert bytes", hello.shape.expert_bytes, config.shape.expert_bytes, &status);
  }
  Compare(rank, "row", hello.row.value, topology.row_of(RankId(rank)).value, &status);
  Compare(rank, "slots", hello.num_slots, topology.slots_of(RankId(rank)).count, &status);
  Compare(rank, "relative speed", hello.relative_speed, topology.relative_speed(RankId(rank)),
          &status);
  if (hello.topology_fingerprint != 0) {
    Compare(rank, "topology", absl::StrCat(absl::Hex(hello.topology_fingerprint)),
            absl::StrCat(absl::Hex(topology.fingerprint())), &status);
  }
  if (std::find(hello.modes.begin(), hello.modes.end(), ActivationMode::kInBand) ==
      hello.modes.end()) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("rank ", rank, ": worker does not offer the activation mode IN_BAND")));
  }
  return status;
}

}  // namespace ballast
