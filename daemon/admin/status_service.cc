#include "daemon/admin/status_service.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "ballast/v1/query.pb.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "daemon/admin/group_alarms.h"
#include "daemon/observe/event_observer.h"
#include "daemon/observe/version.h"
#include "proto/wire/placement_wire.h"
#include "proto/wire/query_names.h"

namespace ballast {
namespace {

double UnixSeconds(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

// One moment on both clocks.
struct Moment {
  absl::Time wall;
  absl::Duration uptime;
};

Moment Now(const QueryServiceParts& parts) { return {parts.clock.WallNow(), parts.clock.Uptime()}; }

absl::Status UnknownGroup(const GroupDirectory& groups, const std::string& name) {
  return absl::NotFoundError(
      absl::StrCat("no EP group '", name, "' is configured; there are: ", groups.Names()));
}

void FillWorker(const GroupHandle& group, int rank, const RolloutView& rollout,
                const LoadView& load, const Moment& moment, v1::WorkerStatus* out) {
  const absl::Duration now = moment.uptime;
  const WorkerView& worker = rollout.workers[rank];
  out->set_rank(rank);
  out->set_row(group.config->topology.row_of(RankId(rank)).value);
  out->set_state(WorkerStateName(worker.state));
  out->set_incarnation(worker.incarnation);
  EncodePlanId(worker.active, out->mutable_active());
  if (worker.held.has_value()) EncodePlanId(*worker.held, out->mutable_held());
  const bool reported = rank < static_cast<int>(load.last_report.size()) &&
                        load.last_report[rank] > -absl::InfiniteDuration();
  out->set_last_report_age_seconds(reported ? absl::ToDoubleSeconds(now - load.last_report[rank])
                                            : -1);
  out->set_step(std::max(worker.step, reported ? load.last_step[rank] : 0));
  std::vector<std::string> details;
  if (!worker.detail.empty()) details.push_back(worker.detail);
  if (worker.refused.has_value()) {
    details.push_back(RefusalText(*worker.refused, now));
    out->set_refused(worker.refused->reason);
    out->set_refused_unix_seconds(UnixSeconds(moment.wall - (now - worker.refused->at)));
  }
  const std::optional<std::string> reports = group.control->RefusalOf(RankId(rank));
  if (reports.has_value()) details.push_back(*reports);
  out->set_detail(absl::StrJoin(details, "; "));
}

void FillRollout(const GroupHandle& group, const RolloutView& rollout, absl::Duration now,
                 v1::GroupStatus* status) {
  status->set_ranks(group.config->topology.num_ranks());
  status->set_ranks_connected(rollout.connected);
  status->set_ranks_active(static_cast<std::uint32_t>(
      std::count_if(rollout.workers.begin(), rollout.workers.end(), [&](const WorkerView& worker) {
        return HasSession(worker.state) && worker.active.digest == rollout.decided.digest;
      })));
  EncodePlanId(rollout.decided, status->mutable_decided());
  status->set_decided_unix_seconds(UnixSeconds(rollout.decided_when));
  status->set_imbalance_planned(rollout.imbalance_planned);
  status->set_active_everywhere(rollout.active_everywhere);
  if (rollout.candidate.has_value()) EncodePlanId(*rollout.candidate, status->mutable_candidate());
  status->set_phase(GroupPhaseName(rollout.phase));
  status->set_phase_age_seconds(absl::ToDoubleSeconds(now - rollout.phase_since));
  status->set_waiting_for(rollout.waiting_for);
  status->set_prepare_timeout_seconds(absl::ToDoubleSeconds(group.config->rollout.prepare_timeout));
  status->set_membership_gen(rollout.membership_gen);
  status->set_plans_adopted(rollout.plans_adopted);
  status->set_moved_slots_total(rollout.moved_slots);
  if (!rollout.pause.paused) return;
  status->set_paused(true);
  status->set_paused_by(rollout.pause.who);
  status->set_paused_reason(rollout.pause.reason);
  status->set_paused_unix_seconds(UnixSeconds(rollout.pause.when));
}

void FillLoad(const LoadView& load, v1::GroupStatus* status) {
  status->set_imbalance_measured(load.layer_imbalance.empty() ? 0 : load.imbalance_measured);
  status->set_step(load.min_last_step);
  status->set_coverage(load.coverage);
  status->set_hold(SolveHoldName(load.hold));
  status->set_solves(load.solves);
  if (!load.last_solve.has_value()) return;
  status->set_imbalance_initial(load.last_solve->imbalance_initial);
  status->set_last_decision(DecisionText(*load.last_solve));
}

void FillGroup(const GroupHandle& group, const Moment& moment, v1::GroupStatus* status) {
  const absl::Duration now = moment.uptime;
  const RolloutView rollout = group.rollout->View();
  const LoadView load = group.control->View();
  status->set_ep_group(group.config->name);
  status->set_planner(group.config->planner);
  status->set_observe_only(group.config->policy.observe_only);
  FillRollout(group, rollout, now, status);
  FillLoad(load, status);
  for (const GroupAlarm& alarm : AlarmsOf(*group.config, rollout, load, now)) {
    v1::Alarm* out = status->add_alarms();
    out->set_name(alarm.name);
    out->set_detail(alarm.detail);
    for (const int rank : alarm.ranks) out->add_ranks(rank);
  }
  for (int rank = 0; rank < static_cast<int>(rollout.workers.size()); ++rank) {
    FillWorker(group, rank, rollout, load, moment, status->add_workers());
  }
}

}  // namespace

const char* GroupPhaseName(PlanPhase phase) {
  switch (phase) {
    case PlanPhase::kIdle:
      return kIdlePhase;
    case PlanPhase::kDeciding:
      return PlanPhaseName(PlanPhase::kPreparing);
    default:
      return PlanPhaseName(phase);
  }
}

const char* WorkerStateName(RankState state) {
  return RankStateName(state == RankState::kHeld ? RankState::kPrepared : state);
}

absl::StatusOr<const GroupHandle*> ChooseGroup(const GroupDirectory& groups,
                                               const std::string& name) {
  if (name.empty() && groups.all().size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("name an EP group; there are: ", groups.Names()));
  }
  const GroupHandle* group = name.empty() ? &groups.all().front() : groups.Find(name);
  if (group == nullptr) return UnknownGroup(groups, name);
  return group;
}

absl::Status AnswerStatus(const QueryServiceParts& parts, const v1::GetStatusRequest& request,
                          v1::DaemonStatus* answer) {
  const Moment moment = Now(parts);
  answer->set_version(Version());
  answer->set_daemon_id(parts.daemon_id);
  answer->set_term(parts.term);
  answer->set_uptime_seconds(absl::ToDoubleSeconds(moment.uptime - parts.started));
  answer->set_now_unix_seconds(UnixSeconds(moment.wall));
  answer->set_leads(!parts.leads || parts.leads());
  if (parts.deposed) answer->set_deposed(std::string(parts.deposed().message()));
  for (const GroupHandle& group : parts.groups.all()) {
    if (!request.ep_group().empty() && request.ep_group() != group.config->name) continue;
    FillGroup(group, moment, answer->add_groups());
  }
  if (answer->groups_size() > 0) return absl::OkStatus();
  return UnknownGroup(parts.groups, request.ep_group());
}

absl::Status AnswerGroups(const QueryServiceParts& parts, const v1::ListGroupsRequest&,
                          v1::GroupList* answer) {
  for (const GroupHandle& group : parts.groups.all()) {
    const RolloutView rollout = group.rollout->View();
    const Topology& topology = group.config->topology;
    v1::GroupInfo* out = answer->add_groups();
    out->set_ep_group(group.config->name);
    EncodeModelShape(group.config->shape, out->mutable_shape());
    out->set_ranks(topology.num_ranks());
    out->set_rows(topology.num_rows());
    out->set_slots(topology.num_slots());
    out->set_topology_fingerprint(absl::StrFormat("%016x", topology.fingerprint()));
    out->set_planner(group.config->planner);
    const bool observes = group.config->policy.observe_only;
    out->set_mode(rollout.pause.paused ? "paused" : observes ? "observes" : "adopts");
    out->set_ranks_connected(rollout.connected);
    EncodePlanId(rollout.decided, out->mutable_decided());
    out->set_membership_gen(rollout.membership_gen);
  }
  return absl::OkStatus();
}

absl::Status AnswerWorkers(const QueryServiceParts& parts, const v1::ListWorkersRequest& request,
                           v1::WorkerList* answer) {
  const std::string& state = request.state();
  if (!state.empty() && std::find(std::begin(kWorkerStates), std::end(kWorkerStates), state) ==
                            std::end(kWorkerStates)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no worker state '", state, "'; there are: ", absl::StrJoin(kWorkerStates, ", ")));
  }
  const Moment moment = Now(parts);
  answer->set_now_unix_seconds(UnixSeconds(moment.wall));
  for (const GroupHandle& group : parts.groups.all()) {
    if (!request.ep_group().empty() && request.ep_group() != group.config->name) continue;
    const RolloutView rollout = group.rollout->View();
    const LoadView load = group.control->View();
    v1::GroupWorkers* out = answer->add_groups();
    out->set_ep_group(group.config->name);
    EncodePlanId(rollout.decided, out->mutable_decided());
    out->set_ranks(group.config->topology.num_ranks());
    for (int rank = 0; rank < static_cast<int>(rollout.workers.size()); ++rank) {
      if (!state.empty() && state != WorkerStateName(rollout.workers[rank].state)) continue;
      FillWorker(group, rank, rollout, load, moment, out->add_workers());
    }
  }
  if (answer->groups_size() > 0) return absl::OkStatus();
  return UnknownGroup(parts.groups, request.ep_group());
}

}  // namespace ballast
