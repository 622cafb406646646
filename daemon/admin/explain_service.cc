#include "daemon/admin/explain_service.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ballast/v1/query.pb.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"
#include "daemon/admin/status_service.h"
#include "proto/wire/placement_wire.h"

namespace ballast {
namespace {

double UnixSeconds(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

void FillDecision(const DecisionRecord& record, v1::Decision* out) {
  out->set_number(record.number);
  out->set_solved_unix_seconds(UnixSeconds(record.solved));
  out->set_step(record.step);
  EncodePlanId(record.base, out->mutable_base());
  EncodePlanId({record.plan, record.plan_digest}, out->mutable_plan());
  out->set_input_digest(DigestHex(record.input_digest));
  out->set_planner(record.planner);
  out->set_branch(record.branch);
  out->set_straggler_load_now(record.straggler_load_now);
  out->set_straggler_load_new(record.straggler_load_new);
  out->set_imbalance_now(record.imbalance_now);
  out->set_imbalance_new(record.imbalance_new);
  out->set_imbalance_initial(record.imbalance_initial);
  out->set_balancedness_now(record.balancedness_now);
  out->set_balancedness_new(record.balancedness_new);
  out->set_lower_bound(record.lower_bound);
  out->set_gap(record.gap());
  out->set_gain(record.gain);
  out->set_required_gain(record.required_gain);
  out->set_benefit_seconds(record.benefit_seconds);
  out->set_cost_seconds(record.cost_seconds);
  out->set_moved_slots(static_cast<std::uint32_t>(record.moved_slots));
  out->set_same_row_bytes(record.same_row_bytes);
  out->set_cross_row_bytes(record.cross_row_bytes);
  out->set_busiest_rank_bytes(record.busiest_rank_bytes);
  out->set_solve_milliseconds(record.solve_milliseconds);
  out->set_reason(record.reason);
  out->set_outcome(record.outcome);
}

void FillRollout(const RolloutView& rollout, absl::Duration now, v1::Explanation* answer) {
  EncodePlanId(rollout.decided, answer->mutable_decided());
  answer->set_decided_unix_seconds(UnixSeconds(rollout.decided_when));
  answer->set_phase(GroupPhaseName(rollout.phase));
  answer->set_phase_age_seconds(absl::ToDoubleSeconds(now - rollout.phase_since));
  answer->set_waiting_for(rollout.waiting_for);
  answer->set_ranks(static_cast<std::uint32_t>(rollout.workers.size()));
  for (std::size_t rank = 0; rank < rollout.workers.size(); ++rank) {
    const WorkerView& worker = rollout.workers[rank];
    if (HasSession(worker.state) && !worker.silent) continue;
    answer->add_missing_ranks(static_cast<std::uint32_t>(rank));
  }
}

void FillLoad(const GroupConfig& config, const RolloutView& rollout, const LoadView& load,
              absl::Duration now, v1::Explanation* answer) {
  answer->set_hold(SolveHoldName(load.hold));
  answer->set_coverage(load.coverage);
  answer->set_min_coverage(config.policy.min_coverage);
  answer->set_stale_after_seconds(absl::ToDoubleSeconds(config.load.stale_after));
  for (std::size_t rank = 0; rank < load.last_report.size(); ++rank) {
    if (rollout.workers[rank].state == RankState::kLeft) continue;
    if (now - load.last_report[rank] <= config.load.stale_after) continue;
    answer->add_silent_ranks(static_cast<std::uint32_t>(rank));
  }
  answer->set_batches(load.batches);
  answer->set_min_batches(config.policy.min_batches);
  // A fleet that began anew counts from 0 again.
  answer->set_steps_since_solve(load.min_last_step - std::min(load.min_last_step, load.solve_step));
  answer->set_solve_every_steps(config.policy.solve_every_steps);
  answer->set_seconds_since_solve(absl::ToDoubleSeconds(now - load.solve_time));
  if (config.policy.solve_every != absl::InfiniteDuration()) {
    answer->set_solve_every_seconds(absl::ToDoubleSeconds(config.policy.solve_every));
  }
  answer->set_min_interval_seconds(absl::ToDoubleSeconds(config.policy.min_interval));
  answer->set_solves(load.solves);
}

}  // namespace

absl::Status AnswerExplain(const QueryServiceParts& parts, const v1::ExplainRequest& request,
                           v1::Explanation* answer) {
  BALLAST_ASSIGN_OR_RETURN(const GroupHandle* group, ChooseGroup(parts.groups, request.ep_group()));
  const absl::Duration now = parts.clock.Uptime();
  const RolloutView rollout = group->rollout->View();
  answer->set_ep_group(group->config->name);
  answer->set_now_unix_seconds(UnixSeconds(parts.clock.WallNow()));
  FillRollout(rollout, now, answer);
  FillLoad(*group->config, rollout, group->control->View(), now, answer);
  const std::uint32_t limit = std::clamp<std::uint32_t>(request.limit(), 1, kMaxExplained);
  BALLAST_ASSIGN_OR_RETURN(const std::vector<DecisionRecord> decisions,
                           parts.store.Decisions(group->config->name, static_cast<int>(limit)));
  for (const DecisionRecord& record : decisions) FillDecision(record, answer->add_decisions());
  return absl::OkStatus();
}

}  // namespace ballast
