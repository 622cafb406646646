// Goal: the admin socket as a caller on the wire sees it. Method: a whole daemon in this
// process with a store in memory, a raw stub on its Unix socket.

#include "daemon/admin/admin_service.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "ballast/v1/admin.grpc.pb.h"
#include "ballast/v1/query.grpc.pb.h"
#include "core/base/clock.h"
#include "core/store/in_memory_plan_store.h"
#include "daemon/admin/admin_server.h"
#include "daemon/app/daemon.h"
#include "daemon/observe/store_health.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/base/temp_folder.h"
#include "tests/daemon/fake_group.h"
#include "tests/daemon/in_process_daemon.h"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Beside the group of the small configuration.
constexpr char kPrefill[] = R"(  - name: prefill
    model: {layers: 1, experts: 4, top_k: 1}
    ranks: 2
    row_size: 2
    slots_per_rank: 2
)";

Config ConfigIn(const TempFolder& folder) {
  Config config = *ParseConfig(absl::StrCat(kSmallConfig, kPrefill));
  config.admin_socket = folder.File("admin.sock");
  config.admin_audit_path = folder.File("audit.log");
  config.http_listen = "";
  return config;
}

// Asks a server for the names of its services: what reflection answers, as bytes, or "".
std::string Reflect(const std::shared_ptr<grpc::Channel>& channel, grpc::Status* status) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto next = [&] { return queue.Next(&tag, &ok) && ok; };
  auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  std::string answer;
  if (next()) {
    // ServerReflectionRequest{list_services: "*"}.
    const grpc::Slice slice(std::string("\x3a\x01*"));
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    grpc::ByteBuffer buffer;
    if (next()) {
      call->Read(&buffer, nullptr);
      std::vector<grpc::Slice> slices;
      if (next() && buffer.Dump(&slices).ok()) {
        for (const grpc::Slice& part : slices) {
          answer.append(reinterpret_cast<const char*>(part.begin()), part.size());
        }
      }
    }
    call->WritesDone(nullptr);
    next();
  }
  call->Finish(status, nullptr);
  queue.Next(&tag, &ok);
  return answer;
}

std::vector<std::string> Lines(const std::string& path) {
  return absl::StrSplit(ReadFile(path), '\n', absl::SkipEmpty());
}

class AdminServiceTest : public ::testing::Test {
 protected:
  std::shared_ptr<grpc::Channel> Channel() const {
    return grpc::CreateChannel("unix:" + daemon_.config().admin_socket,
                               grpc::InsecureChannelCredentials());
  }

  static v1::Steering Call(const std::string& id, const std::string& group = "demo") {
    v1::Steering steering;
    steering.set_operation_id(id);
    steering.set_ep_group(group);
    steering.set_reason("node 3");
    steering.set_caller("uid 7");
    return steering;
  }

  template <typename Request>
  grpc::Status Send(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            v1::Operation*),
                    const v1::Steering& steering, v1::Operation* operation) {
    Request request;
    *request.mutable_steering() = steering;
    grpc::ClientContext context;
    return (stub_.get()->*method)(&context, request, operation);
  }

  v1::GroupStatus Status(const std::string& group) const {
    auto stub = v1::Query::NewStub(Channel());
    grpc::ClientContext context;
    v1::GetStatusRequest request;
    request.set_ep_group(group);
    v1::DaemonStatus status;
    EXPECT_TRUE(stub->GetStatus(&context, request, &status).ok());
    return status.groups(0);
  }

  std::vector<nlohmann::json> AuditLines() const {
    std::vector<nlohmann::json> lines;
    const std::string text = ReadFile(daemon_.config().admin_audit_path);
    for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      lines.push_back(nlohmann::json::parse(line));
    }
    return lines;
  }

  const TempFolder folder_{"admin"};
  InProcessDaemon daemon_{ConfigIn(folder_)};
  const std::unique_ptr<v1::Admin::Stub> stub_ = v1::Admin::NewStub(Channel());
};

TEST_F(AdminServiceTest, PausesOneGroupAndShowsWhoAndWhy) {
  v1::Operation operation;
  ASSERT_TRUE(Send(&v1::Admin::Stub::Pause, Call("op1"), &operation).ok());
  EXPECT_EQ(operation.state(), "done");
  EXPECT_EQ(operation.method(), "Pause");
  EXPECT_TRUE(Status("demo").paused());
  EXPECT_EQ(Status("demo").paused_by(), "local, says uid 7");
  EXPECT_EQ(Status("demo").paused_reason(), "node 3");
  EXPECT_FALSE(Status("prefill").paused());
  ASSERT_TRUE(Send(&v1::Admin::Stub::Resume, Call("op2"), &operation).ok());
  EXPECT_FALSE(Status("demo").paused());
}

