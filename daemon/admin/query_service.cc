#include "daemon/admin/query_service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "ballast/v1/query.grpc.pb.h"
#include "core/base/fingerprint.h"
#include "daemon/admin/coverage_service.h"
#include "daemon/admin/explain_service.h"
#include "daemon/admin/health_service.h"
#include "daemon/admin/load_query_service.h"
#include "daemon/observe/event_observer.h"
#include "daemon/observe/version.h"
#include "proto/wire/placement_wire.h"

namespace ballast {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

void FillWorkers(const RolloutView& rollout, const LoadView& load, absl::Duration now,
                 v1::GroupStatus* status) {
  for (int rank = 0; rank < static_cast<int>(rollout.workers.size()); ++rank) {
    const WorkerView& worker = rollout.workers[rank];
    v1::WorkerStatus* out = status->add_workers();
    out->set_rank(rank);
    out->set_state(RankStateName(worker.state));
    out->set_incarnation(worker.incarnation);
    EncodePlanId(worker.active, out->mutable_active());
    const bool reported = rank < static_cast<int>(load.last_report.size()) &&
                          load.last_report[rank] > -absl::InfiniteDuration();
    out->set_last_report_age_seconds(reported ? absl::ToDoubleSeconds(now - load.last_report[rank])
                                              : -1);
    out->set_step(std::max(worker.step, reported ? load.last_step[rank] : 0));
    out->set_detail(worker.detail);
  }
}

void FillSolve(const LoadView& load, v1::GroupStatus* status) {
  if (!load.last_solve.has_value()) return;
  status->set_imbalance_initial(load.last_solve->imbalance_initial);
  status->set_last_decision(DecisionText(*load.last_solve));
}

// Mean over the layers of what was predicted; 0 while the initial plan runs.
double MeanPredicted(const LoadView& load) {
  double sum = 0;
  for (double ratio : load.layer_predicted) sum += ratio;
  return load.layer_predicted.empty() ? 0 : sum / static_cast<double>(load.layer_predicted.size());
}

void FillGroup(const GroupHandle& group, absl::Duration now, v1::GroupStatus* status) {
  const RolloutView rollout = group.rollout->View();
  const LoadView load = group.control->View();
  status->set_ep_group(group.config->name);
  status->set_ranks(group.config->topology.num_ranks());
  status->set_ranks_connected(rollout.connected);
  EncodePlanId(rollout.decided, status->mutable_decided());
  status->set_active_everywhere(rollout.active_everywhere);
  if (rollout.candidate.has_value()) EncodePlanId(*rollout.candidate, status->mutable_candidate());
  status->set_phase(PlanPhaseName(rollout.phase));
  status->set_phase_age_seconds(absl::ToDoubleSeconds(now - rollout.phase_since));
  status->set_waiting_for(rollout.waiting_for);
  status->set_imbalance_measured(load.batches == 0 ? 0 : load.imbalance_measured);
  status->set_imbalance_planned(MeanPredicted(load));
  status->set_step(load.min_last_step);
  status->set_coverage(load.coverage);
  status->set_hold(SolveHoldName(load.hold));
  status->set_solves(load.solves);
  status->set_plans_adopted(rollout.plans_adopted);
  status->set_planner(group.config->planner);
  status->set_moved_slots_total(rollout.moved_slots);
  status->set_observe_only(group.config->policy.observe_only);
  if (rollout.pause.paused) {
    status->set_paused(true);
    status->set_paused_by(rollout.pause.who);
    status->set_paused_reason(rollout.pause.reason);
    status->set_paused_unix_seconds(absl::ToDoubleSeconds(rollout.pause.when - absl::UnixEpoch()));
  }
  FillSolve(load, status);
  FillWorkers(rollout, load, now, status);
}

double UnixSeconds(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

void FillPlan(const PlanRecord& record, const char* state, v1::Plan* plan) {
  plan->set_ep_group(record.ep_group);
  EncodePlanId(record.id, plan->mutable_id());
  EncodePlanId(record.base, plan->mutable_base());
  plan->set_state(state);
  EncodeModelShape(record.shape, plan->mutable_shape());
  EncodePlacement(record.plan, plan->mutable_placement());
  plan->set_planner(record.planner);
  plan->set_reason(record.reason);
  plan->set_imbalance_before(record.imbalance_before);
  plan->set_imbalance_after(record.imbalance_after);
  plan->set_moved_slots(record.moved_slots);
  plan->set_proposed_unix_seconds(UnixSeconds(record.proposed));
  plan->set_decided_unix_seconds(UnixSeconds(record.decided));
}

class QueryService final : public v1::Query::CallbackService {
 public:
  explicit QueryService(const QueryServiceParts& parts)
      : parts_(parts), started_(parts.clock.Uptime()) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::DaemonStatus* status) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const absl::Duration now = parts_.clock.Uptime();
    status->set_version(Version());
    status->set_daemon_id(parts_.daemon_id);
    status->set_term(parts_.term);
    status->set_uptime_seconds(absl::ToDoubleSeconds(now - started_));
    for (const GroupHandle& group : parts_.groups.all()) {
      if (!request->ep_group().empty() && request->ep_group() != group.config->name) continue;
      FillGroup(group, now, status->add_groups());
    }
    reactor->Finish(status->groups_size() > 0 ? grpc::Status::OK
                                              : ToGrpc(UnknownGroup(request->ep_group())));
    return reactor;
  }

