#ifndef BALLAST_DAEMON_OBSERVE_METRICS_H_
#define BALLAST_DAEMON_OBSERVE_METRICS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/control/control_loop.h"
#include "daemon/control/group_observer.h"
#include "daemon/control/rollout_loop.h"

namespace ballast {

// Where the gauges of one group come from at a scrape.
struct GroupSources {
  std::string name;
  const ControlLoop* control = nullptr;
  const RolloutLoop* rollout = nullptr;
};

// The Prometheus side of the daemon. Counters and histograms follow the events of
// GroupObserver; gauges are read from the loops when somebody scrapes. Names and
// labels are listed in docs/operations.md; no series per expert, none per layer and rank.
//
// Thread-safe.
class Metrics final : public GroupObserver {
 public:
  // `grpc_version`: of the library linked, for ballast_build_info.
  Metrics(std::uint64_t term, const std::string& grpc_version, Clock& clock);
  ~Metrics() override;

  // The loops must outlive every later Scrape(). Call once per group, before serving.
  void AddGroup(const GroupSources& sources);

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
  struct Families;

  void Refresh(const GroupSources& sources);
  void RefreshWorkers(const GroupSources& sources, const RolloutView& rollout,
                      const LoadView& load);

  Clock& clock_;
  std::unique_ptr<Families> families_;
  std::vector<GroupSources> groups_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_METRICS_H_
