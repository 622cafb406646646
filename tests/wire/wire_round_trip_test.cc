// Goal: every domain value survives the wire, and every message that is accepted
// re-encodes to itself. Method: random values; then random damage to valid messages,
// where each message must either be refused or come back byte for byte.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "core/base/random.h"
#include "core/model/topology.h"
#include "google/protobuf/stubs/logging.h"
#include "gtest/gtest.h"
#include "proto/wire/daemon_frame.h"
#include "proto/wire/load_wire.h"
#include "proto/wire/placement_wire.h"
#include "proto/wire/session_wire.h"

namespace ballast {
namespace {

std::uint64_t TestSeed() {
  const char* text = std::getenv("BALLAST_TEST_SEED");
  return text == nullptr ? 20240817 : std::strtoull(text, nullptr, 10);
}

class WireRoundTripTest : public testing::Test {
 protected:
  WireRoundTripTest() : random_(TestSeed()), trace_(__FILE__, __LINE__, SeedText()) {}

  static std::string SeedText() { return "BALLAST_TEST_SEED=" + std::to_string(TestSeed()); }
  int Int(int min, int max) {
    return min + static_cast<int>(random_.Below(static_cast<std::uint64_t>(max - min + 1)));
  }
  bool Coin() { return random_.Below(2) == 1; }
  std::string Text(int max) {
    std::string text(static_cast<std::size_t>(Int(0, max)), ' ');
    for (char& c : text) c = static_cast<char>(Int(32, 126));
    return text;
  }

  PlanId AnyPlanId() {
    PlanId id{{random_.Next(), random_.Next()}, {}};
    for (auto& byte : id.digest) byte = static_cast<std::uint8_t>(random_.Below(256));
    return id;
  }

  ModelShape AnyShape() {
    ModelShape shape;
    shape.num_layers = Int(1, kMaxLayers);
    shape.num_experts = Int(1, kMaxExperts);
    shape.num_expert_groups = Int(1, shape.num_experts);
    shape.top_k = Int(1, shape.num_experts);
    shape.expert_bytes = Int(0, 1 << 30);
    return shape;
  }

  PlacementPlan AnyPlan() {
    PlacementPlan plan;
    plan.version = {random_.Next(), random_.Next()};
    plan.topology_fingerprint = random_.Next();
    plan.num_slots = Int(1, 40);
    const int entries = plan.num_slots * Int(1, 6);
    for (int i = 0; i < entries; ++i) {
      plan.expert_in_slot.push_back(ExpertId(Int(0, kMaxExperts - 1)));
      plan.share.push_back(static_cast<std::uint16_t>(random_.Below(65536)));
    }
    return plan;
  }

  WorkerHello AnyHello() {
    WorkerHello hello;
    hello.ep_group = "g" + Text(20);
    hello.world_size = Int(1, kMaxRanks);
    hello.state.rank = RankId(Int(0, hello.world_size - 1));
    hello.state.incarnation = random_.Next() | 1;
    hello.state.active = AnyPlanId();
    if (Coin()) hello.state.held = AnyPlanId();
    hello.state.held_is_committed = hello.state.held.has_value() && Coin();
    hello.state.highest_term_seen = random_.Next();
    hello.shape = AnyShape();
    hello.row = RowId(Int(0, hello.world_size - 1));
    hello.relative_speed = random_.Uniform() * 4;
    hello.num_slots = Int(1, 500);
    hello.spare_slots = Int(0, 500);
    hello.counter_bits = Coin() ? 32 : 64;
    hello.membership_gen = random_.Next();
    hello.model_fingerprint = random_.Next();
    hello.topology_fingerprint = random_.Next();
    hello.modes = {ActivationMode::kInBand, ActivationMode::kRestart};
    hello.client_version = Text(20);
    return hello;
  }

