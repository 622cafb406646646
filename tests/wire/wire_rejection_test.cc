// Goal: every malformed message is refused with the field and the value named.
// Method: one valid message of each kind, one field spoilt per case.

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/load_wire.h"
#include "proto/wire/placement_wire.h"
#include "proto/wire/session_wire.h"

namespace ballast {
namespace {

using testing::HasSubstr;

PlanId SomePlanId() { return {{3, 4}, {1, 2, 3}}; }

template <typename Message>
struct Case {
  const char* name;
  std::function<void(Message&)> spoil;
  const char* says;
};

template <typename Message, std::size_t N>
void ExpectRefused(const Case<Message> (&cases)[N], const Message& valid,
                   const std::function<absl::Status(const Message&)>& decode) {
  ASSERT_TRUE(decode(valid).ok()) << decode(valid);
  for (const Case<Message>& c : cases) {
    SCOPED_TRACE(c.name);
    Message message = valid;
    c.spoil(message);
    const absl::Status status = decode(message);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
  }
}

v1::Counters ValidCounters() {
  GroupReport report;
  report.ep_group = "main";
  report.num_layers = 2;
  report.num_columns = 3;
  report.report.rank = RankId(1);
  report.report.incarnation = 9;
  report.report.sequence = 1;
  report.report.plan = SomePlanId();
  report.report.step_first = 5;
  report.report.step_last = 8;
  report.report.counts.assign(6, 11);
  v1::Counters message;
  EncodeCounters(report, &message);
  return message;
}

TEST(CountersWireTest, RefusesMalformedCounters) {
  using M = v1::Counters;
  const Case<M> cases[] = {
      {"no group", [](M& m) { m.clear_ep_group(); }, "Counters.ep_group: empty"},
      {"long group", [](M& m) { m.set_ep_group(std::string(257, 'a')); }, "257 bytes"},
      {"rank", [](M& m) { m.set_rank(4096); }, "Counters.rank: 4096 out of [0, 4095]"},
      {"huge rank", [](M& m) { m.set_rank(0xffffffff); }, "4294967295 out of"},
      {"incarnation", [](M& m) { m.set_incarnation(0); }, "Counters.incarnation: 0"},
      {"sequence", [](M& m) { m.set_sequence(0); }, "Counters.sequence: 0"},
      {"no plan", [](M& m) { m.clear_plan(); }, "Counters.plan: missing"},
      {"digest", [](M& m) { m.mutable_plan()->set_digest("short"); },
       "Counters.plan: PlanId.digest: 5 bytes, not 32"},
      {"no form", [](M& m) { m.set_form(v1::COUNTER_FORM_UNSPECIFIED); },
       "Counters.form: unknown value 0"},
      {"new form", [](M& m) { m.set_form(static_cast<v1::CounterForm>(9)); },
       "Counters.form: unknown value 9"},
      {"encoding", [](M& m) { m.set_encoding(static_cast<v1::CounterEncoding>(2)); },
       "Counters.encoding: unknown value 2"},
      {"bits", [](M& m) { m.set_counter_bits(16); }, "Counters.counter_bits: 16 is not 32 or 64"},
      {"no layers", [](M& m) { m.set_num_layers(0); }, "Counters.num_layers: 0 out of [1, 512]"},
      {"layers", [](M& m) { m.set_num_layers(513); }, "Counters.num_layers: 513"},
      {"no columns", [](M& m) { m.set_num_columns(0); }, "Counters.num_columns: 0"},
      {"columns", [](M& m) { m.set_num_columns(65537); }, "Counters.num_columns: 65537"},
      {"short blob", [](M& m) { m.mutable_counts()->pop_back(); },
       "Counters.counts: 47 bytes, not 48"},
      {"long blob", [](M& m) { m.mutable_counts()->push_back('x'); },
       "Counters.counts: 49 bytes, not 48"},
      {"width", [](M& m) { m.set_counter_bits(32); }, "Counters.counts: 48 bytes, not 24"},
      {"tokens",
       [](M& m) {
         m.set_counter_bits(32);
         m.set_tokens(std::uint64_t{1} << 32);
       },
       "Counters.tokens: 4294967296 does not fit 32 bits"},
      {"steps", [](M& m) { m.set_step_last(3); }, "Counters.step_last: 3 lies before step_first 5"},
  };
  ExpectRefused<M>(cases, ValidCounters(), [](const M& m) {
    GroupReport report;
    return DecodeCounters(m, &report);
  });
}

TEST(CountersWireTest, TakesAReportBeforeTheFirstStepEnded) {
  v1::Counters message = ValidCounters();
  GroupReport report;
  message.set_step_last(4);
  EXPECT_TRUE(DecodeCounters(message, &report).ok());
  message.set_step_first(0);
  message.set_step_last(std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(DecodeCounters(message, &report).ok());
}

v1::Hello ValidHello() {
  WorkerHello hello;
  hello.ep_group = "main";
  hello.state.rank = RankId(3);
  hello.state.incarnation = 5;
  hello.state.active = SomePlanId();
  hello.state.held = SomePlanId();
  hello.shape = {58, 256, 8, 8, 1000};
  hello.row = RowId(0);
  hello.num_slots = 3;
  hello.world_size = 16;
  hello.modes = {ActivationMode::kInBand};
  v1::Hello message;
  EncodeHello(hello, &message);
  return message;
}

TEST(HelloWireTest, RefusesMalformedHellos) {
  using M = v1::Hello;
  const double nan = std::nan("");
  const double inf = std::numeric_limits<double>::infinity();
  const Case<M> cases[] = {
      {"protocol 0", [](M& m) { m.set_protocol_min(0); }, "Hello.protocol_min: 0"},
      {"protocol order", [](M& m) { m.set_protocol_min(2); },
       "Hello.protocol_min: 2 out of [1, protocol_max 1]"},
      {"no group", [](M& m) { m.clear_ep_group(); }, "Hello.ep_group: empty"},
      {"long group", [](M& m) { m.set_ep_group(std::string(300, 'g')); }, "300 bytes"},
      {"long version", [](M& m) { m.set_client_version(std::string(300, 'v')); },
       "Hello.client_version"},
      {"rank", [](M& m) { m.set_rank(16); }, "Hello.rank: 16 out of [0, 15]"},
      {"row", [](M& m) { m.set_row(16); }, "Hello.row: 16 out of [0, 15]"},
      {"world", [](M& m) { m.set_world_size(4097); }, "Hello.world_size: 4097"},
      {"no world", [](M& m) { m.set_world_size(0); }, "Hello.world_size: 0"},
      {"incarnation", [](M& m) { m.set_incarnation(0); }, "Hello.incarnation: 0"},
      {"no slots", [](M& m) { m.set_num_slots(0); }, "Hello.num_slots: 0"},
      {"slots", [](M& m) { m.set_num_slots(65537); }, "Hello.num_slots: 65537"},
      {"spare", [](M& m) { m.set_spare_slots(65537); }, "Hello.spare_slots: 65537"},
      {"speed NaN", [nan](M& m) { m.set_relative_speed(nan); }, "Hello.relative_speed: nan"},
      {"speed inf", [inf](M& m) { m.set_relative_speed(inf); }, "Hello.relative_speed: inf"},
      {"speed < 0", [](M& m) { m.set_relative_speed(-1); }, "Hello.relative_speed: -1"},
      {"bits", [](M& m) { m.set_counter_bits(63); }, "Hello.counter_bits: 63"},
      {"mode 0", [](M& m) { m.set_activation_modes(0, v1::ACTIVATION_MODE_UNSPECIFIED); },
       "Hello.activation_modes: unknown value 0"},
      {"mode 9", [](M& m) { m.add_activation_modes(static_cast<v1::ActivationMode>(9)); },
       "Hello.activation_modes: unknown value 9"},
      {"modes",
       [](M& m) {
         for (int i = 0; i < 16; ++i) m.add_activation_modes(v1::ACTIVATION_MODE_BARRIER);
       },
       "Hello.activation_modes: 17 entries"},
      {"no active", [](M& m) { m.clear_active(); }, "Hello.active: missing"},
      {"active digest", [](M& m) { m.mutable_active()->clear_digest(); },
       "Hello.active: PlanId.digest: 0 bytes"},
      {"held digest", [](M& m) { m.mutable_held()->set_digest(std::string(33, 'x')); },
       "Hello.held: PlanId.digest: 33 bytes"},
      {"committed nothing",
       [](M& m) {
         m.clear_held();
         m.set_held_is_committed(true);
       },
       "Hello.held_is_committed"},
      {"no shape", [](M& m) { m.clear_shape(); }, "Hello.shape: "},
      {"layers", [](M& m) { m.mutable_shape()->set_num_layers(513); }, "513"},
      {"experts", [](M& m) { m.mutable_shape()->set_num_experts(0x80000000); }, "2147483647"},
      {"top k", [](M& m) { m.mutable_shape()->set_top_k(257); }, "257"},
      {"bytes", [](M& m) { m.mutable_shape()->set_expert_bytes(~0ull); },
       "ModelShape.expert_bytes: 18446744073709551615"},
  };
  ExpectRefused<M>(cases, ValidHello(), [](const M& m) { return DecodeHello(m).status(); });
}

TEST(HelloWireTest, ReadsZeroSpeedAndZeroGroupsAsOne) {
  v1::Hello message = ValidHello();
  message.set_relative_speed(0);
  message.mutable_shape()->set_num_expert_groups(0);
  const auto hello = DecodeHello(message);
  ASSERT_TRUE(hello.ok()) << hello.status();
  EXPECT_EQ(hello->relative_speed, 1.0);
  EXPECT_EQ(hello->shape.num_expert_groups, 1);
}

v1::PlacementTable ValidTable() {
  PlacementPlan plan;
  plan.num_slots = 2;
  plan.expert_in_slot = {ExpertId(0), ExpertId(1), ExpertId(1), ExpertId(0)};
  plan.share.assign(4, kWholeShare);
  v1::PlacementTable message;
  EncodePlacement(plan, &message);
  return message;
}

TEST(PlacementWireTest, RefusesMalformedTables) {
  using M = v1::PlacementTable;
  const Case<M> cases[] = {
      {"no layers", [](M& m) { m.set_num_layers(0); }, "PlacementTable.num_layers: 0"},
      {"layers", [](M& m) { m.set_num_layers(513); }, "PlacementTable.num_layers: 513"},
      {"no slots", [](M& m) { m.set_num_slots(0); }, "PlacementTable.num_slots: 0"},
      {"slots", [](M& m) { m.set_num_slots(65537); }, "PlacementTable.num_slots: 65537"},
      {"experts", [](M& m) { m.mutable_expert_in_slot()->pop_back(); },
       "PlacementTable.expert_in_slot: 7 bytes, not 8"},
      {"shares", [](M& m) { m.mutable_share()->append("xx"); },
       "PlacementTable.share: 10 bytes, not 8"},
      {"expert", [](M& m) { (*m.mutable_expert_in_slot())[5] = '\x10'; },
       "layer 1, slot 0: expert 4097 out of [0, 4096)"},
  };
  ExpectRefused<M>(cases, ValidTable(), [](const M& m) { return DecodePlacement(m, {}).status(); });
}

TEST(PrepareWireTest, KeepsABadPlacementApartFromABadOrder) {
  v1::Prepare message;
  EncodePlanId(SomePlanId(), message.mutable_plan());
  EncodePlanId(SomePlanId(), message.mutable_base());
  *message.mutable_placement() = ValidTable();
  message.mutable_placement()->set_num_slots(3);
  auto order = DecodePrepare(message);
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->placement.status().code(), absl::StatusCode::kInvalidArgument);
  message.clear_base();
  order = DecodePrepare(message);
  EXPECT_EQ(order.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(order.status().message(), "Prepare.base: missing");
}

TEST(PrepareWireTest, RefusesADeadlineBeyondAnHour) {
  v1::Prepare message;
  EncodePlanId(SomePlanId(), message.mutable_plan());
  EncodePlanId(SomePlanId(), message.mutable_base());
  message.set_deadline_hint_ms(3'600'001);
  EXPECT_THAT(std::string(DecodePrepare(message).status().message()),
              HasSubstr("Prepare.deadline_hint_ms: 3600001"));
}

TEST(AnswerWireTest, RefusesMalformedAnswers) {
  using M = v1::Status;
  M valid;
  EncodeAnswer({1, SomePlanId(), WorkerPhase::kNack, 0, 0, Nack{NackCode::kBusy, "why"}}, &valid);
  const Case<M> cases[] = {
      {"no phase", [](M& m) { m.set_phase(v1::WORKER_PHASE_UNSPECIFIED); },
       "Status.phase: unknown value 0"},
      {"new phase", [](M& m) { m.set_phase(static_cast<v1::WorkerPhase>(8)); },
       "Status.phase: unknown value 8"},
      {"no plan", [](M& m) { m.clear_plan(); }, "Status.plan: missing"},
      {"no nack", [](M& m) { m.clear_nack(); }, "Status.nack: missing in phase 6"},
      {"nack too much", [](M& m) { m.set_phase(v1::WORKER_PHASE_HELD); },
       "Status.nack: present in phase 3"},
      {"no code", [](M& m) { m.mutable_nack()->set_code(v1::NACK_CODE_UNSPECIFIED); },
       "Nack.code: unknown value 0"},
      {"new code", [](M& m) { m.mutable_nack()->set_code(static_cast<v1::NackCode>(13)); },
       "Nack.code: unknown value 13"},
      {"detail", [](M& m) { m.mutable_nack()->set_detail(std::string(5000, 'x')); },
       "Nack.detail: 5000 bytes"},
  };
  ExpectRefused<M>(cases, valid, [](const M& m) { return DecodeAnswer(m).status(); });
}

TEST(DaemonWordsWireTest, RefuseMissingPlansAndLongPeriods) {
  EXPECT_EQ(DecodeCommit({}).status().message(), "Commit.plan: missing");
  EXPECT_EQ(DecodeAbort({}).status().message(), "Abort.plan: missing");
  EXPECT_EQ(DecodeRetire({}).status().message(), "Retire.plan: missing");
  EXPECT_EQ(DecodeHeartbeat({}).status().message(), "Heartbeat.active: missing");
  v1::PlanId id;
  id.set_digest(std::string(32, 'd'));
  EXPECT_EQ(DecodePlanId(id).status().message(), "PlanId.version: missing");
  v1::Welcome welcome;
  welcome.set_heartbeat_period_ms(4'000'000);
  EXPECT_THAT(std::string(DecodeWelcome(welcome).status().message()),
              HasSubstr("Welcome.heartbeat_period_ms: 4000000"));
  welcome.set_heartbeat_period_ms(1);
  welcome.set_report_period_ms(4'000'000);
  EXPECT_THAT(std::string(DecodeWelcome(welcome).status().message()),
              HasSubstr("Welcome.report_period_ms: 4000000"));
  v1::GoAway go_away;
  go_away.set_retry_after_ms(4'000'000);
  EXPECT_THAT(std::string(DecodeGoAway(go_away).status().message()),
              HasSubstr("GoAway.retry_after_ms: 4000000"));
  v1::Credit credit;
  credit.set_next_period_ms(4'000'000);
  EXPECT_THAT(std::string(DecodeCredit(credit).status().message()),
              HasSubstr("Credit.next_period_ms: 4000000"));
}

TEST(NackWireTest, CodesHaveTheSameOrderAsTheMessage) {
  for (int code = 0; code < kNumNackCodes; ++code) {
    v1::Nack message;
    EncodeNack({static_cast<NackCode>(code), ""}, &message);
    EXPECT_TRUE(v1::NackCode_IsValid(message.code()));
    EXPECT_EQ(static_cast<int>(DecodeNack(message)->code), code);
  }
  v1::Nack last;
  EncodeNack({NackCode::kUnsupportedMode, ""}, &last);
  EXPECT_EQ(last.code(), v1::NACK_CODE_UNSUPPORTED_MODE);
}

}  // namespace
}  // namespace ballast
