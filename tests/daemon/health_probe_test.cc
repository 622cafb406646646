// Goal: what probes see of a whole daemon: /livez, /readyz and grpc.health.v1, while all is well
// and after another process has taken its store over. Method: a daemon in this process on a
// store file, asked over HTTP and gRPC.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ballast/v1/admin.grpc.pb.h"
#include "daemon/app/daemon.h"
#include "daemon/store/sqlite_plan_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/base/temp_folder.h"
#include "tests/daemon/in_process_daemon.h"

namespace ballast {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Config ConfigIn(const TempFolder& folder) {
  Config config = *ParseConfig(kSmallConfig);
  config.grpc_listen = "0.0.0.0:0";
  config.store_kind = StoreKind::kSqlite;
  config.store_path = folder.File("ballast.db");
  config.admin_socket = folder.File("admin.sock");
  return config;
}

// The bytes of a grpc.health.v1.HealthCheckResponse.
constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";

class HealthProbeTest : public ::testing::Test {
 protected:
  // What grpc.health.v1.Health/Check answers for a service, as bytes; "" if it refuses.
  std::string Serving(const std::string& service) const {
    grpc::GenericStub stub(daemon_.Channel());
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const grpc::Slice slice(
        absl::StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service));
    auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                      grpc::ByteBuffer(&slice, 1), &queue);
    call->StartCall();
    grpc::ByteBuffer answer;
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    std::vector<grpc::Slice> slices;
    std::string bytes;
    if (!status.ok() || !answer.Dump(&slices).ok()) return bytes;
    for (const grpc::Slice& part : slices) {
      bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
    return bytes;
  }

  void Pause() const {
    const auto stub = v1::Admin::NewStub(grpc::CreateChannel("unix:" + folder_.File("admin.sock"),
                                                             grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    v1::PauseRequest request;
    request.mutable_steering()->set_ep_group("demo");
    request.mutable_steering()->set_operation_id("p1");
    request.mutable_steering()->set_caller("test");
    v1::Operation operation;
    stub->Pause(&context, request, &operation);
  }

  TempFolder folder_;
  InProcessDaemon daemon_{ConfigIn(folder_)};
};

TEST_F(HealthProbeTest, AFreshDaemonIsAliveReadyAndServesEachService) {
  EXPECT_THAT(daemon_.Http("/livez?verbose"),
              AllOf(HasSubstr("200 OK"), HasSubstr("[+]event_loop ok: turned"),
                    HasSubstr("[+]self_probe ok: the gRPC listener answers")));
  const std::string ready = daemon_.Http("/readyz?verbose");
  EXPECT_THAT(ready, HasSubstr("200 OK"));
  for (const char* check :
       {"draining", "store", "leader", "config", "control/demo", "rollout/demo", "workers/demo"}) {
    EXPECT_THAT(ready, HasSubstr(absl::StrCat("[+]", check, " ok")));
  }
  EXPECT_THAT(daemon_.Http("/readyz"), AllOf(HasSubstr("\r\n\r\nok\n"), Not(HasSubstr("leader"))));
  for (const char* service : {"", "ballast.v1.Placement", "ballast.v1.Load", "ballast.v1.Query"}) {
    EXPECT_EQ(Serving(service), kServing) << service;
  }
  EXPECT_EQ(Serving("ballast.v1.Nothing"), "");
}

TEST_F(HealthProbeTest, ADeposedDaemonSendsWorkersAwayAndAnswersQueriesOn) {
  ASSERT_EQ(*(*SqlitePlanStore::Open(folder_.File("ballast.db")))->BeginTerm(), 2);
  Pause();  // A call of the store tells.
  EXPECT_THAT(daemon_.Http("/readyz"),
              AllOf(HasSubstr("503"), HasSubstr("[-]leader failed: term 1 is")));
  EXPECT_THAT(daemon_.Http("/readyz?verbose&exclude=leader"),
              AllOf(HasSubstr("200 OK"), HasSubstr("[ ]leader excluded")));
  EXPECT_THAT(daemon_.Http("/readyz?exclude=store"), HasSubstr("503"));
  EXPECT_THAT(daemon_.Http("/livez"), HasSubstr("200 OK"));
  // Told to gRPC with the next probe.
  while (Serving("ballast.v1.Placement") == kServing) {
  }
  EXPECT_EQ(Serving("ballast.v1.Placement"), kNotServing);
  EXPECT_EQ(Serving("ballast.v1.Load"), kNotServing);
  EXPECT_EQ(Serving("ballast.v1.Query"), kServing);
  EXPECT_EQ(Serving(""), kServing);
  // By now the daemon has found its own listener, on a wildcard address.
  EXPECT_THAT(daemon_.Http("/metrics"), HasSubstr("\nballast_self_probe_failures_total 0\n"));
}

}  // namespace
}  // namespace ballast