  GroupReport AnyReport() {
    GroupReport report;
    report.ep_group = "g" + Text(10);
    report.num_layers = Int(1, 6);
    report.num_columns = Int(1, 20);
    report.padding_excluded = Coin();
    report.credit_every = static_cast<std::uint32_t>(Int(0, 3));
    LoadReport& load = report.report;
    load.rank = RankId(Int(0, kMaxRanks - 1));
    load.incarnation = random_.Next() | 1;
    load.sequence = random_.Next() | 1;
    load.plan = AnyPlanId();
    load.form = Coin() ? ReportForm::kSlot : ReportForm::kExpert;
    load.counter_bits = Coin() ? 32 : 64;
    if (Coin()) load.tokens = load.counter_bits == 32 ? random_.Next() >> 32 : random_.Next();
    load.step_first = random_.Below(1000);
    load.step_last = load.step_first + random_.Below(1000) - 1;
    for (int i = 0; i < report.num_layers * report.num_columns; ++i) {
      load.counts.push_back(load.counter_bits == 32 ? random_.Next() >> 32 : random_.Next());
    }
    return report;
  }

  Nack AnyNack() { return {static_cast<NackCode>(Int(0, kNumNackCodes - 1)), Text(100)}; }

  // Changes one byte of a serialised message, or cuts it.
  void Damage(std::string* bytes) {
    if (bytes->empty()) return;
    const std::size_t at = random_.Below(bytes->size());
    if (Int(0, 3) == 0) {
      bytes->resize(at);
    } else {
      (*bytes)[at] = static_cast<char>(random_.Below(256));
    }
  }

  Random random_;
  testing::ScopedTrace trace_;
};

constexpr int kRounds = 300;

TEST_F(WireRoundTripTest, PlanIdsComeBackUnchanged) {
  for (int i = 0; i < kRounds; ++i) {
    const PlanId id = AnyPlanId();
    v1::PlanId message;
    EncodePlanId(id, &message);
    const auto decoded = DecodePlanId(message);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, id);
  }
}

TEST_F(WireRoundTripTest, ShapesComeBackUnchanged) {
  for (int i = 0; i < kRounds; ++i) {
    const ModelShape shape = AnyShape();
    v1::ModelShape message;
    EncodeModelShape(shape, &message);
    const auto decoded = DecodeModelShape(message);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, shape);
  }
}

TEST_F(WireRoundTripTest, PlacementsComeBackUnchanged) {
  for (int i = 0; i < kRounds; ++i) {
    const PlacementPlan plan = AnyPlan();
    v1::PlacementTable message;
    EncodePlacement(plan, &message);
    const auto decoded = DecodePlacement(message, plan.version);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, plan);
  }
}

TEST_F(WireRoundTripTest, PlacementBlobsAreLittleEndian) {
  PlacementPlan plan;
  plan.num_slots = 1;
  plan.expert_in_slot = {ExpertId(0x0102)};
  plan.share = {0x0304};
  v1::PlacementTable message;
  EncodePlacement(plan, &message);
  EXPECT_EQ(message.expert_in_slot(), std::string("\x02\x01"));
  EXPECT_EQ(message.share(), std::string("\x04\x03"));
}

TEST_F(WireRoundTripTest, ReportsComeBackUnchanged) {
  GroupReport decoded;  // Reused, as a service does.
  for (int i = 0; i < kRounds; ++i) {
    const GroupReport report = AnyReport();
    v1::Counters message;
    EncodeCounters(report, &message);
    ASSERT_TRUE(DecodeCounters(message, &decoded).ok()) << DecodeCounters(message, &decoded);
    EXPECT_EQ(decoded.ep_group, report.ep_group);
    EXPECT_EQ(decoded.num_layers, report.num_layers);
    EXPECT_EQ(decoded.num_columns, report.num_columns);
    EXPECT_EQ(decoded.padding_excluded, report.padding_excluded);
    EXPECT_EQ(decoded.credit_every, report.credit_every);
    EXPECT_EQ(decoded.report.tokens, report.report.tokens);
    EXPECT_EQ(decoded.report.rank, report.report.rank);
    EXPECT_EQ(decoded.report.incarnation, report.report.incarnation);
    EXPECT_EQ(decoded.report.sequence, report.report.sequence);
    EXPECT_EQ(decoded.report.plan, report.report.plan);
    EXPECT_EQ(decoded.report.form, report.report.form);
    EXPECT_EQ(decoded.report.counter_bits, report.report.counter_bits);
    EXPECT_EQ(decoded.report.step_first, report.report.step_first);
    EXPECT_EQ(decoded.report.step_last, report.report.step_last);
    EXPECT_EQ(decoded.report.counts, report.report.counts);
  }
}

