#include "daemon/observe/metrics.h"

#include <prometheus/text_serializer.h>

#include <optional>
#include <utility>
#include <vector>

#include "core/store/plan_store_errors.h"
#include "daemon/observe/group_series.h"
#include "daemon/observe/metric_families.h"
#include "daemon/observe/process_metrics.h"
#include "daemon/observe/version.h"

namespace ballast {
namespace {

const prometheus::Histogram::BucketBoundaries& CommitBuckets() {
  static const auto* const buckets = new prometheus::Histogram::BucketBoundaries{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1};
  return *buckets;
}

constexpr const char* kStoreErrors[] = {"sync",       "full",    "corrupt",
                                        "permission", "refused", "other"};

// What an operator would do about it; the codes are those of sqlite_database.h.
const char* StoreErrorKind(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "sync";
    case absl::StatusCode::kResourceExhausted:
      return "full";
    case absl::StatusCode::kDataLoss:
      return "corrupt";
    case absl::StatusCode::kPermissionDenied:
      return "permission";
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return "refused";
    default:
      return "other";
  }
}

// "aborted: rank 3 ..." -> "aborted".
std::string OutcomeLabel(const std::string& outcome) {
  return outcome.substr(0, outcome.find(':'));
}

double UnixNow(Clock& clock) { return absl::ToDoubleSeconds(clock.WallNow() - absl::UnixEpoch()); }

}  // namespace

Metrics::Metrics(std::uint64_t term, const std::string& grpc_version, Clock& clock)
    : clock_(clock), families_(std::make_unique<MetricFamilies>()) {
  families_->build_info
      .Add({{"version", Version()},
            {"revision", Revision()},
            {"grpc", grpc_version},
            {"compiler", Compiler()}})
      .Set(1);
  families_->leader.Add({}).Set(1);
  families_->leader_epoch.Add({}).Set(static_cast<double>(term));
  families_->leader_changes.Add({}).Increment();
  families_->store_seconds.Add({}, CommitBuckets());
  for (const char* kind : kStoreErrors) families_->store_errors.Add({{"kind", kind}});
  families_->self_probe_failures.Add({});
  OnConfigReload(true);
}

Metrics::~Metrics() = default;

void Metrics::AddGroup(const GroupSources& sources) {
  auto series = std::make_shared<GroupSeries>(*families_, sources);
  absl::MutexLock lock(&mutex_);
  groups_[sources.name] = std::move(series);
}

void Metrics::RemoveGroup(const std::string& name) {
  absl::MutexLock scraping(&scraping_);
  absl::MutexLock lock(&mutex_);
  groups_.erase(name);
}

void Metrics::SetStoreSpace(std::function<absl::StatusOr<std::int64_t>()> free_bytes) {
  store_free_bytes_ = std::move(free_bytes);
}

void Metrics::OnConfigReload(bool taken) {
  families_->reload_successful.Add({}).Set(taken ? 1 : 0);
  if (taken) families_->reload_success_time.Add({}).Set(UnixNow(clock_));
}

void Metrics::OnSelfProbe(bool answered) {
  if (!answered) families_->self_probe_failures.Add({}).Increment();
}

std::string Metrics::Scrape() {
  absl::MutexLock scraping(&scraping_);
  std::vector<std::shared_ptr<GroupSeries>> groups;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, series] : groups_) groups.push_back(series);
  }
  for (const std::shared_ptr<GroupSeries>& series : groups) series->Refresh(clock_);
  RefreshProcess();
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

void Metrics::RefreshProcess() {
  if (store_free_bytes_ != nullptr) {
    // Where nobody can tell, the store is in trouble: none left is the answer that alarms.
    families_->store_free_bytes.Add({}).Set(static_cast<double>(store_free_bytes_().value_or(0)));
  }
  const std::optional<ProcessUsage> usage = ReadProcessUsage();
  if (!usage.has_value()) return;
  prometheus::Counter& cpu = families_->cpu_seconds.Add({});
  cpu.Increment(usage->cpu_seconds - cpu.Value());
  families_->resident_bytes.Add({}).Set(usage->resident_bytes);
  families_->virtual_bytes.Add({}).Set(usage->virtual_bytes);
  families_->open_fds.Add({}).Set(usage->open_fds);
  families_->max_fds.Add({}).Set(usage->max_fds);
  families_->start_time.Add({}).Set(usage->start_unix_seconds);
}

std::shared_ptr<GroupSeries> Metrics::Find(const std::string& group) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : found->second;
}

void Metrics::OnReport(const std::string& group, const char* result, std::uint64_t picks) {
  const std::shared_ptr<GroupSeries> series = Find(group);
  if (series == nullptr) return;
  series->reports.Increment(result);
  series->report_tokens.Increment(static_cast<double>(picks));
}

void Metrics::OnSolve(const std::string& group, const SolveRecord& record) {
  const std::shared_ptr<GroupSeries> series = Find(group);
  if (series == nullptr) return;
  series->solve_seconds.Observe(absl::ToDoubleSeconds(record.solve_time));
  if (!record.decision.adopt) series->plans.Increment("refused_" + record.decision.reason);
}

void Metrics::OnSolveFailed(const std::string& group, const absl::Status&) {
  if (const auto series = Find(group)) series->plans.Increment("solve_failed");
}

void Metrics::OnPlan(const std::string&, const char*, const PlanId&, absl::Duration) {}

void Metrics::OnActive(const std::string& group, const PlanId&, const SolveRecord& record,
                       absl::Duration took) {
  const std::shared_ptr<GroupSeries> series = Find(group);
  if (series == nullptr) return;
  series->moved_slots.Increment(record.moved_slots);
  series->moved_bytes.Increment("same_row", static_cast<double>(record.same_row_bytes));
  series->moved_bytes.Increment("cross_row", static_cast<double>(record.cross_row_bytes));
  series->activation_seconds.Observe(absl::ToDoubleSeconds(took));
}

void Metrics::OnPlanFinished(const std::string& group, const PlanId&, const std::string& outcome) {
  if (const auto series = Find(group)) series->plans.Increment(OutcomeLabel(outcome));
}

void Metrics::OnPush(const std::string& group, RankId, const PlanId&) {
  if (const auto series = Find(group)) series->pushes.Increment();
}

void Metrics::OnSlowConsumer(const std::string& group, RankId, const std::string&) {
  if (const auto series = Find(group)) series->slow_consumers.Increment();
}

void Metrics::OnWorker(const std::string&, RankId, const char*, const std::string&) {}

void Metrics::OnNack(const std::string& group, RankId, const Nack& nack) {
  if (const auto series = Find(group)) series->nacks.Increment(NackCodeName(nack.code));
}

void Metrics::OnDigestDisagreements(const std::string& group, RankId, std::uint64_t votes) {
  if (const auto series = Find(group)) series->disagreements.Increment(static_cast<double>(votes));
}

void Metrics::OnStoreCall(const char*, const absl::Status& status, absl::Duration took) {
  if (status.ok()) {
    families_->store_seconds.Add({}, CommitBuckets()).Observe(absl::ToDoubleSeconds(took));
    return;
  }
  families_->store_errors.Add({{"kind", StoreErrorKind(status.code())}}).Increment();
  if (IsOtherTerm(status) && !deposed_.exchange(true)) {
    families_->leader.Add({}).Set(0);
    families_->leader_changes.Add({}).Increment();
  }
}

}  // namespace ballast
