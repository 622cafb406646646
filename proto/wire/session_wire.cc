#include "proto/wire/session_wire.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "core/model/topology.h"
#include "proto/wire/field_checks.h"
#include "proto/wire/placement_wire.h"

namespace ballast {
namespace {

using wire::CheckInRange;

constexpr int kMaxModes = 16;

absl::StatusOr<PlanId> DecodeIdField(absl::string_view field, bool present,
                                     const v1::PlanId& message) {
  if (!present) return absl::InvalidArgumentError(absl::StrCat(field, ": missing"));
  absl::StatusOr<PlanId> id = DecodePlanId(message);
  if (!id.ok()) return wire::InField(field, id.status());
  return id;
}

absl::Status CheckHelloScalars(const v1::Hello& message) {
  if (message.protocol_min() < 1 || message.protocol_min() > message.protocol_max()) {
    return absl::InvalidArgumentError(absl::StrCat("Hello.protocol_min: ", message.protocol_min(),
                                                   " out of [1, protocol_max ",
                                                   message.protocol_max(), "]"));
  }
  if (message.ep_group().empty()) return absl::InvalidArgumentError("Hello.ep_group: empty");
  BALLAST_RETURN_IF_ERROR(wire::CheckName("Hello.ep_group", message.ep_group()));
  BALLAST_RETURN_IF_ERROR(wire::CheckName("Hello.client_version", message.client_version()));
  BALLAST_RETURN_IF_ERROR(CheckInRange("Hello.world_size", message.world_size(), 1, kMaxRanks));
  BALLAST_RETURN_IF_ERROR(CheckInRange("Hello.rank", message.rank(), 0, message.world_size() - 1));
  BALLAST_RETURN_IF_ERROR(CheckInRange("Hello.row", message.row(), 0, message.world_size() - 1));
  BALLAST_RETURN_IF_ERROR(CheckInRange("Hello.num_slots", message.num_slots(), 1, kMaxSlots));
  BALLAST_RETURN_IF_ERROR(CheckInRange("Hello.spare_slots", message.spare_slots(), 0, kMaxSlots));
  if (message.incarnation() == 0) return absl::InvalidArgumentError("Hello.incarnation: 0");
  if (!std::isfinite(message.relative_speed()) || message.relative_speed() < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Hello.relative_speed: ", message.relative_speed(), " is not finite and >= 0"));
  }
  if (message.counter_bits() != 32 && message.counter_bits() != 64) {
    return absl::InvalidArgumentError(
        absl::StrCat("Hello.counter_bits: ", message.counter_bits(), " is not 32 or 64"));
  }
  return absl::OkStatus();
}

absl::StatusOr<RankHello> DecodeRankHello(const v1::Hello& message) {
  RankHello state;
  state.rank = RankId(static_cast<std::int32_t>(message.rank()));
  state.incarnation = message.incarnation();
  state.highest_term_seen = message.highest_term_seen();
  BALLAST_ASSIGN_OR_RETURN(state.active,
                           DecodeIdField("Hello.active", message.has_active(), message.active()));
  if (message.has_held()) {
    BALLAST_ASSIGN_OR_RETURN(state.held, DecodeIdField("Hello.held", true, message.held()));
  }
  if (message.held_is_committed() && !message.has_held()) {
    return absl::InvalidArgumentError("Hello.held_is_committed: true without a held plan");
  }
  state.held_is_committed = message.held_is_committed();
  return state;
}

absl::StatusOr<std::vector<ActivationMode>> DecodeModes(const v1::Hello& message) {
  if (message.activation_modes_size() > kMaxModes) {
    return absl::InvalidArgumentError(
        absl::StrCat("Hello.activation_modes: ", message.activation_modes_size(),
                     " entries, more than ", kMaxModes));
  }
  std::vector<ActivationMode> modes;
  for (const int mode : message.activation_modes()) {
    if (mode < 1 || mode > static_cast<int>(ActivationMode::kRestart)) {
      return absl::InvalidArgumentError(
          absl::StrCat("Hello.activation_modes: unknown value ", mode));
    }
    modes.push_back(static_cast<ActivationMode>(mode));
  }
  return modes;
}

// Commit, Abort and Retire have the same three fields.
template <typename Message>
absl::StatusOr<PlanOrder> DecodeOrder(absl::string_view field, const Message& message) {
  PlanOrder order;
  order.nonce = message.nonce();
  order.term = message.term();
  BALLAST_ASSIGN_OR_RETURN(order.plan, DecodeIdField(field, message.has_plan(), message.plan()));
  return order;
}

template <typename Message>
void EncodeOrder(const PlanOrder& order, Message* message) {
  message->set_nonce(order.nonce);
  message->set_term(order.term);
  EncodePlanId(order.plan, message->mutable_plan());
}

}  // namespace

void EncodeHello(const WorkerHello& hello, v1::Hello* message) {
  message->set_protocol_min(hello.protocol_min);
  message->set_protocol_max(hello.protocol_max);
  message->set_ep_group(hello.ep_group);
  message->set_rank(static_cast<std::uint32_t>(hello.state.rank.value));
  message->set_incarnation(hello.state.incarnation);
  message->set_membership_gen(hello.membership_gen);
  message->set_model_fingerprint(hello.model_fingerprint);
  EncodeModelShape(hello.shape, message->mutable_shape());
  message->set_row(static_cast<std::uint32_t>(hello.row.value));
  message->set_relative_speed(hello.relative_speed);
  message->set_num_slots(static_cast<std::uint32_t>(hello.num_slots));
  message->set_spare_slots(static_cast<std::uint32_t>(hello.spare_slots));
  message->set_counter_bits(static_cast<std::uint32_t>(hello.counter_bits));
  message->set_world_size(static_cast<std::uint32_t>(hello.world_size));
  message->clear_activation_modes();
  for (ActivationMode mode : hello.modes) {
    message->add_activation_modes(static_cast<v1::ActivationMode>(static_cast<int>(mode)));
  }
  EncodePlanId(hello.state.active, message->mutable_active());
  message->clear_held();
  if (hello.state.held.has_value()) EncodePlanId(*hello.state.held, message->mutable_held());
  message->set_held_is_committed(hello.state.held_is_committed);
  message->set_highest_term_seen(hello.state.highest_term_seen);
  message->set_topology_fingerprint(hello.topology_fingerprint);
  message->set_client_version(hello.client_version);
}

absl::StatusOr<WorkerHello> DecodeHello(const v1::Hello& message) {
  BALLAST_RETURN_IF_ERROR(CheckHelloScalars(message));
  WorkerHello hello;
  BALLAST_ASSIGN_OR_RETURN(hello.state, DecodeRankHello(message));
  BALLAST_ASSIGN_OR_RETURN(hello.modes, DecodeModes(message));
  absl::StatusOr<ModelShape> shape = DecodeModelShape(message.shape());
  if (!shape.ok()) return wire::InField("Hello.shape", shape.status());
  hello.shape = *shape;
  hello.protocol_min = message.protocol_min();
  hello.protocol_max = message.protocol_max();
  hello.ep_group = message.ep_group();
  hello.membership_gen = message.membership_gen();
  hello.model_fingerprint = message.model_fingerprint();
  hello.topology_fingerprint = message.topology_fingerprint();
  hello.row = RowId(static_cast<std::int32_t>(message.row()));
  hello.relative_speed = message.relative_speed() == 0 ? 1.0 : message.relative_speed();
  hello.num_slots = static_cast<int>(message.num_slots());
  hello.spare_slots = static_cast<int>(message.spare_slots());
  hello.counter_bits = static_cast<int>(message.counter_bits());
  hello.world_size = static_cast<int>(message.world_size());
  hello.client_version = message.client_version();
  return hello;
}

void EncodeAnswer(const WorkerAnswer& answer, v1::Status* message) {
  message->set_nonce(answer.nonce);
  EncodePlanId(answer.plan, message->mutable_plan());
  message->set_phase(static_cast<v1::WorkerPhase>(static_cast<int>(answer.phase)));
  message->set_progress_bytes(answer.progress_bytes);
  message->set_step(answer.step);
  message->clear_nack();
  if (answer.nack.has_value()) EncodeNack(*answer.nack, message->mutable_nack());
}

absl::StatusOr<WorkerAnswer> DecodeAnswer(const v1::Status& message) {
  const int phase = static_cast<int>(message.phase());
  if (phase < 1 || phase > static_cast<int>(WorkerPhase::kAborted)) {
    return absl::InvalidArgumentError(absl::StrCat("Status.phase: unknown value ", phase));
  }
  WorkerAnswer answer;
  answer.phase = static_cast<WorkerPhase>(phase);
  if (message.has_nack() != (answer.phase == WorkerPhase::kNack)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Status.nack: ", message.has_nack() ? "present" : "missing", " in phase ", phase));
  }
  BALLAST_ASSIGN_OR_RETURN(answer.plan,
                           DecodeIdField("Status.plan", message.has_plan(), message.plan()));
  if (message.has_nack()) {
    BALLAST_ASSIGN_OR_RETURN(answer.nack, DecodeNack(message.nack()));
  }
  answer.nonce = message.nonce();
  answer.progress_bytes = message.progress_bytes();
  answer.step = message.step();
  return answer;
}

void EncodeHeartbeat(const WorkerHeartbeat& heartbeat, v1::Heartbeat* message) {
  message->set_step(heartbeat.step);
  EncodePlanId(heartbeat.active, message->mutable_active());
  message->set_digest_disagreements(heartbeat.digest_disagreements);
}

absl::StatusOr<WorkerHeartbeat> DecodeHeartbeat(const v1::Heartbeat& message) {
  WorkerHeartbeat heartbeat;
  BALLAST_ASSIGN_OR_RETURN(
      heartbeat.active, DecodeIdField("Heartbeat.active", message.has_active(), message.active()));
  heartbeat.step = message.step();
  heartbeat.digest_disagreements = message.digest_disagreements();
  return heartbeat;
}

void EncodeWelcome(const DaemonWelcome& welcome, v1::Welcome* message) {
  message->set_term(welcome.term);
  message->set_protocol(welcome.protocol);
  message->set_daemon_id(welcome.daemon_id);
  message->set_heartbeat_period_ms(wire::PeriodMs(welcome.heartbeat_period));
  message->set_report_period_ms(wire::PeriodMs(welcome.report_period));
}

absl::StatusOr<DaemonWelcome> DecodeWelcome(const v1::Welcome& message) {
  BALLAST_RETURN_IF_ERROR(
      wire::CheckPeriodMs("Welcome.heartbeat_period_ms", message.heartbeat_period_ms()));
  BALLAST_RETURN_IF_ERROR(
      wire::CheckPeriodMs("Welcome.report_period_ms", message.report_period_ms()));
  BALLAST_RETURN_IF_ERROR(wire::CheckName("Welcome.daemon_id", message.daemon_id()));
  DaemonWelcome welcome;
  welcome.term = message.term();
  welcome.protocol = message.protocol();
  welcome.daemon_id = message.daemon_id();
  welcome.heartbeat_period = absl::Milliseconds(message.heartbeat_period_ms());
  welcome.report_period = absl::Milliseconds(message.report_period_ms());
  return welcome;
}

void EncodePrepareFields(const PrepareOrder& order, v1::Prepare* message) {
  message->set_nonce(order.nonce);
  message->set_term(order.term);
  EncodePlanId(order.plan, message->mutable_plan());
  EncodePlanId(order.base, message->mutable_base());
  message->set_deadline_hint_ms(wire::PeriodMs(order.deadline_hint));
  message->set_membership_gen(order.membership_gen);
  message->set_peers_run_plan(order.peers_run_plan);
}

void EncodePrepare(const PrepareOrder& order, v1::Prepare* message) {
  BALLAST_CHECK(order.placement.ok());
  EncodePrepareFields(order, message);
  EncodePlacement(*order.placement, message->mutable_placement());
}

absl::StatusOr<PrepareOrder> DecodePrepare(const v1::Prepare& message) {
  BALLAST_RETURN_IF_ERROR(
      wire::CheckPeriodMs("Prepare.deadline_hint_ms", message.deadline_hint_ms()));
  PrepareOrder order;
  BALLAST_ASSIGN_OR_RETURN(order.plan,
                           DecodeIdField("Prepare.plan", message.has_plan(), message.plan()));
  BALLAST_ASSIGN_OR_RETURN(order.base,
                           DecodeIdField("Prepare.base", message.has_base(), message.base()));
  order.nonce = message.nonce();
  order.term = message.term();
  order.deadline_hint = absl::Milliseconds(message.deadline_hint_ms());
  order.membership_gen = message.membership_gen();
  order.peers_run_plan = message.peers_run_plan();
  order.placement = DecodePlacement(message.placement(), order.plan.version);
  return order;
}

void EncodeCommit(const PlanOrder& order, v1::Commit* message) { EncodeOrder(order, message); }

void EncodeAbort(const PlanOrder& order, v1::Abort* message) {
  EncodeOrder(order, message);
  message->set_reason(order.reason);
}

void EncodeRetire(const PlanOrder& order, v1::Retire* message) { EncodeOrder(order, message); }

absl::StatusOr<PlanOrder> DecodeCommit(const v1::Commit& message) {
  return DecodeOrder("Commit.plan", message);
}

absl::StatusOr<PlanOrder> DecodeAbort(const v1::Abort& message) {
  BALLAST_ASSIGN_OR_RETURN(PlanOrder order, DecodeOrder("Abort.plan", message));
  order.reason = message.reason();
  return order;
}

absl::StatusOr<PlanOrder> DecodeRetire(const v1::Retire& message) {
  return DecodeOrder("Retire.plan", message);
}

void EncodeBookmark(const DaemonBookmark& bookmark, v1::Bookmark* message) {
  EncodePlanId(bookmark.decided, message->mutable_decided());
  message->set_term(bookmark.term);
  message->set_membership_gen(bookmark.membership_gen);
}

absl::StatusOr<DaemonBookmark> DecodeBookmark(const v1::Bookmark& message) {
  DaemonBookmark bookmark;
  BALLAST_ASSIGN_OR_RETURN(
      bookmark.decided,
      DecodeIdField("Bookmark.decided", message.has_decided(), message.decided()));
  bookmark.term = message.term();
  bookmark.membership_gen = message.membership_gen();
  return bookmark;
}

absl::StatusOr<std::string> DecodeGoodbye(const v1::Goodbye& message) {
  BALLAST_RETURN_IF_ERROR(wire::CheckName("Goodbye.reason", message.reason()));
  return message.reason();
}

void EncodeGoAway(const DaemonGoAway& go_away, v1::GoAway* message) {
  message->set_reason(go_away.reason);
  message->set_retry_after_ms(wire::PeriodMs(go_away.retry_after));
  message->set_leader_hint(go_away.leader_hint);
  message->set_for_good(go_away.for_good);
}

absl::StatusOr<DaemonGoAway> DecodeGoAway(const v1::GoAway& message) {
  BALLAST_RETURN_IF_ERROR(wire::CheckPeriodMs("GoAway.retry_after_ms", message.retry_after_ms()));
  BALLAST_RETURN_IF_ERROR(wire::CheckName("GoAway.leader_hint", message.leader_hint()));
  DaemonGoAway go_away;
  go_away.reason = message.reason();
  go_away.retry_after = absl::Milliseconds(message.retry_after_ms());
  go_away.leader_hint = message.leader_hint();
  go_away.for_good = message.for_good();
  return go_away;
}

}  // namespace ballast