TEST_F(WireRoundTripTest, CountsOf32BitsAreCutModulo) {
  GroupReport report = AnyReport();
  report.num_layers = 1;
  report.num_columns = 2;
  report.report.counter_bits = 32;
  report.report.counts = {0x1'0000'0007u, 0xffff'ffffu};
  v1::Counters message;
  EncodeCounters(report, &message);
  EXPECT_EQ(message.counts(), std::string("\x07\0\0\0\xff\xff\xff\xff", 8));
  GroupReport decoded;
  ASSERT_TRUE(DecodeCounters(message, &decoded).ok());
  EXPECT_EQ(decoded.report.counts, (std::vector<std::uint64_t>{7, 0xffff'ffffu}));
}

TEST_F(WireRoundTripTest, HellosComeBackUnchanged) {
  for (int i = 0; i < kRounds; ++i) {
    const WorkerHello hello = AnyHello();
    v1::Hello message;
    EncodeHello(hello, &message);
    const auto decoded = DecodeHello(message);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->ep_group, hello.ep_group);
    EXPECT_EQ(decoded->state.rank, hello.state.rank);
    EXPECT_EQ(decoded->state.incarnation, hello.state.incarnation);
    EXPECT_EQ(decoded->state.active, hello.state.active);
    EXPECT_EQ(decoded->state.held, hello.state.held);
    EXPECT_EQ(decoded->state.held_is_committed, hello.state.held_is_committed);
    EXPECT_EQ(decoded->state.highest_term_seen, hello.state.highest_term_seen);
    EXPECT_EQ(decoded->shape, hello.shape);
    EXPECT_EQ(decoded->row, hello.row);
    EXPECT_EQ(decoded->relative_speed, hello.relative_speed);
    EXPECT_EQ(decoded->num_slots, hello.num_slots);
    EXPECT_EQ(decoded->spare_slots, hello.spare_slots);
    EXPECT_EQ(decoded->counter_bits, hello.counter_bits);
    EXPECT_EQ(decoded->world_size, hello.world_size);
    EXPECT_EQ(decoded->membership_gen, hello.membership_gen);
    EXPECT_EQ(decoded->model_fingerprint, hello.model_fingerprint);
    EXPECT_EQ(decoded->topology_fingerprint, hello.topology_fingerprint);
    EXPECT_EQ(decoded->modes, hello.modes);
    EXPECT_EQ(decoded->client_version, hello.client_version);
  }
}

TEST_F(WireRoundTripTest, EncodingIntoAUsedMessageLeavesNothingOfTheOldContent) {
  v1::Hello message;
  WorkerHello hello = AnyHello();
  hello.state.held = AnyPlanId();
  EncodeHello(hello, &message);
  hello.state.held.reset();
  hello.state.held_is_committed = false;
  hello.modes.clear();
  EncodeHello(hello, &message);
  const auto decoded = DecodeHello(message);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_FALSE(decoded->state.held.has_value());
  EXPECT_TRUE(decoded->modes.empty());
}

TEST_F(WireRoundTripTest, AnswersComeBackUnchanged) {
  for (int i = 0; i < kRounds; ++i) {
    WorkerAnswer answer;
    answer.nonce = random_.Next();
    answer.plan = AnyPlanId();
    answer.phase = static_cast<WorkerPhase>(Int(1, 7));
    answer.progress_bytes = random_.Next();
    answer.step = random_.Next();
    if (answer.phase == WorkerPhase::kNack) answer.nack = AnyNack();
    v1::Status message;
    EncodeAnswer(answer, &message);
    const auto decoded = DecodeAnswer(message);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->nonce, answer.nonce);
    EXPECT_EQ(decoded->plan, answer.plan);
    EXPECT_EQ(decoded->phase, answer.phase);
    EXPECT_EQ(decoded->progress_bytes, answer.progress_bytes);
    EXPECT_EQ(decoded->step, answer.step);
    ASSERT_EQ(decoded->nack.has_value(), answer.nack.has_value());
    if (answer.nack.has_value()) {
      EXPECT_EQ(decoded->nack->code, answer.nack->code);
      EXPECT_EQ(decoded->nack->detail, answer.nack->detail);
    }
  }
}

TEST_F(WireRoundTripTest, PreparesComeBackUnchanged) {
  for (int i = 0; i < kRounds; ++i) {
    PrepareOrder order;
    order.nonce = random_.Next();
    order.term = random_.Next();
    order.plan = AnyPlanId();
    order.base = AnyPlanId();
    PlacementPlan plan = AnyPlan();
    plan.version = order.plan.version;
    order.placement = plan;
    order.deadline_hint = absl::Milliseconds(Int(0, 3'600'000));
    order.membership_gen = random_.Next();
    order.peers_run_plan = Coin();
    v1::Prepare message;
    EncodePrepare(order, &message);
    const auto decoded = DecodePrepare(message);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->nonce, order.nonce);
    EXPECT_EQ(decoded->term, order.term);
    EXPECT_EQ(decoded->plan, order.plan);
    EXPECT_EQ(decoded->base, order.base);
    ASSERT_TRUE(decoded->placement.ok()) << decoded->placement.status();
    EXPECT_EQ(*decoded->placement, plan);
    EXPECT_EQ(decoded->deadline_hint, order.deadline_hint);
    EXPECT_EQ(decoded->membership_gen, order.membership_gen);
    EXPECT_EQ(decoded->peers_run_plan, order.peers_run_plan);
  }
}

TEST_F(WireRoundTripTest, WordsAboutMembershipComeBackUnchanged) {
  const DaemonBookmark bookmark{AnyPlanId(), random_.Next(), random_.Next()};
  v1::Bookmark message;
  EncodeBookmark(bookmark, &message);
  const auto decoded = DecodeBookmark(message);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->decided, bookmark.decided);
  EXPECT_EQ(decoded->term, bookmark.term);
  EXPECT_EQ(decoded->membership_gen, bookmark.membership_gen);
  v1::DaemonMessage frame;
  ASSERT_TRUE(frame.ParseFromString(BookmarkFrame(bookmark)));
  EXPECT_EQ(frame.bookmark().membership_gen(), bookmark.membership_gen);
  DaemonGoAway go_away;
  go_away.for_good = true;
  v1::GoAway farewell;
  EncodeGoAway(go_away, &farewell);
  EXPECT_TRUE(DecodeGoAway(farewell)->for_good);
  v1::Goodbye goodbye;
  goodbye.set_reason("drained");
  EXPECT_EQ(*DecodeGoodbye(goodbye), "drained");
  goodbye.set_reason(std::string(257, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(DecodeGoodbye(goodbye).status()));
}

TEST_F(WireRoundTripTest, OrdersAndDaemonWordsComeBackUnchanged) {
  const PlanOrder order{random_.Next(), random_.Next(), AnyPlanId(), "why"};
  v1::Commit commit;
  v1::Abort abort;
  v1::Retire retire;
  EncodeCommit(order, &commit);
  EncodeAbort(order, &abort);
  EncodeRetire(order, &retire);
  for (const auto& decoded : {DecodeCommit(commit), DecodeAbort(abort), DecodeRetire(retire)}) {
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->nonce, order.nonce);
    EXPECT_EQ(decoded->term, order.term);
    EXPECT_EQ(decoded->plan, order.plan);
  }
  EXPECT_EQ(DecodeAbort(abort)->reason, "why");

  v1::Welcome welcome;
  EncodeWelcome({7, 1, "daemon-a", absl::Milliseconds(250), absl::Seconds(2)}, &welcome);
  const auto greeted = DecodeWelcome(welcome);
  ASSERT_TRUE(greeted.ok()) << greeted.status();
  EXPECT_EQ(greeted->term, 7u);
  EXPECT_EQ(greeted->protocol, 1u);
  EXPECT_EQ(greeted->daemon_id, "daemon-a");
  EXPECT_EQ(greeted->heartbeat_period, absl::Milliseconds(250));
  EXPECT_EQ(greeted->report_period, absl::Seconds(2));

  v1::GoAway go_away;
  EncodeGoAway({"drain", absl::Seconds(3), "10.0.0.2:7441"}, &go_away);
  const auto left = DecodeGoAway(go_away);
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_EQ(left->reason, "drain");
  EXPECT_EQ(left->retry_after, absl::Seconds(3));
  EXPECT_EQ(left->leader_hint, "10.0.0.2:7441");

  v1::Heartbeat heartbeat;
  EncodeHeartbeat({41, order.plan, 3}, &heartbeat);
  const auto beat = DecodeHeartbeat(heartbeat);
  ASSERT_TRUE(beat.ok()) << beat.status();
  EXPECT_EQ(beat->step, 41u);
  EXPECT_EQ(beat->active, order.plan);
  EXPECT_EQ(beat->digest_disagreements, 3u);

  v1::Credit credit;
  EncodeCredit({absl::Milliseconds(500), 12, "too old"}, &credit);
  const auto decoded = DecodeCredit(credit);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->next_period, absl::Milliseconds(500));
  EXPECT_EQ(decoded->accepted_sequence, 12u);
  EXPECT_EQ(decoded->reject, "too old");
}

