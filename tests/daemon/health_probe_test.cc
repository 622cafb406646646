// Goal: what probes see of a whole daemon: /livez, /readyz and grpc.health.v1, while all is well
// and after another process has taken its store over. Method: a daemon in this process on a
// store file, asked over HTTP and gRPC.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ballast/v1/admin.grpc.pb.h"
#include "ballast/v1/query.grpc.pb.h"
#include "daemon/app/daemon.h"
#include "daemon/store/sqlite_plan_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/base/temp_folder.h"
#include "tests/daemon/in_process_daemon.h"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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

// A client of the HTTP port that sends nothing.
class Connection {
 public:
  explicit Connection(int port) : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  Connection(Connection&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ~Connection() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  // The daemon has answered it, or closed it.
  bool given_up() const {
    char byte = 0;
    return recv(descriptor_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0 || errno != EAGAIN;
  }

 private:
  int descriptor_;
};

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

  grpc::Status Pause() const {
    const auto stub = v1::Admin::NewStub(grpc::CreateChannel("unix:" + folder_.File("admin.sock"),
                                                             grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    v1::PauseRequest request;
    request.mutable_steering()->set_ep_group("demo");
    request.mutable_steering()->set_operation_id("p1");
    request.mutable_steering()->set_caller("test");
    v1::Operation operation;
    return stub->Pause(&context, request, &operation);
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
  for (const char* check : {"not_draining", "store", "leader", "config", "control/demo",
                            "rollout/demo", "workers/demo"}) {
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
  EXPECT_THAT(daemon_.Http("/readyz?exclude=laeder"),
              AllOf(HasSubstr("503"), HasSubstr("there is no check laeder to exclude\n")));
  EXPECT_THAT(daemon_.Http("/livez"), HasSubstr("200 OK"));
  // Told to gRPC with the next probe.
  ASSERT_TRUE(AwaitCondition([&] { return Serving("ballast.v1.Placement") != kServing; }));
  EXPECT_EQ(Serving("ballast.v1.Placement"), kNotServing);
  EXPECT_EQ(Serving("ballast.v1.Load"), kNotServing);
  EXPECT_EQ(Serving("ballast.v1.Query"), kServing);
  EXPECT_EQ(Serving(""), kServing);
  // By now the daemon has found its own listener, on a wildcard address.
  EXPECT_THAT(daemon_.Http("/metrics"), HasSubstr("\nballast_self_probe_failures_total 0\n"));
}

TEST_F(HealthProbeTest, ADeposedDaemonSaysSoInItsStatus) {
  const auto query = v1::Query::NewStub(daemon_.Channel());
  v1::DaemonStatus status;
  const auto ask = [&] {
    grpc::ClientContext context;
    ASSERT_TRUE(query->GetStatus(&context, v1::GetStatusRequest(), &status).ok());
  };
  ask();
  EXPECT_TRUE(status.leads());
  EXPECT_EQ(status.deposed(), "");
  EXPECT_THAT(daemon_->StatusLine(), StartsWith("leader term 1; demo "));

  ASSERT_EQ(*(*SqlitePlanStore::Open(folder_.File("ballast.db")))->BeginTerm(), 2);
  Pause();
  ask();
  EXPECT_FALSE(status.leads());
  EXPECT_EQ(status.deposed(), "term 1 is not the store's, 2");
  EXPECT_THAT(daemon_->StatusLine(), StartsWith("DEPOSED: term 1 is not the store's, 2; demo "));
}

// A backup or a shell that holds the lock of the store for some seconds.
TEST_F(HealthProbeTest, AStoreThatIsLockedRefusesACallAndIsReadyAllTheSame) {
  {
    auto other = SqliteDatabase::Open(folder_.File("ballast.db"), absl::ZeroDuration());
    auto lock = SqliteTransaction::BeginWrite(*other);
    ASSERT_TRUE(lock.ok()) << lock.status();
    const grpc::Status refused = Pause();
    // UNAVAILABLE is what gRPC says where nobody answers.
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::ABORTED);
    EXPECT_THAT(refused.error_message(), HasSubstr("database is locked"));
  }
  EXPECT_THAT(daemon_.Http("/readyz"), HasSubstr("200 OK"));
}

TEST_F(HealthProbeTest, ConnectionsThatSayNothingDoNotHoldUpAProbe) {
  // Where the machine is so slow that the daemon gives them up meanwhile, it is tried again.
  for (int tries = 0; tries < 5; ++tries) {
    std::vector<Connection> silent;
    for (int i = 0; i < 16; ++i) silent.emplace_back(daemon_->http_port());
    EXPECT_THAT(daemon_.Http("/livez"), HasSubstr("200 OK"));
    if (std::none_of(silent.begin(), silent.end(),
                     [](const Connection& connection) { return connection.given_up(); })) {
      return;
    }
  }
  FAIL() << "the probe was answered only after silent connections were closed";
}

}  // namespace
}  // namespace ballast
