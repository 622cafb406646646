#include "daemon/control/control_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/solver/bounds.h"
#include "core/solver/input_digest.h"
#include "core/store/decision_record.h"

namespace ballast {
namespace {

// Chosen: operators are few, and each call is answered within a turn.
constexpr std::size_t kRequestCapacity = 16;

// Chosen: how late a time-driven solve may start.
constexpr absl::Duration kTurn = absl::Milliseconds(50);

// Chosen: reports of many ranks are taken together, so that the thread wakes 100 times a
// second at most; a tenth of the 100 ms that a switch may take.
constexpr absl::Duration kGather = absl::Milliseconds(10);

// Chosen: steps drift over minutes.
constexpr absl::Duration kDriftPeriod = absl::Seconds(1);

std::unique_ptr<Planner> PlannerOf(const GroupConfig& config) {
  absl::StatusOr<std::unique_ptr<Planner>> planner = MakePlanner(config.planner);
  BALLAST_CHECK(planner.ok());
  return std::move(planner).value();
}

std::vector<double> Ratios(const std::vector<LayerBalance>& layers) {
  std::vector<double> ratios;
  ratios.reserve(layers.size());
  for (const LayerBalance& layer : layers) ratios.push_back(layer.imbalance_ratio());
  return ratios;
}

// Each rank's picks over the mean of its share by speed; empty if nothing was measured.
std::vector<double> RankRatios(const Topology& topology, std::vector<double> picks) {
  if (picks.empty()) return picks;
  double total = 0;
  double speeds = 0;
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    total += picks[rank];
    speeds += topology.relative_speed(RankId(rank));
  }
  if (total <= 0) return {};
  for (int rank = 0; rank < topology.num_ranks(); ++rank) {
    picks[rank] *= speeds / (total * topology.relative_speed(RankId(rank)));
  }
  return picks;
}

// Changes whose new expert has a replica in the same row before the change.
std::int64_t CountSameRow(const Topology& topology, const PlacementPlan& before,
                          const std::vector<SlotChange>& changes) {
  std::int64_t count = 0;
  for (const SlotChange& change : changes) {
    const RowId row = topology.row_of(topology.rank_of(change.slot));
    const absl::Span<const ExpertId> experts = before.experts(change.layer);
    for (int slot = 0; slot < before.num_slots; ++slot) {
      if (experts[slot] == change.after && topology.row_of(topology.rank_of(SlotId(slot))) == row) {
        ++count;
        break;
      }
    }
  }
  return count;
}

}  // namespace

ControlLoop::ControlLoop(const GroupConfig& config, PlanPublisher& publisher,
                         GroupObserver& observer, Clock& clock)
    : config_(config),
      publisher_(publisher),
      observer_(observer),
      clock_(clock),
      planner_(PlannerOf(config)),
      initial_plan_(InitialPlan(config.shape, config.topology)),
      refusals_(config.name, config.topology.num_ranks(), observer),
      drift_checked_(clock.Uptime()),
      inbox_(config.topology.num_ranks()),
      requests_(kRequestCapacity),
      window_(config.shape, config.topology, config.load),
      policy_(config.policy, clock.Uptime()),
      solve_time_(clock.Uptime()),
      last_report_(config.topology.num_ranks(), -absl::InfiniteDuration()),
      last_step_(config.topology.num_ranks(), 0) {
  window_.AddPlan(PlanIdOf(config.shape, initial_plan_), initial_plan_);
  absl::MutexLock lock(&mutex_);
  view_.turned = clock_.Uptime();
  view_.solve_time = solve_time_;
  view_.last_report = last_report_;
  view_.last_step = last_step_;
}

ControlLoop::~ControlLoop() { Stop(); }

void ControlLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void ControlLoop::Stop() {
  inbox_.Close();
  requests_.Close();
  if (thread_.joinable()) thread_.join();
}

bool ControlLoop::Submit(LoadReport&& report) {
  if (inbox_.TryPut(report)) return true;
  observer_.OnReport(config_.name, "queue_full", 0);
  return false;
}

void ControlLoop::Refuse(RankId rank, const char* result, const std::string& reason) {
  observer_.OnReport(config_.name, result, 0);
  refusals_.Add(rank, result, reason, clock_.Uptime());
}

void ControlLoop::Steer(SteeringCall call, std::shared_ptr<const PlanRecord> content) {
  const std::shared_ptr<SteeringTicket> ticket = call.ticket;
  if (requests_.TryPush({std::move(call), std::move(content)})) return;
  ticket->OnEnd(absl::UnavailableError("the group's control queue is full or closed"), {});
}

LoadView ControlLoop::View() const {
  absl::MutexLock lock(&mutex_);
  return view_;
}

std::shared_ptr<const LoadSnapshot> ControlLoop::Snapshot() const {
  absl::MutexLock lock(&mutex_);
  return snapshot_;
}

void ControlLoop::Run() {
  while (!inbox_.closed()) {
    Turn(clock_.Uptime() + kTurn);
    inbox_.Gather(clock_, clock_.Uptime() + kGather);
  }
}

