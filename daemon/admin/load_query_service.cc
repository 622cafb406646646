#include "daemon/admin/load_query_service.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "ballast/v1/query.pb.h"
#include "core/base/status_macros.h"
#include "core/model/balance.h"
#include "daemon/admin/status_service.h"
#include "proto/wire/placement_wire.h"

namespace ballast {
namespace {

// Sums over the layers of the answer.
struct Sums {
  explicit Sums(int num_ranks) : estimated(num_ranks, 0.0), measured(num_ranks, 0.0) {}

  std::vector<double> estimated;  // [num_ranks], picks per step.
  std::vector<double> measured;   // [num_ranks]
  double imbalance_estimated = 0;
  double imbalance_measured = 0;
};

void AddTo(std::vector<double>& sums, absl::Span<const double> values) {
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += values[i];
}

void FillExperts(const LoadSnapshot& snapshot, const PlacementPlan& plan, LayerId layer,
                 v1::LayerLoad* out) {
  const absl::Span<const double> picks = snapshot.mean.layer(layer);
  out->mutable_expert_picks()->Add(picks.begin(), picks.end());
  if (snapshot.last_batch.num_layers() > 0) {
    const absl::Span<const double> batch = snapshot.last_batch.layer(layer);
    out->mutable_batch_expert_picks()->Add(batch.begin(), batch.end());
  }
  std::vector<std::uint32_t> replicas(picks.size(), 0);
  for (const ExpertId expert : plan.experts(layer)) ++replicas[expert.value];
  out->mutable_expert_replicas()->Add(replicas.begin(), replicas.end());
}

void FillLayer(const GroupConfig& config, const LoadSnapshot& snapshot, const PlacementPlan& plan,
               LayerId layer, Sums& sums, v1::LayerLoad* out) {
  const std::vector<double> estimated = RankPicks(config.topology, snapshot.mean, plan, layer);
  out->set_layer(static_cast<std::uint32_t>(layer.value));
  out->set_imbalance_estimated(BalanceOfRanks(config.topology, estimated).imbalance_ratio());
  AddTo(sums.estimated, estimated);
  sums.imbalance_estimated += out->imbalance_estimated();
  if (!snapshot.measured.empty()) {
    const std::size_t ranks = estimated.size();
    const absl::Span<const double> measured =
        absl::MakeConstSpan(snapshot.measured).subspan(layer.value * ranks, ranks);
    out->set_imbalance_measured(BalanceOfRanks(config.topology, measured).imbalance_ratio());
    AddTo(sums.measured, measured);
    sums.imbalance_measured += out->imbalance_measured();
  }
  FillExperts(snapshot, plan, layer, out);
}

// Picks over the mean of what the ranks receive, both by speed; 0 without load.
double RatioOf(const Topology& topology, const std::vector<double>& picks, RankId rank) {
  double speeds = 0;
  for (int other = 0; other < topology.num_ranks(); ++other) {
    speeds += topology.relative_speed(RankId(other));
  }
  const double total = std::accumulate(picks.begin(), picks.end(), 0.0);
  if (total <= 0) return 0;
  return picks[rank.value] * speeds / (total * topology.relative_speed(rank));
}

void FillRanks(const GroupConfig& config, const LoadView& load, const Sums& sums,
               absl::Duration now, v1::GroupLoad* answer) {
  for (int index = 0; index < config.topology.num_ranks(); ++index) {
    const RankId rank(index);
    v1::RankLoad* out = answer->add_ranks();
    out->set_rank(static_cast<std::uint32_t>(index));
    out->set_row(static_cast<std::uint32_t>(config.topology.row_of(rank).value));
    out->set_slots(static_cast<std::uint32_t>(config.topology.slots_of(rank).count));
    out->set_speed(config.topology.relative_speed(rank));
    out->set_picks_estimated(sums.estimated[index]);
    out->set_ratio_estimated(RatioOf(config.topology, sums.estimated, rank));
    out->set_picks_measured(sums.measured[index]);
    out->set_ratio_measured(RatioOf(config.topology, sums.measured, rank));
    const bool reported = load.last_report[index] > -absl::InfiniteDuration();
    out->set_last_report_age_seconds(reported ? absl::ToDoubleSeconds(now - load.last_report[index])
                                              : -1);
  }
}

// The head, which is there before any load is.
void FillGroup(const GroupConfig& config, const LoadView& load, const RolloutFacts& facts,
               v1::GroupLoad* answer) {
  answer->set_ep_group(config.name);
  EncodeModelShape(config.shape, answer->mutable_shape());
  answer->set_planner(config.planner);
  EncodePlanId(facts.decided, answer->mutable_plan());
  answer->set_observe_only(config.policy.observe_only);
  answer->set_coverage(load.coverage);
  answer->set_batch_age_seconds(-1);
}

}  // namespace

absl::Status AnswerLoad(const QueryServiceParts& parts, const v1::GetLoadRequest& request,
                        v1::GroupLoad* answer) {
  BALLAST_ASSIGN_OR_RETURN(const GroupHandle* group, ChooseGroup(parts.groups, request.ep_group()));
  const GroupConfig& config = *group->config;
  const int num_layers = config.shape.num_layers;
  if (request.has_layer() && request.layer() >= static_cast<std::uint32_t>(num_layers)) {
    return absl::OutOfRangeError(
        absl::StrCat("layer ", request.layer(), " out of [0, ", num_layers, ")"));
  }
  const absl::Duration now = parts.clock.Uptime();
  const LoadView load = group->control->View();
  const RolloutFacts facts = group->rollout->Facts();
  FillGroup(config, load, facts, answer);
  Sums sums(config.topology.num_ranks());
  const std::shared_ptr<const LoadSnapshot> snapshot = group->control->Snapshot();
  if (snapshot != nullptr) {
    answer->set_batches(snapshot->batches);
    answer->set_step(snapshot->step);
    answer->set_batch_age_seconds(absl::ToDoubleSeconds(now - snapshot->closed));
    const int first = request.has_layer() ? static_cast<int>(request.layer()) : 0;
    const int end = request.has_layer() ? first + 1 : num_layers;
    for (int layer = first; layer < end; ++layer) {
      FillLayer(config, *snapshot, *facts.decided_plan, LayerId(layer), sums, answer->add_layers());
    }
    answer->set_imbalance_estimated(sums.imbalance_estimated / (end - first));
    answer->set_imbalance_measured(sums.imbalance_measured / (end - first));
  }
  FillRanks(config, load, sums, now, answer);
  return absl::OkStatus();
}

}  // namespace ballast
