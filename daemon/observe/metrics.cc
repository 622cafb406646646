#include "daemon/observe/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/observe/version.h"

namespace ballast {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr std::array kPhases = {PlanPhase::kIdle,     PlanPhase::kProposed,   PlanPhase::kPreparing,
                                PlanPhase::kDeciding, PlanPhase::kCommitting, PlanPhase::kRetiring,
                                PlanPhase::kAborting};
constexpr std::array kStates = {RankState::kGone,   RankState::kStale,  RankState::kPrepared,
                                RankState::kHeld,   RankState::kSynced, RankState::kNacked,
                                RankState::kLagging};

const Histogram::BucketBoundaries& SecondsBuckets() {
  static const auto* const buckets = new Histogram::BucketBoundaries{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
  return *buckets;
}

double UnixSeconds(Clock& clock, absl::Duration uptime) {
  return absl::ToDoubleSeconds(clock.WallNow() - absl::UnixEpoch() - (clock.Uptime() - uptime));
}

// "aborted: rank 3 ..." -> "aborted".
std::string OutcomeLabel(const std::string& outcome) {
  return outcome.substr(0, outcome.find(':'));
}

}  // namespace

struct Metrics::Families {
  template <typename Builder>
  static auto& Make(Builder builder, const char* name, const char* help,
                    prometheus::Registry& registry) {
    return builder.Name(name).Help(help).Register(registry);
  }
  Family<Counter>& MakeCounter(const char* name, const char* help) {
    return Make(prometheus::BuildCounter(), name, help, registry);
  }
  Family<Gauge>& MakeGauge(const char* name, const char* help) {
    return Make(prometheus::BuildGauge(), name, help, registry);
  }
  Family<Histogram>& MakeHistogram(const char* name, const char* help) {
    return Make(prometheus::BuildHistogram(), name, help, registry);
  }

