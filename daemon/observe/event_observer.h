#ifndef BALLAST_DAEMON_OBSERVE_EVENT_OBSERVER_H_
#define BALLAST_DAEMON_OBSERVE_EVENT_OBSERVER_H_

#include <string>

#include "daemon/control/group_observer.h"
#include "daemon/observe/event_log.h"

namespace ballast {

// Writes the events of all groups to the log. Reports are never logged one by one.
// Thread-safe; the log must outlive it.
class EventObserver final : public GroupObserver {
 public:
  explicit EventObserver(EventLog& log) : log_(log) {}

  void OnReport(const std::string& group, const char* result, std::uint64_t picks) override;
  void OnReportRefused(const std::string& group, RankId rank, const std::string& result,
                       const std::string& reason, std::uint64_t suppressed) override;
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
  EventLog& log_;
};

// The decision of a solve in one line, for logs and status: "adopted: max/mean 1.310 ->
// 1.050 (gain 19.8 %, within 1.2 % of the bound), 112 slots move, busiest rank loads
// 0.40 GB in 0.04 s against 0.40 s won".
std::string DecisionText(const SolveRecord& record);

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_EVENT_OBSERVER_H_
