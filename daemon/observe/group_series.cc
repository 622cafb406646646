#include "daemon/observe/group_series.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/model/coverage.h"

namespace ballast {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

using Labels = std::map<std::string, std::string>;

const Histogram::BucketBoundaries& SolveBuckets() {
  static const auto* const buckets = new Histogram::BucketBoundaries{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
  return *buckets;
}

// From fake loaders to hundreds of gigabytes on a slow link.
const Histogram::BucketBoundaries& ActivationBuckets() {
  static const auto* const buckets =
      new Histogram::BucketBoundaries{0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
  return *buckets;
}

// The states of a plan as operators know them, and `idle`. A plan passes those between two
// turns of the loop unseen, and none stays where it ends.
const std::vector<std::string>& PhaseNames() {
  static const auto* const names = new std::vector<std::string>{
      "idle",     "proposed", "validated", "preparing", "decided", "committing", "active",
      "retiring", "done",     "aborting",  "aborted",   "refused", "dropped"};
  return *names;
}

// All ranks are prepared and the decision is being stored: it can still fail.
const char* PhaseLabel(PlanPhase phase) {
  return PlanPhaseName(phase == PlanPhase::kDeciding ? PlanPhase::kPreparing : phase);
}

const std::vector<std::string>& StateNames() {
  static const auto* const names = new std::vector<std::string>{
      "synced", "stale", "prepared", "nacked", "lagging", "ahead", "left", "gone"};
  return *names;
}

// A rank that votes for the plan it has loaded is a prepared one.
const char* StateLabel(RankState state) {
  return RankStateName(state == RankState::kHeld ? RankState::kPrepared : state);
}

std::vector<std::string> HoldNames() {
  std::vector<std::string> names;
  for (int hold = 0; hold <= static_cast<int>(SolveHold::kNotDue); ++hold) {
    names.emplace_back(SolveHoldName(static_cast<SolveHold>(hold)));
  }
  return names;
}

std::vector<std::string> ResultNames() {
  std::vector<std::string> names = {"rejected_shape", "queue_full"};
  for (int outcome = 0; outcome < kNumReportOutcomes; ++outcome) {
    names.emplace_back(ReportOutcomeName(static_cast<ReportOutcome>(outcome)));
  }
  return names;
}

std::vector<std::string> OutcomeNames() {
  return {"done",
          "aborted",
          "refused",
          "solve_failed",
          "refused_no_moves",
          "refused_no_gain",
          "refused_cost_exceeds_gain",
          "refused_min_interval",
          "refused_observe_only"};
}

std::vector<std::string> NackNames() {
  std::vector<std::string> names;
  for (int code = 0; code < kNumNackCodes; ++code) {
    names.emplace_back(NackCodeName(static_cast<NackCode>(code)));
  }
  return names;
}

double UnixSeconds(Clock& clock, absl::Duration uptime) {
  return absl::ToDoubleSeconds(clock.WallNow() - absl::UnixEpoch() - (clock.Uptime() - uptime));
}

}  // namespace

LabelledCounters::LabelledCounters(Family<Counter>& family, std::string group, std::string label,
                                   const std::vector<std::string>& values)
    : family_(family), group_(std::move(group)), label_(std::move(label)) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& value : values) CounterOf(value);
}

LabelledCounters::~LabelledCounters() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [value, counter] : counters_) family_.Remove(counter);
}

Counter& LabelledCounters::CounterOf(absl::string_view value) {
  const auto found = counters_.find(value);
  if (found != counters_.end()) return *found->second;
  Counter& counter = family_.Add({{"group", group_}, {label_, std::string(value)}});
  counters_.emplace(std::string(value), &counter);
  return counter;
}

void LabelledCounters::Increment(absl::string_view value, double by) {
  absl::MutexLock lock(&mutex_);
  CounterOf(value).Increment(by);
}

