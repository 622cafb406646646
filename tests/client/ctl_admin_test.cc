// Goal: `ballastctl plan pause|...` and `log-level` against a daemon, and who must say yes.
// Method: a fake admin service on a Unix socket.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ballast/v1/admin.grpc.pb.h"
#include "tests/base/temp_folder.h"
#include "tests/client/ctl_runner.h"

namespace ballast::ctl {
namespace {

using testing::HasSubstr;

// Answers each call with `operation` or `result`, and keeps what it was asked.
class FakeAdmin final : public v1::Admin::Service {
 public:
  grpc::Status Pause(grpc::ServerContext*, const v1::PauseRequest* request,
                     v1::Operation* out) override {
    return Answer("pause", request->steering(), out);
  }
  grpc::Status Resume(grpc::ServerContext*, const v1::ResumeRequest* request,
                      v1::Operation* out) override {
    return Answer("resume", request->steering(), out);
  }
  grpc::Status Force(grpc::ServerContext*, const v1::ForceRequest* request,
                     v1::Operation* out) override {
    return Answer("force", request->steering(), out);
  }
  grpc::Status Rollback(grpc::ServerContext*, const v1::RollbackRequest* request,
                        v1::Operation* out) override {
    rollback = *request;
    return Answer("rollback", request->steering(), out);
  }
  grpc::Status Abort(grpc::ServerContext*, const v1::AbortRequest* request,
                     v1::Operation* out) override {
    return Answer("abort", request->steering(), out);
  }
  grpc::Status SetLogLevel(grpc::ServerContext*, const v1::SetLogLevelRequest* request,
                           v1::Operation* out) override {
    level = request->level();
    return Answer("log-level", request->steering(), out);
  }
  grpc::Status GetOperation(grpc::ServerContext*, const v1::GetOperationRequest* request,
                            v1::Operation* out) override {
    EXPECT_EQ(request->operation_id(), steering.operation_id());
    *out = operation;
    if (polls_until_end-- <= 0) out->set_state(end_state);
    return grpc::Status::OK;
  }
  grpc::Status ListOperations(grpc::ServerContext*, const v1::ListOperationsRequest*,
                              v1::ListOperationsResponse* out) override {
    *out->add_operations() = operation;
    return grpc::Status::OK;
  }

  grpc::Status Answer(const std::string& verb, const v1::Steering& asked, v1::Operation* out) {
    verbs.push_back(verb);
    steering = asked;
    *out = operation;
    return result;
  }

  v1::Operation operation;
  grpc::Status result;
  std::vector<std::string> verbs;
  v1::Steering steering;
  v1::RollbackRequest rollback;
  std::string level;
  int polls_until_end = 2;
  std::string end_state = "done";
};

class CtlAdminTest : public ::testing::Test {
 protected:
  CtlAdminTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + path_, grpc::InsecureServerCredentials());
    builder.RegisterService(&admin_);
    server_ = builder.BuildAndStart();
    admin_.operation.set_operation_id("op1");
    admin_.operation.set_method("Force");
    admin_.operation.set_ep_group("demo");
    admin_.operation.set_state("rolling_out");
    admin_.operation.set_detail("2 slots move");
    admin_.operation.mutable_before()->mutable_version()->set_term(7);
    admin_.operation.mutable_before()->mutable_version()->set_sequence(41);
    admin_.operation.mutable_after()->mutable_version()->set_term(7);
    admin_.operation.mutable_after()->mutable_version()->set_sequence(42);
  }
  ~CtlAdminTest() override { server_->Shutdown(); }

  // With `answer` typed by a person at a terminal, or without a terminal. The clock is real, as
  // a wait for an operation goes on until it has moved.
  CtlRun Run(std::vector<std::string> words, const char* answer = nullptr) {
    words.insert(words.begin(), "ballastctl");
    words.insert(words.end(), {"--socket", path_});
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    std::istringstream in(answer == nullptr ? "" : answer);
    std::ostringstream out;
    std::ostringstream err;
    const int code = RunBallastctl(static_cast<int>(argv.size()), argv.data(),
                                   {in, {out, err}, RealClock(), answer != nullptr});
    return {code, out.str(), err.str()};
  }

