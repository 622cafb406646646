#include "client/worker/worker_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/worker/loader_thread.h"
#include "client/worker/plan_intake.h"
#include "client/worker/session_driver.h"
#include "client/worker/switch_point.h"
#include "client/worker/wakeup.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

absl::Status CheckOptions(const WorkerOptions& options, const Topology& topology) {
  BALLAST_RETURN_IF_ERROR(CheckShape(options.shape));
  if (options.ep_group.empty() || options.ep_group.size() > 256) {
    return absl::InvalidArgumentError(
        absl::StrCat("ep_group: ", options.ep_group.size(), " bytes out of [1, 256]"));
  }
  if (options.rank.value < 0 || options.rank.value >= topology.num_ranks()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank ", options.rank.value, " out of [0, ", topology.num_ranks(), ")"));
  }
  if (topology.num_slots() < options.shape.num_experts) {
    return absl::InvalidArgumentError(
        absl::StrCat(topology.num_slots(), " slots for ", options.shape.num_experts, " experts"));
  }
  if (options.counter_bits != 32 && options.counter_bits != 64) {
    return absl::InvalidArgumentError(
        absl::StrCat("counter_bits: ", options.counter_bits, " is not 32 or 64"));
  }
  if (options.spare_slots < 0 || options.spare_slots > kMaxSlots) {
    return absl::InvalidArgumentError(
        absl::StrCat("spare_slots: ", options.spare_slots, " out of [0, ", kMaxSlots, "]"));
  }
  for (const absl::Duration period :
       {options.reconnect_base, options.reconnect_cap, options.heartbeat_period,
        options.report_period, options.welcome_timeout}) {
    if (period <= absl::ZeroDuration()) {
      return absl::InvalidArgumentError(
          absl::StrCat("a period or timeout is ", absl::FormatDuration(period), ", not above 0"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const char* WorkerEventName(WorkerEvent::Kind kind) {
  switch (kind) {
    case WorkerEvent::Kind::kConnected:
      return "connected";
    case WorkerEvent::Kind::kDisconnected:
      return "disconnected";
    case WorkerEvent::Kind::kHelloRefused:
      return "hello_refused";
    case WorkerEvent::Kind::kStaleDaemon:
      return "stale_daemon";
    case WorkerEvent::Kind::kMalformedMessage:
      return "malformed_message";
    case WorkerEvent::Kind::kPlanReceived:
      return "plan_received";
    case WorkerEvent::Kind::kPlanPrepared:
      return "plan_prepared";
    case WorkerEvent::Kind::kPlanHeld:
      return "plan_held";
    case WorkerEvent::Kind::kPlanActivated:
      return "plan_activated";
    case WorkerEvent::Kind::kPlanDropped:
      return "plan_dropped";
    case WorkerEvent::Kind::kPlanNacked:
      return "plan_nacked";
    case WorkerEvent::Kind::kDigestDisagreement:
      return "digest_disagreement";
    case WorkerEvent::Kind::kReportRejected:
      return "report_rejected";
    case WorkerEvent::Kind::kLeft:
      return "left";
  }
  return "unknown";
}

int NumReportColumns(const WorkerOptions& options, const Topology& topology) {
  return options.report_form == ReportForm::kSlot ? topology.slots_of(options.rank).count
                                                  : options.shape.num_experts;
}

class WorkerSession::Impl {
 public:
  Impl(WorkerOptions options, PlanIntake intake, PlanInHand active, WeightLoader& loader)
      : options_(std::move(options)),
        intake_(std::move(intake)),
        wakeup_(std::make_shared<Wakeup>()),
        switch_point_(std::move(active),
                      {options_.shape.num_layers, NumReportColumns(options_, intake_.topology())},
                      options_.router, loader, wakeup_),
        loader_(loader, wakeup_),
        driver_(options_, {intake_, switch_point_, loader_, wakeup_},
                MakeSeeds(options_.seed != 0 ? options_.seed : RandomSeed())) {}

  SwitchPoint& switch_point() { return switch_point_; }
  bool Leave(const std::string& reason, absl::Duration patience) {
    return driver_.Leave(reason, patience);
  }

  WorkerStatus status() const {
    const SwitchPoint::View view = switch_point_.Look();
    WorkerStatus status;
    driver_.FillStatus(&status);
    status.active = view.active.id;
    status.state = view.state;
    status.held = view.held;
    status.step = switch_point_.step();
    status.plans_activated = view.activations;
    status.moved_slots = view.moved_slots;
    status.disagreements = view.disagreements;
    return status;
  }

 private:
  static SessionDriver::Seeds MakeSeeds(std::uint64_t seed) {
    Random random(seed);
    return {random.Next(), random.Next() | 1};
  }

  // In this order: the driver stops first, then the loader.
  const WorkerOptions options_;
  const PlanIntake intake_;
  const std::shared_ptr<Wakeup> wakeup_;
  SwitchPoint switch_point_;
  LoaderThread loader_;
  SessionDriver driver_;
};

absl::StatusOr<std::unique_ptr<WorkerSession>> WorkerSession::Create(WorkerOptions options,
                                                                     const Topology& topology,
                                                                     WeightLoader& loader) {
  BALLAST_RETURN_IF_ERROR(CheckOptions(options, topology));
  PlanIntake intake(options.shape, topology, options.rank);
  BALLAST_ASSIGN_OR_RETURN(
      PlanInHand active,
      intake.Make(options.start_plan.has_value() ? *options.start_plan
                                                 : InitialPlan(options.shape, topology)));
  return std::unique_ptr<WorkerSession>(new WorkerSession(
      std::make_unique<Impl>(std::move(options), std::move(intake), std::move(active), loader)));
}

WorkerSession::WorkerSession(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)), switch_point_(impl_->switch_point()) {}
WorkerSession::~WorkerSession() = default;

bool WorkerSession::BeginStep(std::uint64_t step) { return switch_point_.BeginStep(step); }
ReplicaRouter& WorkerSession::router() { return switch_point_.router(); }
LoadCounters& WorkerSession::counters() { return switch_point_.counters(); }
VoteWord WorkerSession::Vote() const { return switch_point_.Vote(); }
VoteResult WorkerSession::OnVote(const VoteWord& reduced) { return switch_point_.OnVote(reduced); }
void WorkerSession::EndStep(std::uint64_t step) { switch_point_.EndStep(step); }
TableCell& WorkerSession::tables() { return switch_point_.tables(); }
PlanId WorkerSession::active() const { return switch_point_.Look().active.id; }
std::uint64_t WorkerSession::active_digest_prefix() const {
  return switch_point_.active_digest_prefix();
}
std::shared_ptr<const PlacementPlan> WorkerSession::active_plan() const {
  return switch_point_.Look().active.plan;
}
WorkerStatus WorkerSession::status() const { return impl_->status(); }
bool WorkerSession::Leave(const std::string& reason, absl::Duration patience) {
  return impl_->Leave(reason, patience);
}

}  // namespace ballast
