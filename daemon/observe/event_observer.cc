#include "daemon/observe/event_observer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/fingerprint.h"

namespace ballast {

std::string DecisionText(const SolveRecord& record) {
  // How far the new plan is from what no plan with equal shares can beat.
  const double gap =
      record.lower_bound > 0 ? record.decision.straggler_load_new / record.lower_bound - 1 : 0;
  return absl::StrFormat(
      "%s: max/mean %.3f -> %.3f (gain %.1f %%, within %.1f %% of the bound), %d slots move, "
      "busiest rank loads %.2f GB in %.2f s against %.2f s won",
      record.decision.reason, record.imbalance_now, record.imbalance_new,
      record.decision.gain * 100, gap * 100, record.moved_slots,
      static_cast<double>(record.busiest_rank_bytes) / 1e9, record.decision.cost_seconds,
      record.decision.benefit_seconds);
}

void EventObserver::OnReport(const std::string&, const char*, std::uint64_t) {}

void EventObserver::OnReportRefused(const std::string& group, RankId rank,
                                    const std::string& result, const std::string& reason,
                                    std::uint64_t suppressed) {
  log_.Write(Severity::kWarn, "report.refused",
             {{"group", group},
              {"rank", absl::StrCat(rank.value)},
              {"result", result},
              {"reason", reason},
              {"suppressed", absl::StrCat(suppressed)}});
}

void EventObserver::OnSolve(const std::string& group, const SolveRecord& record) {
  log_.Write(Severity::kInfo, record.decision.adopt ? "solve.adopted" : "solve.declined",
             {{"group", group},
              {"planner", record.planner},
              {"policy", record.branch},
              {"step", absl::StrCat(record.step)},
              {"digest", DigestHex(record.digest, 4)},
              {"solve_ms", absl::StrFormat("%.2f", absl::ToDoubleMilliseconds(record.solve_time))},
              {"decision", DecisionText(record)}});
}

void EventObserver::OnSolveFailed(const std::string& group, const absl::Status& status) {
  log_.Write(Severity::kError, "solve.failed",
             {{"group", group}, {"error", std::string(status.message())}});
}

void EventObserver::OnPlan(const std::string& group, const char* event, const PlanId& plan,
                           absl::Duration took) {
  log_.Write(Severity::kInfo, absl::StrCat("plan.", event),
             {{"group", group},
              {"plan", PlanIdText(plan)},
              {"took_ms", absl::StrFormat("%.1f", absl::ToDoubleMilliseconds(took))}});
}

void EventObserver::OnActive(const std::string& group, const PlanId& plan,
                             const SolveRecord& record, absl::Duration took) {
  log_.Write(Severity::kInfo, "plan.active",
             {{"group", group},
              {"plan", PlanIdText(plan)},
              {"moved_slots", absl::StrCat(record.moved_slots)},
              {"took_ms", absl::StrFormat("%.1f", absl::ToDoubleMilliseconds(took))}});
}

void EventObserver::OnPlanFinished(const std::string& group, const PlanId& plan,
                                   const std::string& outcome) {
  log_.Write(outcome == "done" ? Severity::kInfo : Severity::kWarn, "plan.finished",
             {{"group", group}, {"plan", PlanIdText(plan)}, {"outcome", outcome}});
}

void EventObserver::OnPush(const std::string& group, RankId rank, const PlanId& plan) {
  log_.Write(Severity::kDebug, "plan.pushed",
             {{"group", group}, {"rank", absl::StrCat(rank.value)}, {"plan", PlanIdText(plan)}});
}

void EventObserver::OnSlowConsumer(const std::string& group, RankId rank,
                                   const std::string& detail) {
  log_.Write(Severity::kWarn, "worker.slow_consumer",
             {{"group", group}, {"rank", absl::StrCat(rank.value)}, {"detail", detail}});
}

void EventObserver::OnWorker(const std::string& group, RankId rank, const char* event,
                             const std::string& detail) {
  log_.Write(Severity::kInfo, absl::StrCat("worker.", event),
             {{"group", group}, {"rank", absl::StrCat(rank.value)}, {"detail", detail}});
}

void EventObserver::OnNack(const std::string& group, RankId rank, const Nack& nack) {
  log_.Write(Severity::kWarn, "worker.nack",
             {{"group", group},
              {"rank", absl::StrCat(rank.value)},
              {"code", NackCodeName(nack.code)},
              {"detail", nack.detail}});
}

void EventObserver::OnDigestDisagreements(const std::string& group, RankId rank,
                                          std::uint64_t votes) {
  log_.Write(
      Severity::kError, "vote.disagreement",
      {{"group", group}, {"rank", absl::StrCat(rank.value)}, {"votes", absl::StrCat(votes)}});
}

void EventObserver::OnStoreCall(const char* call, const absl::Status& status, absl::Duration) {
  if (status.ok()) return;
  log_.Write(
      Severity::kError, "store.error",
      {{"call", call},
       {"error", absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message())}});
}

}  // namespace ballast