void ControlLoop::Reconfigure(const GroupConfig& config) {
  absl::MutexLock lock(&mutex_);
  next_config_ = config;
}

void ControlLoop::TakeNextConfig() {
  std::optional<GroupConfig> next;
  {
    absl::MutexLock lock(&mutex_);
    next = std::exchange(next_config_, std::nullopt);
  }
  if (!next.has_value()) return;
  TakeTuning(*next, &config_);
  policy_.SetOptions(config_.policy);
  window_.SetOptions(config_.load);
}

void ControlLoop::Turn(absl::Duration deadline) {
  inbox_.TakeAll(clock_, deadline, reports_);
  TakeNextConfig();
  const absl::Duration now = clock_.Uptime();
  const RolloutFacts facts = publisher_.Facts();
  // Before the reports: some may have been counted under the newest plan.
  if (facts.decided != known_plan_) {
    window_.AddPlan(facts.decided, *facts.decided_plan);
    known_plan_ = facts.decided;
    // Also for a plan found in the store: its age is not known on this clock, so a restart is
    // taken as the youngest it can be. Otherwise each restart would excuse one early move.
    if (facts.decided.version.sequence > 0) policy_.OnAdopted(now);
  }
  for (LoadReport& report : reports_) Ingest(std::move(report), now);
  UpdateSnapshot(now);
  NameDriftingRanks(now);

  for (const SteeringRequest& request : requests_.PopAll(clock_, now)) Serve(request, facts, now);
  SolveHold hold = policy_.ShouldSolve(InputOf(facts, now), now);
  if (hold == SolveHold::kNone) {
    UpdateView(hold, facts, now);  // A solve may take a while.
    Solve(facts, now);
    hold = policy_.ShouldSolve(InputOf(facts, now), now);
  }
  UpdateView(hold, facts, now);
}

PolicyInput ControlLoop::InputOf(const RolloutFacts& facts, absl::Duration now) const {
  // A group that only observes sends nothing to its workers, so it needs none: its reports
  // may come from outside.
  const bool observes = config_.policy.observe_only;
  return {.all_ranks_connected = facts.all_connected || observes,
          .rollout_idle = facts.idle || observes,
          .paused = facts.paused,
          .coverage = window_.Coverage(now),
          .batches = window_.estimate().batches,
          .min_last_step = window_.MinLastStep()};
}

void ControlLoop::Ingest(LoadReport&& report, absl::Duration now) {
  const std::uint64_t before = window_.total_picks();
  const RankId rank = report.rank;
  const absl::StatusOr<ReportOutcome> outcome = window_.Add(std::move(report), now);
  if (!outcome.ok()) {
    Refuse(rank, "rejected_shape", std::string(outcome.status().message()));
    return;
  }
  if (*outcome == ReportOutcome::kImplausible || *outcome == ReportOutcome::kReset ||
      *outcome == ReportOutcome::kOldIncarnation) {
    Refuse(rank, ReportOutcomeName(*outcome), window_.refusal());
    return;
  }
  observer_.OnReport(config_.name, ReportOutcomeName(*outcome), window_.total_picks() - before);
  if (*outcome == ReportOutcome::kAccepted || *outcome == ReportOutcome::kBaseline) {
    last_report_[rank.value] = now;
    last_step_[rank.value] = report.step_last;
  }
}

void ControlLoop::NameDriftingRanks(absl::Duration now) {
  if (now - drift_checked_ < kDriftPeriod) return;
  drift_checked_ = now;
  for (const auto& [rank, reason] : window_.DriftingRanks(now)) {
    refusals_.Add(rank, "step_drift", reason, now);
  }
}

void ControlLoop::Solve(const RolloutFacts& facts, absl::Duration now) {
  policy_.OnSolve(window_.MinLastStep(), now);
  ++solves_;
  solve_step_ = window_.MinLastStep();
  solve_time_ = now;
  const PlanRequest request = RequestOf(facts);
  absl::StatusOr<PlanResult> result = planner_->Plan(request);
  if (!result.ok()) {
    observer_.OnSolveFailed(config_.name, result.status());
    SolveRecord failed = BeginRecord(facts, request);
    failed.decision.reason = "solve_failed";
    failed.solve_time = clock_.Uptime() - now;
    publisher_.Record(std::move(failed), absl::StrCat("failed: ", result.status().message()));
    return;
  }
  SolveRecord record = BeginRecord(facts, request);
  Judge(facts, *result, now, &record);
  record.solve_time = clock_.Uptime() - now;
  observer_.OnSolve(config_.name, record);
  last_solve_ = record;
  if (!record.decision.adopt) {
    publisher_.Record(std::move(record), kDecisionDeclined);
    return;
  }
  Adopt(*std::move(result), record, std::nullopt, now);
}

PlanRequest ControlLoop::RequestOf(const RolloutFacts& facts) const {
  return {.shape = config_.shape,
          .topology = config_.topology,
          .load = window_.estimate().mean,
          .current = facts.decided_plan.get(),
          .options = config_.planner_options};
}