TEST_F(WireRoundTripTest, NackTextIsCutAndKeptInAscii) {
  v1::Nack message;
  EncodeNack({NackCode::kCopyFailed, "bad \xff" + std::string(2 * kMaxNackDetail, 'x')}, &message);
  const auto decoded = DecodeNack(message);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->detail.size(), kMaxNackDetail);
  EXPECT_EQ(decoded->detail.substr(0, 6), "bad ?x");
}

TEST_F(WireRoundTripTest, DamagedCountersAreRefusedOrComeBackByteForByte) {
  const google::protobuf::LogSilencer quiet;  // Broken UTF-8 is part of the damage.
  int accepted = 0;
  for (int i = 0; i < 20 * kRounds; ++i) {
    v1::Counters message;
    EncodeCounters(AnyReport(), &message);
    std::string bytes = message.SerializeAsString();
    Damage(&bytes);
    GroupReport decoded;
    if (!message.ParseFromString(bytes) || !DecodeCounters(message, &decoded).ok()) continue;
    ++accepted;
    message.DiscardUnknownFields();
    message.mutable_plan()->DiscardUnknownFields();
    v1::Counters again;
    EncodeCounters(decoded, &again);
    ASSERT_EQ(again.SerializeAsString(), message.SerializeAsString()) << message.DebugString();
  }
  EXPECT_GT(accepted, 0);
}

