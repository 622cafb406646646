#ifndef BALLAST_DAEMON_OBSERVE_FAN_OUT_OBSERVER_H_
#define BALLAST_DAEMON_OBSERVE_FAN_OUT_OBSERVER_H_

#include <string>
#include <utility>
#include <vector>

#include "daemon/control/group_observer.h"

namespace ballast {

// Passes each event on to several observers, in order. Thread-safe; the observers
// must outlive it.
class FanOutObserver final : public GroupObserver {
 public:
  explicit FanOutObserver(std::vector<GroupObserver*> observers)
      : observers_(std::move(observers)) {}

  void OnReport(const std::string& group, const char* result, std::uint64_t picks) override {
    for (GroupObserver* o : observers_) o->OnReport(group, result, picks);
  }
  void OnReportRefused(const std::string& group, RankId rank, const std::string& result,
                       const std::string& reason, std::uint64_t suppressed) override {
    for (GroupObserver* o : observers_) o->OnReportRefused(group, rank, result, reason, suppressed);
  }
  void OnSolve(const std::string& group, const SolveRecord& record) override {
    for (GroupObserver* o : observers_) o->OnSolve(group, record);
  }
  void OnSolveFailed(const std::string& group, const absl::Status& status) override {
    for (GroupObserver* o : observers_) o->OnSolveFailed(group, status);
  }
  void OnPlan(const std::string& group, const char* event, const PlanId& plan,
              absl::Duration took) override {
    for (GroupObserver* o : observers_) o->OnPlan(group, event, plan, took);
  }
  void OnActive(const std::string& group, const PlanId& plan, const SolveRecord& record,
                absl::Duration took) override {
    for (GroupObserver* o : observers_) o->OnActive(group, plan, record, took);
  }
  void OnPlanFinished(const std::string& group, const PlanId& plan,
                      const std::string& outcome) override {
    for (GroupObserver* o : observers_) o->OnPlanFinished(group, plan, outcome);
  }
  void OnPush(const std::string& group, RankId rank, const PlanId& plan) override {
    for (GroupObserver* o : observers_) o->OnPush(group, rank, plan);
  }
  void OnSlowConsumer(const std::string& group, RankId rank, const std::string& detail) override {
    for (GroupObserver* o : observers_) o->OnSlowConsumer(group, rank, detail);
  }
  void OnWorker(const std::string& group, RankId rank, const char* event,
                const std::string& detail) override {
    for (GroupObserver* o : observers_) o->OnWorker(group, rank, event, detail);
  }
  void OnNack(const std::string& group, RankId rank, const Nack& nack) override {
    for (GroupObserver* o : observers_) o->OnNack(group, rank, nack);
  }
  void OnDigestDisagreements(const std::string& group, RankId rank, std::uint64_t votes) override {
    for (GroupObserver* o : observers_) o->OnDigestDisagreements(group, rank, votes);
  }
  void OnStoreCall(const char* call, const absl::Status& status, absl::Duration took) override {
    for (GroupObserver* o : observers_) o->OnStoreCall(call, status, took);
  }

 private:
  const std::vector<GroupObserver*> observers_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_FAN_OUT_OBSERVER_H_
