#include "daemon/publish/hello_check.h"

#include <functional>
#include <string>

#include "daemon/publish/session_mailbox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;

WorkerHello GoodHello(const GroupConfig& config) {
  WorkerHello hello;
  hello.ep_group = config.name;
  hello.state.rank = RankId(3);
  hello.state.incarnation = 1;
  hello.shape = config.shape;
  hello.row = RowId(1);
  hello.num_slots = 2;
  hello.world_size = 4;
  hello.topology_fingerprint = config.topology.fingerprint();
  hello.modes = {ActivationMode::kInBand};
  return hello;
}

TEST(HelloCheckTest, AcceptsTheWorkerThatIsConfigured) {
  const GroupConfig config = SmallGroup();
  EXPECT_TRUE(CheckHello(config, GoodHello(config)).ok());
}

TEST(HelloCheckTest, LeavesUnknownValuesOut) {
  const GroupConfig config = SmallGroup();
  WorkerHello hello = GoodHello(config);
  hello.shape.expert_bytes = 0;
  hello.topology_fingerprint = 0;
  EXPECT_TRUE(CheckHello(config, hello).ok());
}

struct Mismatch {
  const char* name;
  std::function<void(WorkerHello&)> spoil;
  const char* text;
};

class HelloMismatchTest : public ::testing::TestWithParam<Mismatch> {};

TEST_P(HelloMismatchTest, NamesBothValues) {
  const GroupConfig config = SmallGroup();
  WorkerHello hello = GoodHello(config);
  GetParam().spoil(hello);
  const absl::Status status = CheckHello(config, hello);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, HelloMismatchTest,
    ::testing::Values(Mismatch{"Rank", [](WorkerHello& h) { h.state.rank = RankId(4); },
                               "rank 4 out of [0, 4) of group demo"},
                      Mismatch{"World", [](WorkerHello& h) { h.world_size = 8; },
                               "rank 3: worker has world size 8, the configuration says 4"},
                      Mismatch{"Layers", [](WorkerHello& h) { h.shape.num_layers = 2; },
                               "worker has layers 2, the configuration says 1"},
                      Mismatch{"Experts", [](WorkerHello& h) { h.shape.num_experts = 8; },
                               "worker has experts 8, the configuration says 4"},
                      Mismatch{"TopK", [](WorkerHello& h) { h.shape.top_k = 2; },
                               "worker has top_k 2, the configuration says 1"},
                      Mismatch{"Bytes", [](WorkerHello& h) { h.shape.expert_bytes = 7; },
                               "worker has expert bytes 7, the configuration says 1000"},
                      Mismatch{"Row", [](WorkerHello& h) { h.row = RowId(0); },
                               "worker has row 0, the configuration says 1"},
                      Mismatch{"Slots", [](WorkerHello& h) { h.num_slots = 3; },
                               "worker has slots 3, the configuration says 2"},
                      Mismatch{"Speed", [](WorkerHello& h) { h.relative_speed = 0.5; },
                               "worker has relative speed 0.5, the configuration says 1"},
                      Mismatch{"Topology", [](WorkerHello& h) { h.topology_fingerprint = 1; },
                               "worker has topology 1, the configuration says "},
                      Mismatch{"Mode", [](WorkerHello& h) { h.modes = {ActivationMode::kBarrier}; },
                               "does not offer the activation mode IN_BAND"},
                      Mismatch{"Protocol",
                               [](WorkerHello& h) { h.protocol_min = h.protocol_max = 9; },
                               "speaks protocol 9 to 9, this daemon 1"}),
    [](const ::testing::TestParamInfo<Mismatch>& row) { return row.param.name; });

TEST(SessionMailboxTest, ANewerPlanReplacesWhatWaits) {
  SessionMailbox mailbox;
  WorkerCommand command;
  command.kind = WorkerCommand::Kind::kPrepare;
  command.nonce = 1;
  EXPECT_TRUE(mailbox.Put(command));
  command.kind = WorkerCommand::Kind::kCommit;
  EXPECT_TRUE(mailbox.Put(command));
  command.kind = WorkerCommand::Kind::kPrepare;
  command.nonce = 2;
  EXPECT_TRUE(mailbox.Put(command));
  EXPECT_EQ(mailbox.size(), 1);
  EXPECT_EQ(mailbox.Take().nonce, 2);
  EXPECT_TRUE(mailbox.empty());
}

// A worker that missed it would refuse the plan for its membership.
TEST(SessionMailboxTest, ANewerPlanDoesNotReplaceTheMembershipThatItNeeds) {
  SessionMailbox mailbox;
  WorkerCommand command;
  for (const auto kind : {WorkerCommand::Kind::kCommit, WorkerCommand::Kind::kMembership,
                          WorkerCommand::Kind::kRetire, WorkerCommand::Kind::kPrepare}) {
    command.kind = kind;
    ASSERT_TRUE(mailbox.Put(command));
  }
  ASSERT_EQ(mailbox.size(), 2);
  EXPECT_EQ(mailbox.Take().kind, WorkerCommand::Kind::kMembership);
  EXPECT_EQ(mailbox.Take().kind, WorkerCommand::Kind::kPrepare);
}

TEST(SessionMailboxTest, IsBounded) {
  SessionMailbox mailbox;
  WorkerCommand command;
  command.kind = WorkerCommand::Kind::kCommit;
  for (std::size_t i = 0; i < SessionMailbox::kCapacity; ++i) EXPECT_TRUE(mailbox.Put(command));
  EXPECT_FALSE(mailbox.Put(command));
}

}  // namespace
}  // namespace ballast
