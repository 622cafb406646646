// Goal: a worker that does not read costs nobody else anything, and is named. Method: a
// whole daemon in this process; raw gRPC clients, of which one never reads. Its flow
// control window is smaller than one placement, so the daemon's write blocks.

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "ballast/v1/placement.grpc.pb.h"
#include "core/base/check.h"
#include "daemon/app/daemon.h"
#include "gtest/gtest.h"
#include "proto/wire/session_wire.h"
#include "tests/daemon/in_process_daemon.h"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:0"}
http: {listen: "127.0.0.1:0"}
store: {kind: memory}
log: {level: error}
session: {write_deadline: 300ms}
groups:
  - name: demo
    model: {layers: 58, experts: 256, top_k: 8}
    ranks: 2
    row_size: 2
    slots_per_rank: 192
)";

class SlowConsumerTest : public ::testing::Test {
 protected:
  struct Session {
    grpc::ClientContext context;
    std::unique_ptr<v1::Placement::Stub> stub;
    std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::DaemonMessage>> stream;
  };

  // A worker that runs another plan than the decided one, so that it is sent that.
  std::unique_ptr<Session> Connect(int rank) {
    WorkerHello hello;
    hello.ep_group = "demo";
    hello.state.rank = RankId(rank);
    hello.state.incarnation = 5;
    hello.state.active.digest[0] = 1;
    hello.shape = daemon_.group().shape;
    hello.row = RowId(0);
    hello.num_slots = 192;
    hello.world_size = 2;
    hello.modes = {ActivationMode::kInBand};
    v1::WorkerMessage message;
    EncodeHello(hello, message.mutable_hello());
    auto session = std::make_unique<Session>();
    session->stub = v1::Placement::NewStub(daemon_.OwnChannel());
    session->stream = session->stub->Session(&session->context);
    BALLAST_CHECK(session->stream->Write(message));
    return session;
  }

  InProcessDaemon daemon_{kConfig};
};

TEST_F(SlowConsumerTest, IsClosedAndCountedWhileOthersAreServed) {
  const std::unique_ptr<Session> stuck = Connect(0);
  const std::unique_ptr<Session> reader = Connect(1);
  v1::DaemonMessage message;
  ASSERT_TRUE(reader->stream->Read(&message));
  EXPECT_TRUE(message.has_welcome());
  // Before the stuck session has met its deadline or after, the other gets its plan.
  ASSERT_TRUE(reader->stream->Read(&message));
  ASSERT_TRUE(message.has_prepare());
  const absl::StatusOr<PrepareOrder> order = DecodePrepare(message.prepare());
  ASSERT_TRUE(order.ok()) << order.status();
  ASSERT_TRUE(order->placement.ok()) << order->placement.status();
  EXPECT_EQ(PlanDigest(daemon_.group().shape, *order->placement), order->plan.digest);

  // The daemon's own deadline ends this; the stuck client has read nothing until then.
  const auto tells = [this](const char* sample) {
    return daemon_.Http("/metrics").find(sample) != std::string::npos;
  };
  ASSERT_TRUE(AwaitCondition(
      [&] { return tells("ballast_slow_consumers_closed_total{group=\"demo\"} 1"); }));
  const char* const gone = "ballast_workers{group=\"demo\",state=\"gone\"} 1";
  ASSERT_TRUE(AwaitCondition([&] { return tells(gone); }));
  while (stuck->stream->Read(&message)) EXPECT_FALSE(message.has_go_away());
  EXPECT_EQ(stuck->stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The other is still there.
  v1::WorkerMessage word;
  word.mutable_heartbeat()->set_step(1);
  word.mutable_heartbeat()->mutable_active()->mutable_version();
  word.mutable_heartbeat()->mutable_active()->set_digest(std::string(32, '\1'));
  EXPECT_TRUE(reader->stream->Write(word));
  EXPECT_TRUE(tells(gone));
  reader->context.TryCancel();
}

}  // namespace
}  // namespace ballast