void ControlLoop::Adopt(PlanResult result, const SolveRecord& record,
                        std::optional<SteeredPlan> steered, absl::Duration now) {
  policy_.OnAdopted(now);
  offered_ = {record.digest,
              Ratios(PlanBalance(config_.topology, window_.estimate().mean, result.plan))};
  publisher_.Offer(
      {std::make_shared<const PlacementPlan>(std::move(result.plan)), record, std::move(steered)});
}

SolveRecord ControlLoop::BeginRecord(const RolloutFacts& facts, const PlanRequest& request) const {
  SolveRecord record;
  record.solved = clock_.WallNow();
  record.step = window_.MinLastStep();
  record.base = facts.decided;
  record.planner = std::string(planner_->name());
  record.input_digest = PlanInputDigest(planner_->name(), request);
  record.required_gain = config_.policy.min_gain;
  return record;
}

void ControlLoop::Judge(const RolloutFacts& facts, const PlanResult& result, absl::Duration now,
                        SolveRecord* record) const {
  const LoadMatrix& load = window_.estimate().mean;
  const auto live = PlanBalance(config_.topology, load, *facts.decided_plan);
  const auto fresh = PlanBalance(config_.topology, load, result.plan);
  const std::vector<SlotChange> changes = Diff(*facts.decided_plan, result.plan);
  record->digest = PlanDigest(config_.shape, result.plan);
  record->branch = result.policy;
  record->imbalance_now = MeanImbalanceRatio(live);
  record->imbalance_new = MeanImbalanceRatio(fresh);
  record->balancedness_now = Balancedness(live);
  record->balancedness_new = Balancedness(fresh);
  record->imbalance_initial =
      MeanImbalanceRatio(PlanBalance(config_.topology, load, initial_plan_));
  for (int layer = 0; layer < load.num_layers(); ++layer) {
    record->lower_bound +=
        LayerLowerBound(config_.topology, load.layer(LayerId(layer)), SplitRule::kEqual).value;
  }
  record->moved_slots = static_cast<int>(changes.size());
  const std::int64_t same_row = CountSameRow(config_.topology, *facts.decided_plan, changes);
  record->same_row_bytes = same_row * config_.shape.expert_bytes;
  record->cross_row_bytes = (record->moved_slots - same_row) * config_.shape.expert_bytes;
  record->busiest_rank_bytes =
      MaxChangesOnOneRank(config_.topology, changes) * config_.shape.expert_bytes;
  record->decision =
      policy_.Decide(live, fresh, record->busiest_rank_bytes, record->moved_slots, now);
}

void ControlLoop::UpdateSnapshot(absl::Duration now) {
  const LoadEstimate& estimate = window_.estimate();
  if (estimate.batches == snapshot_batches_) return;
  snapshot_batches_ = estimate.batches;
  auto snapshot = std::make_shared<LoadSnapshot>();
  snapshot->batches = estimate.batches;
  snapshot->step = window_.MinLastStep();
  snapshot->closed = now;
  snapshot->mean = estimate.mean;
  if (!estimate.scenarios.empty()) snapshot->last_batch = estimate.scenarios.back();
  const absl::Span<const double> measured = window_.MeasuredPicks();
  snapshot->measured.assign(measured.begin(), measured.end());
  absl::MutexLock lock(&mutex_);
  snapshot_ = std::move(snapshot);
}

void ControlLoop::UpdateView(SolveHold hold, const RolloutFacts& facts, absl::Duration now) {
  const std::uint64_t batches = window_.estimate().batches;
  // Fewer batches than a solve would go by say little.
  if (measured_batches_ != batches && batches >= config_.policy.min_batches) {
    measured_batches_ = batches;
    const std::vector<LayerBalance> measured = window_.MeasuredBalance();
    imbalance_measured_ = MeanImbalanceRatio(measured);
    layer_imbalance_ = Ratios(measured);
    rank_load_ratio_ = RankRatios(config_.topology, window_.MeasuredRankPicks());
  }
  LoadView view;
  view.turned = now;
  view.min_last_step = window_.MinLastStep();
  view.coverage = window_.Coverage(now);
  view.hold = hold;
  view.solves = solves_;
  view.solve_step = solve_step_;
  view.solve_time = solve_time_;
  view.batches = window_.estimate().batches;
  view.total_picks = window_.total_picks();
  view.reports_dropped = inbox_.dropped();
  view.imbalance_measured = imbalance_measured_;
  view.layer_imbalance = layer_imbalance_;
  if (offered_.plan == facts.decided.digest) predicted_ = offered_;
  if (predicted_.plan == facts.decided.digest) view.layer_predicted = predicted_.layers;
  view.rank_load_ratio = rank_load_ratio_;
  view.last_report = last_report_;
  view.last_step = last_step_;
  view.last_solve = last_solve_;
  absl::MutexLock lock(&mutex_);
  view_ = std::move(view);
}

}  // namespace ballast
