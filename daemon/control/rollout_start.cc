#include "daemon/control/rollout_start.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"
#include "core/store/decision_record.h"

namespace ballast {
namespace {

constexpr char kRestarted[] = "the daemon restarted before the decision";

// Gives the newest decision its end if it led to `plan` and has none yet. Best effort: what
// is kept for people must not keep the daemon from starting.
void EndDecision(const GroupConfig& config, PlanStore& store, std::uint64_t term, PlanVersion plan,
                 const std::string& outcome) {
  const absl::StatusOr<std::vector<DecisionRecord>> newest = store.Decisions(config.name, 1);
  if (!newest.ok() || newest->empty()) return;
  if (newest->front().plan != plan || newest->front().outcome != kDecisionOffered) return;
  store.UpdateDecisionOutcome(config.name, plan, outcome, term).IgnoreError();
}

}  // namespace

bool IsMadeFor(const GroupConfig& config, const PlanRecord& record) {
  return record.shape.num_layers == config.shape.num_layers &&
         record.shape.num_experts == config.shape.num_experts &&
         CheckPlan(config.shape, config.topology, record.plan).ok();
}

absl::StatusOr<RolloutStart> RecoverGroup(const GroupConfig& config, PlanStore& store,
                                          std::uint64_t term, std::string* ignored) {
  BALLAST_ASSIGN_OR_RETURN(const std::vector<PlanRecord> preparing, store.Preparing(config.name));
  for (const PlanRecord& record : preparing) {
    BALLAST_RETURN_IF_ERROR(store.Abort(config.name, record.id.version, term, kRestarted));
    EndDecision(config, store, term, record.id.version, absl::StrCat("aborted: ", kRestarted));
  }
  const PlacementPlan initial = InitialPlan(config.shape, config.topology);
  RolloutStart start;
  start.decided = PlanIdOf(config.shape, initial);
  start.plan = std::make_shared<const PlacementPlan>(initial);
  start.store_base = start.decided;
  BALLAST_ASSIGN_OR_RETURN(start.pause, store.Pause(config.name));
  BALLAST_ASSIGN_OR_RETURN(start.membership, store.Membership(config.name));
  // The fleet may be smaller by now.
  std::erase_if(start.membership.left, [&](RankId rank) {
    return !rank.valid() || rank.value >= config.topology.num_ranks();
  });
  absl::StatusOr<PlanRecord> latest = store.LatestDecided(config.name);
  if (absl::IsNotFound(latest.status())) return start;
  BALLAST_RETURN_IF_ERROR(latest.status());
  start.store_base = latest->id;
  EndDecision(config, store, term, latest->id.version, "decided, then the daemon restarted");
  if (!IsMadeFor(config, *latest)) {
    *ignored =
        absl::StrCat("stored plan ", PlanIdText(latest->id), " is for ", latest->shape.num_layers,
                     " layers x ", latest->shape.num_experts, " experts on topology ",
                     absl::Hex(latest->plan.topology_fingerprint), ", the configuration says ",
                     config.shape.num_layers, " x ", config.shape.num_experts, " on ",
                     absl::Hex(config.topology.fingerprint()));
    return start;
  }
  start.decided = latest->id;
  start.decided_when = latest->decided;
  start.imbalance_planned = latest->imbalance_after;
  start.plan = std::make_shared<const PlacementPlan>(std::move(latest->plan));
  return start;
}

}  // namespace ballast