  prometheus::Registry registry;
  Family<Gauge>& build_info =
      MakeGauge("ballast_build_info", "Constant 1, labelled with build facts.");
  Family<Gauge>& leader =
      MakeGauge("ballast_leader", "Whether this instance is leader (1) or standby (0).");
  Family<Gauge>& leader_epoch = MakeGauge("ballast_leader_epoch", "Current leader term.");
  Family<Gauge>& workers = MakeGauge("ballast_workers", "Workers by group and session state.");
  Family<Gauge>& last_report = MakeGauge("ballast_worker_last_report_timestamp_seconds",
                                         "Unix time of the last accepted report.");
  Family<Counter>& reports = MakeCounter("ballast_reports_total", "Load reports by result.");
  Family<Counter>& report_tokens =
      MakeCounter("ballast_report_tokens_total", "Token-expert assignments counted.");
  Family<Gauge>& phase =
      MakeGauge("ballast_plan_phase", "Whether the group is in the phase (1) or not (0).");
  Family<Gauge>& phase_start =
      MakeGauge("ballast_plan_phase_start_timestamp_seconds", "Unix time the current phase began.");
  Family<Gauge>& active_seq =
      MakeGauge("ballast_plan_active_seq", "Sequence number of the active plan.");
  Family<Counter>& plans = MakeCounter("ballast_plans_total", "Plans by final outcome.");
  Family<Counter>& pushes =
      MakeCounter("ballast_plan_pushes_total", "Placements handed to workers' sessions.");
  Family<Counter>& slow_consumers =
      MakeCounter("ballast_slow_consumers_closed_total", "Sessions closed for a blocked write.");
  Family<Counter>& nacks = MakeCounter("ballast_plan_nacks_total", "Worker refusals by code.");
  Family<Counter>& disagreements = MakeCounter("ballast_digest_disagreements_total",
                                               "Votes in which ranks held different digests.");
  Family<Histogram>& solve_seconds =
      MakeHistogram("ballast_solve_duration_seconds", "Time to compute a plan.");
  Family<Histogram>& activation_seconds =
      MakeHistogram("ballast_plan_activation_duration_seconds", "Decision to active on all ranks.");
  Family<Counter>& moved_slots =
      MakeCounter("ballast_moved_slots_total", "Slots whose expert changed with an adopted plan.");
  Family<Counter>& moved_bytes =
      MakeCounter("ballast_moved_bytes_total", "Expert weight bytes moved by link class.");
  Family<Gauge>& layer_imbalance = MakeGauge(
      "ballast_layer_imbalance_ratio",
      "Max rank load divided by mean rank load, per layer, as measured in the last batch.");
  Family<Gauge>& layer_predicted =
      MakeGauge("ballast_layer_predicted_imbalance_ratio",
                "The same, as predicted when the active plan was chosen.");
  Family<Gauge>& rank_load = MakeGauge("ballast_rank_load_ratio",
                                       "Rank load divided by mean rank load, summed over layers.");
  Family<Histogram>& store_seconds =
      MakeHistogram("ballast_store_commit_duration_seconds", "Durable commit time.");
  Family<Counter>& store_errors =
      MakeCounter("ballast_store_errors_total", "Store errors by kind.");
};

Metrics::Metrics(std::uint64_t term, const std::string& grpc_version, Clock& clock)
    : clock_(clock), families_(std::make_unique<Families>()) {
  families_->build_info
      .Add({{"version", Version()},
            {"revision", Revision()},
            {"grpc", grpc_version},
            {"compiler", Compiler()}})
      .Set(1);
  families_->leader.Add({}).Set(1);
  families_->leader_epoch.Add({}).Set(static_cast<double>(term));
  families_->store_seconds.Add({}, SecondsBuckets());
}

Metrics::~Metrics() = default;

void Metrics::AddGroup(const GroupSources& sources) {
  groups_.push_back(sources);
  const std::map<std::string, std::string> label = {{"group", sources.name}};
  // Series exist from the start, so that a rate over the first event is right.
  families_->reports.Add({{"group", sources.name}, {"result", "accepted"}});
  families_->report_tokens.Add(label);
  families_->disagreements.Add(label);
  families_->pushes.Add(label);
  families_->slow_consumers.Add(label);
  families_->plans.Add({{"group", sources.name}, {"outcome", "done"}});
  for (int code = 0; code < kNumNackCodes; ++code) {
    families_->nacks.Add(
        {{"group", sources.name}, {"code", NackCodeName(static_cast<NackCode>(code))}});
  }
  families_->solve_seconds.Add(label, SecondsBuckets());
  families_->activation_seconds.Add(label, SecondsBuckets());
  families_->moved_slots.Add(label);
  for (const char* link : {"same_row", "cross_row"}) {
    families_->moved_bytes.Add({{"group", sources.name}, {"link", link}});
  }
}

std::string Metrics::Scrape() {
  for (const GroupSources& sources : groups_) Refresh(sources);
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

void Metrics::Refresh(const GroupSources& sources) {
  const RolloutView rollout = sources.rollout->View();
  const LoadView load = sources.control->View();
  const std::map<std::string, std::string> label = {{"group", sources.name}};
  for (PlanPhase phase : kPhases) {
    families_->phase.Add({{"group", sources.name}, {"phase", PlanPhaseName(phase)}})
        .Set(phase == rollout.phase ? 1 : 0);
  }
  families_->phase_start.Add(label).Set(UnixSeconds(clock_, rollout.phase_since));
  families_->active_seq.Add(label).Set(static_cast<double>(rollout.decided.version.sequence));
  for (std::size_t layer = 0; layer < load.layer_imbalance.size(); ++layer) {
    families_->layer_imbalance.Add({{"group", sources.name}, {"layer", absl::StrCat(layer)}})
        .Set(load.layer_imbalance[layer]);
  }
  for (std::size_t layer = 0; layer < load.layer_predicted.size(); ++layer) {
    families_->layer_predicted.Add({{"group", sources.name}, {"layer", absl::StrCat(layer)}})
        .Set(load.layer_predicted[layer]);
  }
  RefreshWorkers(sources, rollout, load);
}

void Metrics::RefreshWorkers(const GroupSources& sources, const RolloutView& rollout,
                             const LoadView& load) {
  for (RankState state : kStates) {
    int count = 0;
    for (const WorkerView& worker : rollout.workers) count += worker.state == state ? 1 : 0;
    families_->workers.Add({{"group", sources.name}, {"state", RankStateName(state)}}).Set(count);
  }
  for (std::size_t rank = 0; rank < rollout.workers.size(); ++rank) {
    const std::map<std::string, std::string> label = {{"group", sources.name},
                                                      {"rank", absl::StrCat(rank)}};
    if (rank < load.rank_load_ratio.size()) {
      families_->rank_load.Add(label).Set(load.rank_load_ratio[rank]);
    }
    if (rank < load.last_report.size() && load.last_report[rank] > -absl::InfiniteDuration()) {
      families_->last_report.Add(label).Set(UnixSeconds(clock_, load.last_report[rank]));
    }
  }
}

void Metrics::OnReport(const std::string& group, const char* result, std::uint64_t picks) {
  families_->reports.Add({{"group", group}, {"result", result}}).Increment();
  if (picks > 0)
    families_->report_tokens.Add({{"group", group}}).Increment(static_cast<double>(picks));
}

void Metrics::OnSolve(const std::string& group, const SolveRecord& record) {
  families_->solve_seconds.Add({{"group", group}}, SecondsBuckets())
      .Observe(absl::ToDoubleSeconds(record.solve_time));
  if (record.decision.adopt) return;
  families_->plans.Add({{"group", group}, {"outcome", "refused_" + record.decision.reason}})
      .Increment();
}

void Metrics::OnSolveFailed(const std::string& group, const absl::Status&) {
  families_->plans.Add({{"group", group}, {"outcome", "solve_failed"}}).Increment();
}

void Metrics::OnPlan(const std::string&, const char*, const PlanId&, absl::Duration) {}

void Metrics::OnActive(const std::string& group, const PlanId&, const SolveRecord& record,
                       absl::Duration took) {
  families_->moved_slots.Add({{"group", group}}).Increment(record.moved_slots);
  families_->moved_bytes.Add({{"group", group}, {"link", "same_row"}})
      .Increment(static_cast<double>(record.same_row_bytes));
  families_->moved_bytes.Add({{"group", group}, {"link", "cross_row"}})
      .Increment(static_cast<double>(record.cross_row_bytes));
  families_->activation_seconds.Add({{"group", group}}, SecondsBuckets())
      .Observe(absl::ToDoubleSeconds(took));
}

void Metrics::OnPlanFinished(const std::string& group, const PlanId&, const std::string& outcome) {
  families_->plans.Add({{"group", group}, {"outcome", OutcomeLabel(outcome)}}).Increment();
}

void Metrics::OnPush(const std::string& group, RankId, const PlanId&) {
  families_->pushes.Add({{"group", group}}).Increment();
}

void Metrics::OnSlowConsumer(const std::string& group, RankId, const std::string&) {
  families_->slow_consumers.Add({{"group", group}}).Increment();
}

void Metrics::OnWorker(const std::string&, RankId, const char*, const std::string&) {}

void Metrics::OnNack(const std::string& group, RankId, const Nack& nack) {
  families_->nacks.Add({{"group", group}, {"code", NackCodeName(nack.code)}}).Increment();
}

void Metrics::OnDigestDisagreements(const std::string& group, RankId, std::uint64_t votes) {
  families_->disagreements.Add({{"group", group}}).Increment(static_cast<double>(votes));
}

void Metrics::OnStoreCall(const char*, const absl::Status& status, absl::Duration took) {
  if (status.ok()) {
    families_->store_seconds.Add({}, SecondsBuckets()).Observe(absl::ToDoubleSeconds(took));
    return;
  }
  families_->store_errors.Add({{"kind", std::string(absl::StatusCodeToString(status.code()))}})
      .Increment();
}

}  // namespace ballast