  const TempFolder folder_{"ctl_admin"};
  const std::string path_ = folder_.File("admin.sock");
  FakeAdmin admin_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(CtlAdminTest, EachVerbCallsItsMethod) {
  for (const std::string verb : {"pause", "resume", "force", "rollback", "abort"}) {
    EXPECT_EQ(Run({"plan", verb, "--yes"}).exit_code, 0) << verb;
    EXPECT_EQ(admin_.verbs.back(), verb);
  }
}

TEST_F(CtlAdminTest, SendsWhatTheOptionsSay) {
  const CtlRun run = Run({"plan", "rollback", "--yes", "--group", "demo", "--reason", "node 3",
                          "--operation-id", "op1", "--expect", "7.42", "--version", "7.40"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(admin_.steering.operation_id(), "op1");
  EXPECT_EQ(admin_.steering.ep_group(), "demo");
  EXPECT_EQ(admin_.steering.reason(), "node 3");
  EXPECT_EQ(admin_.steering.expected_plan().sequence(), 42);
  EXPECT_EQ(admin_.rollback.version().sequence(), 40);
  EXPECT_THAT(admin_.steering.caller(), HasSubstr("uid "));
  EXPECT_FALSE(admin_.steering.dry_run());
  EXPECT_FALSE(admin_.rollback.over_ahead());
  EXPECT_EQ(Run({"plan", "rollback", "--yes", "--over-ahead"}).exit_code, 0);
  EXPECT_TRUE(admin_.rollback.over_ahead());
  EXPECT_FALSE(admin_.rollback.has_version());
}

TEST_F(CtlAdminTest, OperationIdsOfTwoCallsDiffer) {
  Run({"plan", "pause", "--yes"});
  const std::string first = admin_.steering.operation_id();
  Run({"plan", "pause", "--yes"});
  EXPECT_NE(admin_.steering.operation_id(), first);
  EXPECT_FALSE(admin_.steering.has_expected_plan());
}

TEST_F(CtlAdminTest, WithoutATerminalNothingHappensWithoutYes) {
  const CtlRun run = Run({"plan", "force"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("--yes"));
  EXPECT_TRUE(admin_.verbs.empty());
}

TEST_F(CtlAdminTest, ADryRunNeedsNoYes) {
  EXPECT_EQ(Run({"plan", "force", "--dry-run"}).exit_code, 0);
  EXPECT_TRUE(admin_.steering.dry_run());
}

TEST_F(CtlAdminTest, APersonIsAskedAndMaySayNo) {
  for (const char* no : {"n\n", "\n", "", "never\n"}) {
    const CtlRun run = Run({"plan", "force"}, no);
    EXPECT_EQ(run.exit_code, 4);
    EXPECT_THAT(run.err, HasSubstr("[y/N]"));
  }
  EXPECT_TRUE(admin_.verbs.empty());
  EXPECT_EQ(Run({"plan", "force"}, "y\n").exit_code, 0);
  EXPECT_EQ(Run({"plan", "force"}, "YES\n").exit_code, 0);
  EXPECT_EQ(admin_.verbs.size(), 2);
}

TEST_F(CtlAdminTest, PrintsTheOperationInAllForms) {
  EXPECT_EQ(Run({"plan", "force", "--yes"}).out,
            "Force demo: rolling_out: 2 slots move\n"
            "PLAN       7.41 () -> 7.42 ()\n"
            "OPERATION  op1\n");
  EXPECT_EQ(Run({"plan", "force", "--yes", "-o", "json"}).json()["state"], "rolling_out");
  EXPECT_THAT(Run({"plan", "force", "--yes", "-o", "yaml"}).out,
              HasSubstr("state: \"rolling_out\""));
  EXPECT_THAT(Run({"plan", "operations"}).out, HasSubstr("2 slots move"));
}

TEST_F(CtlAdminTest, ARefusalIsTheDaemonsReason) {
  admin_.result = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "no plan is on its way");
  const CtlRun run = Run({"plan", "abort", "--yes", "-o", "json"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.err, HasSubstr("no plan is on its way"));
  EXPECT_EQ(run.json()["error"]["code"], "FAILED_PRECONDITION");
}

TEST_F(CtlAdminTest, NoDaemonIsUnreachableAndNamesTheSocket) {
  server_->Shutdown();
  const CtlRun run = Run({"plan", "pause", "--yes"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr(path_));
}

TEST_F(CtlAdminTest, WaitsUntilThePlanIsActive) {
  const CtlRun run = Run({"plan", "force", "--yes", "--wait"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("Force demo: done"));
  EXPECT_LT(admin_.polls_until_end, 0);
}

TEST_F(CtlAdminTest, AWaitForAPlanThatFailedIsARefusal) {
  admin_.end_state = "failed";
  admin_.operation.set_error_code("ABORTED");
  const CtlRun run = Run({"plan", "force", "--yes", "--wait"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.err, HasSubstr("2 slots move"));
}

TEST_F(CtlAdminTest, AWaitEndsAtItsTimeout) {
  admin_.polls_until_end = 1000000;
  const CtlRun run = Run({"plan", "force", "--yes", "--wait", "--timeout", "1"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("rolling_out after 1 s"));
}

TEST_F(CtlAdminTest, AnOperationThatIsNotAnsweredYetIsNeitherDoneNorRefused) {
  admin_.result = grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "operation op1");
  EXPECT_EQ(Run({"plan", "pause", "--yes"}).exit_code, 1);
  EXPECT_EQ(Run({"plan", "force", "--yes", "--wait"}).exit_code, 0);
}

TEST_F(CtlAdminTest, SetsTheLogLevel) {
  EXPECT_EQ(Run({"log-level", "debug", "--yes"}).exit_code, 0);
  EXPECT_EQ(admin_.level, "debug");
}

TEST_F(CtlAdminTest, AVersionThatIsNoneIsAUsageError) {
  EXPECT_EQ(Run({"plan", "rollback", "--yes", "--version", "7"}).exit_code, 2);
  EXPECT_EQ(Run({"plan", "rollback", "--yes", "--expect", "x.y"}).exit_code, 2);
  EXPECT_TRUE(admin_.verbs.empty());
}

}  // namespace
}  // namespace ballast::ctl