  grpc::ServerUnaryReactor* GetPlan(grpc::CallbackServerContext* context,
                                    const v1::GetPlanRequest* request, v1::Plan* plan) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpc(Find(*request, plan)));
    return reactor;
  }

  grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext* context,
                                    const v1::ExplainRequest* request,
                                    v1::Explanation* answer) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const GroupHandle* group = nullptr;
    absl::Status status = Choose(request->ep_group(), &group);
    if (status.ok()) {
      const int limit = static_cast<int>(std::min<std::uint32_t>(request->limit(), kMaxExplained));
      status = ExplainGroup(*group, parts_.store, parts_.clock, limit, answer);
    }
    reactor->Finish(ToGrpc(status));
    return reactor;
  }

  grpc::ServerUnaryReactor* GetLoad(grpc::CallbackServerContext* context,
                                    const v1::GetLoadRequest* request,
                                    v1::GroupLoad* answer) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const GroupHandle* group = nullptr;
    absl::Status status = Choose(request->ep_group(), &group);
    if (status.ok()) status = AnswerLoad(*group, *request, parts_.clock, answer);
    reactor->Finish(ToGrpc(status));
    return reactor;
  }

  grpc::ServerUnaryReactor* GetCoverage(grpc::CallbackServerContext* context,
                                        const v1::GetCoverageRequest* request,
                                        v1::Coverage* answer) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const GroupHandle* group = nullptr;
    absl::Status status = Choose(request->ep_group(), &group);
    if (status.ok()) status = AnswerCoverage(*group, parts_.store, *request, answer);
    reactor->Finish(ToGrpc(status));
    return reactor;
  }

  grpc::ServerUnaryReactor* GetHealth(grpc::CallbackServerContext* context,
                                      const v1::GetHealthRequest* /*request*/,
                                      v1::DaemonHealth* health) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    health->set_version(Version());
    health->set_daemon_id(parts_.daemon_id);
    health->set_term(parts_.term);
    health->set_uptime_seconds(absl::ToDoubleSeconds(parts_.clock.Uptime() - started_));
    health->set_now_unix_seconds(UnixSeconds(parts_.clock.WallNow()));
    if (parts_.readiness) {
      for (const HealthCheck& check : parts_.readiness()) {
        v1::NamedCheck* out = health->add_checks();
        out->set_name(check.name);
        out->set_ok(check.ok);
        out->set_detail(check.detail);
      }
    }
    FillStoreSpace(parts_.store_path, health);
    health->set_store_fault(std::string(parts_.store.WriteFault().message()));
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  absl::Status UnknownGroup(const std::string& name) const {
    return absl::NotFoundError(
        absl::StrCat("no EP group '", name, "' is configured; there are: ", parts_.groups.Names()));
  }

  // The group of that name; of no name, the only one.
  absl::Status Choose(const std::string& name, const GroupHandle** group) const {
    if (name.empty() && parts_.groups.all().size() != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("name an EP group; there are: ", parts_.groups.Names()));
    }
    *group = name.empty() ? &parts_.groups.all().front() : parts_.groups.Find(name);
    return *group == nullptr ? UnknownGroup(name) : absl::OkStatus();
  }

  absl::Status Find(const v1::GetPlanRequest& request, v1::Plan* plan) const {
    const GroupHandle* group = nullptr;
    const absl::Status chosen = Choose(request.ep_group(), &group);
    if (!chosen.ok()) return chosen;
    const PlanVersion wanted = DecodePlanVersion(request.version());
    const PlanId decided = group->rollout->View().decided;
    if (request.has_version() ? wanted == PlanVersion{} : decided.version == PlanVersion{}) {
      FillInitial(*group->config, plan);
      return absl::OkStatus();
    }
    const absl::StatusOr<PlanRecord> record =
        parts_.store.Get(group->config->name, request.has_version() ? wanted : decided.version);
    if (!record.ok()) return record.status();
    FillPlan(*record, PlanStateName(record->state), plan);
    return absl::OkStatus();
  }

  static void FillInitial(const GroupConfig& config, v1::Plan* plan) {
    PlanRecord record;
    record.ep_group = config.name;
    record.shape = config.shape;
    record.plan = InitialPlan(config.shape, config.topology);
    record.id = PlanIdOf(config.shape, record.plan);
    record.base = record.id;
    record.reason = "slot s holds expert s mod the number of experts";
    record.proposed = absl::InfinitePast();
    record.decided = absl::InfinitePast();
    FillPlan(record, "initial", plan);
  }

  const QueryServiceParts parts_;
  const absl::Duration started_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeQueryService(const QueryServiceParts& parts) {
  return std::make_unique<QueryService>(parts);
}

}  // namespace ballast