NumberedGauges::NumberedGauges(Family<Gauge>& family, std::string group, std::string label)
    : family_(family), group_(std::move(group)), label_(std::move(label)) {}

NumberedGauges::~NumberedGauges() { Truncate(0); }

void NumberedGauges::Set(std::size_t number, double value) {
  if (number >= gauges_.size()) gauges_.resize(number + 1, nullptr);
  Gauge*& gauge = gauges_[number];
  if (gauge == nullptr) {
    gauge = &family_.Add({{"group", group_}, {label_, absl::StrCat(number)}});
  }
  gauge->Set(value);
}

void NumberedGauges::SetAll(const std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) Set(i, values[i]);
  Truncate(values.size());
}

void NumberedGauges::Remove(std::size_t number) {
  if (number >= gauges_.size() || gauges_[number] == nullptr) return;
  family_.Remove(gauges_[number]);
  gauges_[number] = nullptr;
}

void NumberedGauges::Truncate(std::size_t number) {
  for (std::size_t i = number; i < gauges_.size(); ++i) Remove(i);
  if (number < gauges_.size()) gauges_.resize(number);
}

template <typename Series>
Series& GroupSeries::Own(Family<Series>& family, Series& series) {
  removals_.emplace_back([&family, &series] { family.Remove(&series); });
  return series;
}

Counter& GroupSeries::Own(Family<Counter>& family) {
  return Own(family, family.Add({{"group", sources_.name}}));
}

Gauge& GroupSeries::Own(Family<Gauge>& family) {
  return Own(family, family.Add({{"group", sources_.name}}));
}

Histogram& GroupSeries::Own(Family<Histogram>& family, const Histogram::BucketBoundaries& buckets) {
  return Own(family, family.Add({{"group", sources_.name}}, buckets));
}

GroupSeries::NamedGauges GroupSeries::OwnNamed(Family<Gauge>& family, const char* label,
                                               const std::vector<std::string>& values) {
  NamedGauges gauges;
  for (const std::string& value : values) {
    Gauge& gauge = family.Add({{"group", sources_.name}, {label, value}});
    gauges.emplace_back(value, &Own(family, gauge));
  }
  return gauges;
}

GroupSeries::GroupSeries(MetricFamilies& families, const GroupSources& sources)
    : sources_(sources),
      reports(families.reports, sources.name, "result", ResultNames()),
      plans(families.plans, sources.name, "outcome", OutcomeNames()),
      nacks(families.nacks, sources.name, "code", NackNames()),
      // A decided plan has a replica of each expert, so none is ever loaded from a host.
      moved_bytes(families.moved_bytes, sources.name, "link", {"same_row", "cross_row", "host"}),
      report_tokens(Own(families.report_tokens)),
      disagreements(Own(families.disagreements)),
      pushes(Own(families.pushes)),
      slow_consumers(Own(families.slow_consumers)),
      moved_slots(Own(families.moved_slots)),
      solve_seconds(Own(families.solve_seconds, SolveBuckets())),
      activation_seconds(Own(families.activation_seconds, ActivationBuckets())),
      phases_(OwnNamed(families.phase, "phase", PhaseNames())),
      holds_(OwnNamed(families.hold, "reason", HoldNames())),
      workers_(OwnNamed(families.workers, "state", StateNames())),
      loops_(OwnNamed(families.loop_turned, "loop", {"control", "rollout"})),
      phase_start_(Own(families.phase_start)),
      active_seq_(Own(families.active_seq)),
      paused_(Own(families.paused)),
      uncovered_(Own(families.uncovered)),
      single_row_(Own(families.single_row)),
      layer_imbalance_(families.layer_imbalance, sources.name, "layer"),
      layer_predicted_(families.layer_predicted, sources.name, "layer"),
      rank_load_(families.rank_load, sources.name, "rank"),
      last_report_(families.last_report, sources.name, "rank") {}

GroupSeries::~GroupSeries() {
  for (const std::function<void()>& remove : removals_) remove();
}

