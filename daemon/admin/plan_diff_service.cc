#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ballast/v1/query.pb.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"
#include "core/model/balance.h"
#include "daemon/admin/plan_service.h"
#include "daemon/admin/status_service.h"
#include "daemon/control/load_snapshot.h"
#include "proto/wire/placement_wire.h"

namespace ballast {
namespace {

// Two plans of one group, of equal size, and what they are judged by.
struct Comparison {
  const GroupConfig& config;
  const PlacementPlan& from;
  const PlacementPlan& to;
  const LoadSnapshot* load;  // Null: none is known.
};

std::vector<int> CountReplicas(const PlacementPlan& plan, LayerId layer, int num_experts) {
  std::vector<int> replicas(num_experts, 0);
  for (const ExpertId expert : plan.experts(layer)) ++replicas[expert.value];
  return replicas;
}

void FillReplicas(const Comparison& pair, LayerId layer, v1::LayerDiff* out) {
  const int num_experts = pair.config.shape.num_experts;
  const std::vector<int> before = CountReplicas(pair.from, layer, num_experts);
  const std::vector<int> after = CountReplicas(pair.to, layer, num_experts);
  for (int expert = 0; expert < num_experts; ++expert) {
    if (before[expert] == after[expert]) continue;
    v1::ReplicaChange* change = out->add_replicas();
    change->set_expert(expert);
    change->set_before(before[expert]);
    change->set_after(after[expert]);
  }
}

// Which experts have a replica in which row: [rows][experts].
std::vector<std::vector<bool>> ExpertsOfRows(const GroupConfig& config, const PlacementPlan& plan,
                                             LayerId layer) {
  std::vector<std::vector<bool>> rows(config.topology.num_rows(),
                                      std::vector<bool>(config.shape.num_experts, false));
  const absl::Span<const ExpertId> experts = plan.experts(layer);
  for (int slot = 0; slot < plan.num_slots; ++slot) {
    const RankId rank = config.topology.rank_of(SlotId(slot));
    rows[config.topology.row_of(rank).value][experts[slot].value] = true;
  }
  return rows;
}

// Adds what each rank loads to `changes_on_rank`; returns how many loads cross rows.
int FillMoves(const Comparison& pair, LayerId layer, std::vector<int>& changes_on_rank,
              v1::LayerDiff* out) {
  const Topology& topology = pair.config.topology;
  const std::vector<std::vector<bool>> in_row = ExpertsOfRows(pair.config, pair.from, layer);
  const absl::Span<const ExpertId> before = pair.from.experts(layer);
  const absl::Span<const ExpertId> after = pair.to.experts(layer);
  int cross_row = 0;
  for (int slot = 0; slot < pair.from.num_slots; ++slot) {
    if (before[slot] == after[slot]) continue;
    const RankId rank = topology.rank_of(SlotId(slot));
    v1::SlotMove* move = out->add_moves();
    move->set_slot(slot);
    move->set_rank(rank.value);
    move->set_expert_before(before[slot].value);
    move->set_expert_after(after[slot].value);
    move->set_same_row(in_row[topology.row_of(rank).value][after[slot].value]);
    cross_row += move->same_row() ? 0 : 1;
    ++changes_on_rank[rank.value];
  }
  return cross_row;
}

double LayerImbalance(const Comparison& pair, const PlacementPlan& plan, LayerId layer,
                      int* worst_rank) {
  const std::vector<double> picks = RankPicks(pair.config.topology, pair.load->mean, plan, layer);
  double worst = -1;
  for (int rank = 0; rank < static_cast<int>(picks.size()); ++rank) {
    const double load = picks[rank] / pair.config.topology.relative_speed(RankId(rank));
    if (load > worst) {
      worst = load;
      *worst_rank = rank;
    }
  }
  return BalanceOfRanks(pair.config.topology, picks).imbalance_ratio();
}

void FillImbalance(const Comparison& pair, LayerId layer, v1::LayerDiff* out) {
  int worst_rank = -1;
  if (pair.load != nullptr) {
    out->set_imbalance_before(LayerImbalance(pair, pair.from, layer, &worst_rank));
    out->set_imbalance_after(LayerImbalance(pair, pair.to, layer, &worst_rank));
  }
  out->set_worst_rank(worst_rank);
}

bool SameShares(const Comparison& pair, LayerId layer) {
  return pair.from.shares(layer) == pair.to.shares(layer);
}

struct Totals {
  std::vector<int> changes_on_rank;  // [num_ranks]
  int cross_row = 0;
};

// Adds layers [first, end) to the answer.
Totals FillLayers(const Comparison& pair, int first, int end, v1::PlanDiff* answer) {
  Totals totals{std::vector<int>(pair.config.topology.num_ranks(), 0), 0};
  answer->set_same(true);
  double before = 0;
  double after = 0;
  for (int i = first; i < end; ++i) {
    const LayerId layer(i);
    v1::LayerDiff diff;
    diff.set_layer(i);
    FillImbalance(pair, layer, &diff);
    before += diff.imbalance_before();
    after += diff.imbalance_after();
    totals.cross_row += FillMoves(pair, layer, totals.changes_on_rank, &diff);
    if (diff.moves().empty() && SameShares(pair, layer)) continue;
    answer->set_same(false);
    answer->set_changed_slots(answer->changed_slots() + diff.moves_size());
    answer->set_changed_layers(answer->changed_layers() + (diff.moves().empty() ? 0 : 1));
    FillReplicas(pair, layer, &diff);
    *answer->add_layer_diffs() = std::move(diff);
  }
  answer->set_imbalance_before(before / (end - first));
  answer->set_imbalance_after(after / (end - first));
  return totals;
}

void FillBytes(const GroupConfig& config, const Totals& totals, v1::PlanDiff* answer) {
  const std::int64_t bytes = config.shape.expert_bytes;
  answer->set_moved_bytes(answer->changed_slots() * bytes);
  answer->set_cross_row_bytes(totals.cross_row * bytes);
  answer->set_same_row_bytes(answer->moved_bytes() - answer->cross_row_bytes());
  const auto busiest =
      std::max_element(totals.changes_on_rank.begin(), totals.changes_on_rank.end());
  const bool moves = *busiest > 0;
  answer->set_busiest_rank(
      moves ? static_cast<std::int32_t>(busiest - totals.changes_on_rank.begin()) : -1);
  answer->set_busiest_rank_bytes(*busiest * bytes);
  answer->set_copy_seconds(static_cast<double>(answer->busiest_rank_bytes()) /
                           config.policy.migration_bytes_per_second);
}

absl::Status CheckFits(const GroupConfig& config, const PlanRecord& record) {
  if (IsMadeFor(config, record)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("plan ", PlanIdText(record.id),
                   " was made for another model or fleet than the configuration declares"));
}

}  // namespace

absl::Status AnswerDiff(const QueryServiceParts& parts, const v1::DiffPlansRequest& request,
                        v1::PlanDiff* answer) {
  BALLAST_ASSIGN_OR_RETURN(const GroupHandle* group, ChooseGroup(parts.groups, request.ep_group()));
  const GroupConfig& config = *group->config;
  const int layers = config.shape.num_layers;
  if (request.has_layer() && request.layer() >= static_cast<std::uint32_t>(layers)) {
    return absl::OutOfRangeError(
        absl::StrCat("layer ", request.layer(), " out of [0, ", layers, ")"));
  }
  const PlanVersion to =
      request.has_to() ? DecodePlanVersion(request.to()) : group->rollout->View().decided.version;
  BALLAST_ASSIGN_OR_RETURN(const PlanRecord before,
                           FindPlan(parts, config, DecodePlanVersion(request.from())));
  BALLAST_ASSIGN_OR_RETURN(const PlanRecord after, FindPlan(parts, config, to));
  BALLAST_RETURN_IF_ERROR(CheckFits(config, before));
  BALLAST_RETURN_IF_ERROR(CheckFits(config, after));
  const std::shared_ptr<const LoadSnapshot> load = group->control->Snapshot();
  answer->set_ep_group(config.name);
  EncodePlanId(before.id, answer->mutable_from());
  EncodePlanId(after.id, answer->mutable_to());
  const int first = request.has_layer() ? static_cast<int>(request.layer()) : 0;
  const int end = request.has_layer() ? first + 1 : layers;
  answer->set_layers(end - first);
  answer->set_slots(after.plan.num_slots);
  const Totals totals =
      FillLayers({config, before.plan, after.plan, load.get()}, first, end, answer);
  FillBytes(config, totals, answer);
  return absl::OkStatus();
}

}  // namespace ballast