TEST_F(AdminServiceTest, ARepeatedCallIsDoneOnce) {
  v1::Operation operation;
  ASSERT_TRUE(Send(&v1::Admin::Stub::Pause, Call("op1"), &operation).ok());
  ASSERT_TRUE(Send(&v1::Admin::Stub::Resume, Call("op2"), &operation).ok());
  ASSERT_TRUE(Send(&v1::Admin::Stub::Pause, Call("op1"), &operation).ok());
  EXPECT_FALSE(Status("demo").paused());
  const grpc::Status other = Send(&v1::Admin::Stub::Pause, Call("op1", "prefill"), &operation);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_FALSE(Status("prefill").paused());
}

TEST_F(AdminServiceTest, ARefusedCallSaysWhyAndStaysKnown) {
  v1::Operation operation;
  const grpc::Status refused = Send(&v1::Admin::Stub::Force, Call("op1"), &operation);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("ranks_missing"));
  grpc::ClientContext context;
  v1::GetOperationRequest request;
  request.set_operation_id("op1");
  ASSERT_TRUE(stub_->GetOperation(&context, request, &operation).ok());
  EXPECT_EQ(operation.state(), "failed");
  EXPECT_EQ(operation.error_code(), "FAILED_PRECONDITION");
  EXPECT_EQ(Send(&v1::Admin::Stub::Rollback, Call("op2"), &operation).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Send(&v1::Admin::Stub::Abort, Call("op3"), &operation).error_message(),
            "no plan is on its way");
  grpc::ClientContext list_context;
  v1::ListOperationsResponse list;
  ASSERT_TRUE(stub_->ListOperations(&list_context, {}, &list).ok());
  ASSERT_EQ(list.operations_size(), 3);
  EXPECT_EQ(list.operations(0).operation_id(), "op3");
}