TEST_F(WireRoundTripTest, DamagedHellosAreRefusedOrComeBackByteForByte) {
  const google::protobuf::LogSilencer quiet;  // Broken UTF-8 is part of the damage.
  int accepted = 0;
  for (int i = 0; i < 20 * kRounds; ++i) {
    v1::Hello message;
    EncodeHello(AnyHello(), &message);
    std::string bytes = message.SerializeAsString();
    Damage(&bytes);
    if (!message.ParseFromString(bytes)) continue;
    const auto decoded = DecodeHello(message);
    if (!decoded.ok()) continue;
    ++accepted;
    message.DiscardUnknownFields();
    // The two fields whose 0 has another meaning.
    if (message.relative_speed() == 0) message.set_relative_speed(1);
    if (message.shape().num_expert_groups() == 0) message.mutable_shape()->set_num_expert_groups(1);
    v1::Hello again;
    EncodeHello(*decoded, &again);
    ASSERT_EQ(again.SerializeAsString(), message.SerializeAsString()) << message.DebugString();
  }
  EXPECT_GT(accepted, 0);
}

TEST_F(WireRoundTripTest, APrepareInTwoPartsIsThePrepareInOne) {
  for (int i = 0; i < 50; ++i) {
    const PlacementPlan plan = AnyPlan();
    PrepareOrder order;
    order.nonce = random_.Next();
    order.term = random_.Next();
    order.plan = AnyPlanId();
    order.base = AnyPlanId();
    order.placement = plan;
    order.deadline_hint = absl::Milliseconds(Int(0, 3600000));
    order.membership_gen = Coin() ? random_.Next() : 0;
    order.peers_run_plan = Coin();
    v1::DaemonMessage whole;
    EncodePrepare(order, whole.mutable_prepare());
    const std::string table = PlacementBytes(plan);
    v1::DaemonMessage parts;
    ASSERT_TRUE(parts.ParseFromString(PrepareHead(order, table.size()) + table));
    EXPECT_EQ(parts.SerializeAsString(), whole.SerializeAsString());
  }
}

}  // namespace
}  // namespace ballast
