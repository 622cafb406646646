#ifndef BALLAST_DAEMON_OBSERVE_METRIC_FAMILIES_H_
#define BALLAST_DAEMON_OBSERVE_METRIC_FAMILIES_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace ballast {

// Every metric of the daemon by name, type and help: the list that docs/operations.md
// explains and a lint test compares with it. Series are added by their owners. Private to
// daemon/observe. Thread-safe, as the library's families are.
class MetricFamilies {
  using Counters = prometheus::Family<prometheus::Counter>;
  using Gauges = prometheus::Family<prometheus::Gauge>;
  using Histograms = prometheus::Family<prometheus::Histogram>;

  template <typename Builder>
  auto& Make(Builder builder, const char* name, const char* help) {
    return builder.Name(name).Help(help).Register(registry);
  }
  Counters& MakeCounter(const char* name, const char* help) {
    return Make(prometheus::BuildCounter(), name, help);
  }
  Gauges& MakeGauge(const char* name, const char* help) {
    return Make(prometheus::BuildGauge(), name, help);
  }
  Histograms& MakeHistogram(const char* name, const char* help) {
    return Make(prometheus::BuildHistogram(), name, help);
  }

 public:
  prometheus::Registry registry;

  // The process.
  Gauges& build_info = MakeGauge("ballast_build_info", "Constant 1, labelled with build facts.");
  Gauges& leader =
      MakeGauge("ballast_leader", "Whether this instance is leader (1) or standby (0).");
  Gauges& leader_epoch = MakeGauge("ballast_leader_epoch", "Current leader term.");
  Counters& leader_changes =
      MakeCounter("ballast_leader_changes_total", "Leader changes seen by this instance.");
  Histograms& store_seconds =
      MakeHistogram("ballast_store_commit_duration_seconds", "Durable commit time.");
  Counters& store_errors = MakeCounter("ballast_store_errors_total", "Store errors by kind.");
  Gauges& store_free_bytes =
      MakeGauge("ballast_store_free_bytes", "Free bytes on the store's file system.");
  Gauges& reload_successful =
      MakeGauge("ballast_config_last_reload_successful", "Whether the last reload worked.");
  Gauges& reload_success_time = MakeGauge("ballast_config_last_reload_success_timestamp_seconds",
                                          "Unix time of the last good reload.");
  Counters& self_probe_failures = MakeCounter(
      "ballast_self_probe_failures_total", "Failed connections of the daemon to its own listener.");

  // Workers and their reports.
  Gauges& workers = MakeGauge("ballast_workers", "Workers by group and session state.");
  Gauges& last_report = MakeGauge("ballast_worker_last_report_timestamp_seconds",
                                  "Unix time of the last accepted report.");
  Counters& reports = MakeCounter("ballast_reports_total", "Load reports by result.");
  Counters& report_tokens =
      MakeCounter("ballast_report_tokens_total", "Token-expert assignments counted.");
  Counters& slow_consumers =
      MakeCounter("ballast_slow_consumers_closed_total", "Sessions closed for a blocked write.");

  // Plans and their rollout.
  Gauges& phase =
      MakeGauge("ballast_plan_phase", "Whether the group is in the phase (1) or not (0).");
  Gauges& phase_start =
      MakeGauge("ballast_plan_phase_start_timestamp_seconds", "Unix time the current phase began.");
  Gauges& active_seq = MakeGauge("ballast_plan_active_seq", "Sequence number of the active plan.");
  Counters& plans = MakeCounter("ballast_plans_total", "Plans by final outcome.");
  Counters& pushes =
      MakeCounter("ballast_plan_pushes_total", "Placements handed to workers' sessions.");
  Counters& nacks = MakeCounter("ballast_plan_nacks_total", "Worker refusals by code.");
  Counters& disagreements = MakeCounter("ballast_digest_disagreements_total",
                                        "Votes in which ranks held different digests.");
  Histograms& solve_seconds =
      MakeHistogram("ballast_solve_duration_seconds", "Time to compute a plan.");
  Histograms& activation_seconds =
      MakeHistogram("ballast_plan_activation_duration_seconds", "Decision to active on all ranks.");
  Counters& moved_slots =
      MakeCounter("ballast_moved_slots_total", "Slots whose expert changed with an adopted plan.");
  Counters& moved_bytes =
      MakeCounter("ballast_moved_bytes_total", "Expert weight bytes moved by link class.");
  Gauges& hold = MakeGauge("ballast_planning_hold",
                           "Whether this is the reason (1) or not (0) why no solve is due now.");
  Gauges& paused = MakeGauge("ballast_planning_paused",
                             "Whether an operator has paused the group (1) or not (0).");
  Gauges& loop_turned = MakeGauge("ballast_loop_turned_timestamp_seconds",
                                  "Unix time of the last turn of a group's thread.");

  // Balance and coverage.
  Gauges& layer_imbalance = MakeGauge(
      "ballast_layer_imbalance_ratio",
      "Max rank load divided by mean rank load, per layer, as measured in the last batch.");
  Gauges& layer_predicted = MakeGauge("ballast_layer_predicted_imbalance_ratio",
                                      "The same, as predicted when the active plan was chosen.");
  Gauges& rank_load = MakeGauge("ballast_rank_load_ratio",
                                "Rank load divided by mean rank load, summed over layers.");
  Gauges& uncovered =
      MakeGauge("ballast_uncovered_experts", "Layer-expert pairs without a live replica.");
  Gauges& single_row = MakeGauge("ballast_single_row_experts",
                                 "Layer-expert pairs whose replicas all sit in one row.");

  // The process as the kernel counts it, under the names every Prometheus client uses.
  Counters& cpu_seconds =
      MakeCounter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
  Gauges& resident_bytes =
      MakeGauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  Gauges& virtual_bytes =
      MakeGauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");
  Gauges& open_fds = MakeGauge("process_open_fds", "Number of open file descriptors.");
  Gauges& max_fds = MakeGauge("process_max_fds", "Maximum number of open file descriptors.");
  Gauges& start_time = MakeGauge("process_start_time_seconds",
                                 "Start time of the process since unix epoch in seconds.");
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_METRIC_FAMILIES_H_
