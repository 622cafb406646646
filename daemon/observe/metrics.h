#ifndef BALLAST_DAEMON_OBSERVE_METRICS_H_
#define BALLAST_DAEMON_OBSERVE_METRICS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "daemon/control/control_loop.h"
#include "daemon/control/group_config.h"
#include "daemon/control/group_observer.h"
#include "daemon/control/rollout_loop.h"

namespace ballast {

class GroupSeries;
class MetricFamilies;

// Where the gauges of one group come from at a scrape.
struct GroupSources {
  std::string name;
  const GroupConfig* config = nullptr;
  const ControlLoop* control = nullptr;
  const RolloutLoop* rollout = nullptr;
};

// The Prometheus side of the daemon. Counters and histograms follow the events of
// GroupObserver; gauges are read from the loops when somebody scrapes. Names and
// labels are listed in docs/operations.md; no series per expert, none per layer and rank.
// A rank without a session has no series of its own.
//
// Thread-safe.
class Metrics final : public GroupObserver {
 public:
  // `grpc_version`: of the library linked, for ballast_build_info. The daemon has just become
  // the leader of `term` and has read its configuration.
  Metrics(std::uint64_t term, const std::string& grpc_version, Clock& clock);
  ~Metrics() override;

  // The sources must outlive every Scrape() before RemoveGroup(). Events of a group that is
  // not added are ignored.
  void AddGroup(const GroupSources& sources);
  // All series of the group go.
  void RemoveGroup(const std::string& name);

  // Asked at each scrape; a store in memory has none. Call before serving.
  void SetStoreSpace(std::function<absl::StatusOr<std::int64_t>()> free_bytes);

  // The configuration was read again, and taken or refused.
  void OnConfigReload(bool taken);
  // The daemon connected to its own listener, or failed to.
  void OnSelfProbe(bool answered);

  // Everything in the text format 0.0.4.
  std::string Scrape();

  void OnReport(const std::string& group, const char* result, std::uint64_t picks) override;
  void OnSolve(const std::string& group, const SolveRecord& record) override;
  void OnSolveFailed(const std::string& group, const absl::Status& status) override;
  void OnPlan(const std::string& group, const char* event, const PlanId& plan,
              absl::Duration took) override;
  void OnActive(const std::string& group, const PlanId& plan, const SolveRecord& record,
                absl::Duration took) override;
  void OnPlanFinished(const std::string& group, const PlanId& plan,
                      const std::string& outcome) override;
  void OnPush(const std::string& group, RankId rank, const PlanId& plan) override;
  void OnSlowConsumer(const std::string& group, RankId rank, const std::string& detail) override;
  void OnWorker(const std::string& group, RankId rank, const char* event,
                const std::string& detail) override;
  void OnNack(const std::string& group, RankId rank, const Nack& nack) override;
  void OnDigestDisagreements(const std::string& group, RankId rank, std::uint64_t votes) override;
  void OnStoreCall(const char* call, const absl::Status& status, absl::Duration took) override;

 private:
  std::shared_ptr<GroupSeries> Find(const std::string& group) const;
  void RefreshProcess();

  Clock& clock_;
  const std::unique_ptr<MetricFamilies> families_;
  std::function<absl::StatusOr<std::int64_t>()> store_free_bytes_;
  std::atomic<bool> deposed_{false};  // The store is another daemon's by now.

  absl::Mutex scraping_;  // Held for a whole scrape, so that no group goes meanwhile.
  mutable absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<GroupSeries>> groups_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_METRICS_H_