TEST_F(AdminServiceTest, ACallThatNamesNothingIsRefused) {
  v1::Operation operation;
  EXPECT_EQ(Send(&v1::Admin::Stub::Pause, Call("op1", "nobody"), &operation).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Send(&v1::Admin::Stub::Pause, Call("op1", ""), &operation).error_message(),
            "name an EP group; there are: demo, prefill");
  for (const std::string& id : {std::string(), std::string("a b"), std::string(129, 'a')}) {
    EXPECT_EQ(Send(&v1::Admin::Stub::Pause, Call(id), &operation).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  v1::Steering wordy = Call("op2");
  wordy.set_reason(std::string(5000, 'a'));
  EXPECT_EQ(Send(&v1::Admin::Stub::Pause, wordy, &operation).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(Status("demo").paused());
  grpc::ClientContext context;
  EXPECT_EQ(stub_->GetOperation(&context, {}, &operation).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(AdminServiceTest, EveryCallLeavesOneAuditLineRefusedOrNot) {
  v1::Operation operation;
  Send(&v1::Admin::Stub::Pause, Call("op1"), &operation);
  Send(&v1::Admin::Stub::Force, Call("op2"), &operation);
  Send(&v1::Admin::Stub::Pause, Call("op3", "nobody"), &operation);
  const std::vector<nlohmann::json> lines = AuditLines();
  ASSERT_EQ(lines.size(), 3);
  EXPECT_EQ(lines[0]["result"], "OK");
  EXPECT_EQ(lines[0]["method"], "Pause");
  EXPECT_EQ(lines[0]["arguments"], "reason=node 3");
  EXPECT_EQ(lines[0]["who"], "local, says uid 7");
  EXPECT_EQ(lines[0]["digest_before"].get<std::string>().size(), 64);
  EXPECT_EQ(lines[1]["result"], "FAILED_PRECONDITION");
  EXPECT_EQ(lines[2]["result"], "NOT_FOUND");
}

TEST_F(AdminServiceTest, TheLogLevelChangesAtRunTime) {
  v1::SetLogLevelRequest request;
  *request.mutable_steering() = Call("op1", "");
  request.set_level("debug");
  v1::Operation operation;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->SetLogLevel(&context, request, &operation).ok());
  }
  EXPECT_EQ(daemon_.log().level(), "debug");
  EXPECT_EQ(operation.detail(), "log level was error");
  request.mutable_steering()->set_operation_id("op2");
  request.mutable_steering()->set_dry_run(true);
  request.set_level("warn");
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->SetLogLevel(&context, request, &operation).ok());
  }
  EXPECT_EQ(daemon_.log().level(), "debug");
  request.mutable_steering()->set_operation_id("op3");
  request.set_level("loud");
  grpc::ClientContext context;
  EXPECT_EQ(stub_->SetLogLevel(&context, request, &operation).error_message(),
            "log level 'loud' is none of trace, debug, info, warn, error");
}

TEST_F(AdminServiceTest, ReflectionIsOnTheSocketAndNotOnThePort) {
  grpc::Status status;
  EXPECT_THAT(Reflect(Channel(), &status), HasSubstr("ballast.v1.Admin"));
  EXPECT_EQ(Reflect(daemon_.Channel(), &status), "");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(AdminServiceTest, ThePortHasNoAdminService) {
  auto stub = v1::Admin::NewStub(daemon_.Channel());
  grpc::ClientContext context;
  v1::Operation operation;
  v1::PauseRequest request;
  *request.mutable_steering() = Call("op1");
  EXPECT_EQ(stub->Pause(&context, request, &operation).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(AdminServiceTest, TheSocketIsForTheOwnerOnlyAndGoesWithTheDaemon) {
  const std::string socket = daemon_.config().admin_socket;
  struct stat file = {};
  ASSERT_EQ(stat(socket.c_str(), &file), 0);
  EXPECT_TRUE(S_ISSOCK(file.st_mode));
  EXPECT_EQ(file.st_mode & 0777, 0600);
  daemon_.End();
  EXPECT_NE(stat(socket.c_str(), &file), 0);
}

TEST_F(AdminServiceTest, ASocketInUseOrAFileInItsPlaceIsNamed) {
  Config config = daemon_.config();
  const absl::Status in_use = Daemon::Start(config, daemon_.log(), RealClock()).status();
  EXPECT_EQ(in_use.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(in_use.message()), HasSubstr("another process listens"));
  config.admin_socket = folder_.File("file");
  std::ofstream(config.admin_socket) << "precious";
  EXPECT_THAT(std::string(Daemon::Start(config, daemon_.log(), RealClock()).status().message()),
              HasSubstr("no socket"));
  EXPECT_EQ(ReadFile(config.admin_socket), "precious");
}

// The loops of the group do not turn before the caller has gone.
TEST(AdminAuditTest, ACallThatTimedOutHasItsEndAuditedToo) {
  const TempFolder folder;
  const GroupConfig config = SmallGroup();
  const LiveGroupConfig live(config);
  InMemoryPlanStore store;
  const std::uint64_t term = *store.BeginTerm();
  StoreHealth observer;
  std::string ignored;
  const RolloutStart start = *RecoverGroup(config, store, term, &ignored);
  OperationRegistry operations(RealClock());
  RolloutLoop rollout(RolloutLoop::Parts{config, store, observer, RealClock()}, start, term);
  ControlLoop control(config, rollout, observer, RealClock());
  const GroupDirectory groups({{GroupConfigView(live), &control, &rollout}});
  EventLog log("error", false);
  const std::string audit_path = folder.File("audit.log");
  const auto audit = *AuditLog::Open(audit_path, log);
  const auto service =
      MakeAdminService({groups, operations, *audit, log, RealClock(), absl::Milliseconds(1)});
  const auto server = *AdminServer::Start(folder.File("admin.sock"), {service.get()});

  const auto stub = v1::Admin::NewStub(
      grpc::CreateChannel("unix:" + folder.File("admin.sock"), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::PauseRequest request;
  request.mutable_steering()->set_operation_id("late");
  v1::Operation operation;
  EXPECT_EQ(stub->Pause(&context, request, &operation).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(Lines(audit_path), ElementsAre(HasSubstr("\"result\":\"DEADLINE_EXCEEDED\"")));

  rollout.RunOnceForTest();
  EXPECT_THAT(Lines(audit_path),
              ElementsAre(HasSubstr("DEADLINE_EXCEEDED"),
                          AllOf(HasSubstr("\"operation_id\":\"late\""),
                                HasSubstr("\"result\":\"OK\",\"detail\":\"paused\""))));
}

}  // namespace
}  // namespace ballast