void GroupSeries::SetNamed(const NamedGauges& gauges, absl::string_view current) {
  for (const auto& [name, gauge] : gauges) gauge->Set(name == current ? 1 : 0);
}

void GroupSeries::Refresh(Clock& clock) {
  absl::MutexLock lock(&mutex_);
  const RolloutView rollout = sources_.rollout->View();
  const LoadView load = sources_.control->View();
  SetNamed(phases_, PhaseLabel(rollout.phase));
  SetNamed(holds_, SolveHoldName(load.hold));
  phase_start_.Set(UnixSeconds(clock, rollout.phase_since));
  active_seq_.Set(static_cast<double>(rollout.decided.version.sequence));
  paused_.Set(rollout.pause.paused ? 1 : 0);
  for (const auto& [loop, gauge] : loops_) {
    gauge->Set(UnixSeconds(clock, loop == "control" ? load.turned : rollout.turned));
  }
  layer_imbalance_.SetAll(load.layer_imbalance);
  layer_predicted_.SetAll(load.layer_predicted);
  const std::vector<bool> present = PresentRanks(rollout, load, clock.Uptime());
  RefreshRanks(rollout, load, present, clock);
  RefreshCoverage(present);
}

// A rank without a session has left. Ranks that are only observed need none: their reports
// prove them.
std::vector<bool> GroupSeries::PresentRanks(const RolloutView& rollout, const LoadView& load,
                                            absl::Duration now) const {
  const GroupConfig& config = *sources_.config;
  std::vector<bool> present(config.topology.num_ranks(), false);
  for (std::size_t rank = 0; rank < present.size(); ++rank) {
    const bool session = rank < rollout.workers.size() && HasSession(rollout.workers[rank].state);
    const bool observed = config.policy.observe_only && rank < load.last_report.size() &&
                          now - load.last_report[rank] <= config.load.stale_after;
    present[rank] = session || observed;
  }
  return present;
}

// What a rank that has left said last is no state of now.
void GroupSeries::RefreshRanks(const RolloutView& rollout, const LoadView& load,
                               const std::vector<bool>& present, Clock& clock) {
  for (const auto& [name, gauge] : workers_) {
    int count = 0;
    for (const WorkerView& worker : rollout.workers) count += StateLabel(worker.state) == name;
    gauge->Set(count);
  }
  for (std::size_t rank = 0; rank < present.size(); ++rank) {
    if (present[rank] && rank < load.rank_load_ratio.size()) {
      rank_load_.Set(rank, load.rank_load_ratio[rank]);
    } else {
      rank_load_.Remove(rank);
    }
    const bool reported =
        rank < load.last_report.size() && load.last_report[rank] > -absl::InfiniteDuration();
    if (present[rank] && reported) {
      last_report_.Set(rank, UnixSeconds(clock, load.last_report[rank]));
    } else {
      last_report_.Remove(rank);
    }
  }
  rank_load_.Truncate(present.size());
  last_report_.Truncate(present.size());
}

void GroupSeries::RefreshCoverage(const std::vector<bool>& present) {
  const GroupConfig& config = *sources_.config;
  const std::shared_ptr<const PlacementPlan> plan = sources_.rollout->Facts().decided_plan;
  LostRanks lost = NoRanksLost(config.topology);
  // Where nothing is heard of an observed group, nobody sends its counters, and nothing is
  // known of its ranks: no reason to wake anyone.
  const bool unheard = config.policy.observe_only &&
                       std::find(present.begin(), present.end(), true) == present.end();
  for (std::size_t rank = 0; rank < lost.size(); ++rank) lost[rank] = !present[rank] && !unheard;
  const int num_experts = config.shape.num_experts;
  uncovered_.Set(
      static_cast<double>(UncoveredExperts(num_experts, config.topology, *plan, lost).size()));
  single_row_.Set(SummarizeCoverage(num_experts, config.topology, *plan).single_row_experts);
}

}  // namespace ballast
