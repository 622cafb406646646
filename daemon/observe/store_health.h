#ifndef BALLAST_DAEMON_OBSERVE_STORE_HEALTH_H_
#define BALLAST_DAEMON_OBSERVE_STORE_HEALTH_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "daemon/control/group_observer.h"

namespace ballast {

// Remembers how the store fares in the calls that the loops make of it anyway, so that a
// probe never waits for a disk. Thread-safe.
class StoreHealth final : public GroupObserver {
 public:
  // Ok, or how the last call failed for the store's own sake: disk, damage, permission. A
  // call that the store refused for what it holds went well in this sense; one that found it
  // locked does not count.
  absl::Status Last() const;

  // Ok, or the refusal that told that a later daemon has taken the store over. For good.
  absl::Status Deposed() const;

  void OnReport(const std::string&, const char*, std::uint64_t) override {}
  void OnSolve(const std::string&, const SolveRecord&) override {}
  void OnSolveFailed(const std::string&, const absl::Status&) override {}
  void OnPlan(const std::string&, const char*, const PlanId&, absl::Duration) override {}
  void OnActive(const std::string&, const PlanId&, const SolveRecord&, absl::Duration) override {}
  void OnPlanFinished(const std::string&, const PlanId&, const std::string&) override {}
  void OnPush(const std::string&, RankId, const PlanId&) override {}
  void OnSlowConsumer(const std::string&, RankId, const std::string&) override {}
  void OnWorker(const std::string&, RankId, const char*, const std::string&) override {}
  void OnNack(const std::string&, RankId, const Nack&) override {}
  void OnDigestDisagreements(const std::string&, RankId, std::uint64_t) override {}
  void OnStoreCall(const char* call, const absl::Status& status, absl::Duration took) override;

 private:
  mutable absl::Mutex mutex_;
  absl::Status last_ ABSL_GUARDED_BY(mutex_);
  absl::Status deposed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_STORE_HEALTH_H_
