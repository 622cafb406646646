// Goal: each check of /livez and /readyz fails for its reason and for no other, and only what a
// restart cures fails liveness. Method: the loops of a group with a simulated clock on a real
// store file, whose disk fails on order; sockets that behave badly for the self-probe.

#include <netinet/in.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/simulated_clock.h"
#include "daemon/admin/self_probe.h"
#include "daemon/admin/status_report.h"
#include "daemon/store/sqlite_plan_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/base/temp_folder.h"
#include "tests/daemon/fake_group.h"
#include "tests/store/fault_vfs.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Ticket final : public SteeringTicket {
 public:
  void OnPlan(const SteeringResult&) override {}
  void OnEnd(const absl::Status&, const SteeringResult&) override {}
};

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() {
    store_ = *SqlitePlanStore::Open(folder_.File("ballast.db"));
    const std::uint64_t term = *store_->BeginTerm();
    std::string ignored;
    const RolloutStart start = *RecoverGroup(config_, *store_, term, &ignored);
    rollout_ = std::make_unique<RolloutLoop>(
        RolloutLoop::Parts{config_, *store_, store_health_, clock_}, start, term);
    control_ = std::make_unique<ControlLoop>(config_, *rollout_, store_health_, clock_);
    directory_ = std::make_unique<GroupDirectory>(
        std::vector<GroupHandle>{{GroupConfigView(live_), control_.get(), rollout_.get()}});
    report_ = std::make_unique<StatusReport>(
        StatusReportParts{*directory_, *store_, store_health_, [this] { return free_bytes_; },
                          [this] { return self_probe_; }, term, clock_});
  }

  // A call that writes to the store, whatever comes of it.
  void Write() {
    SteeringCall call;
    paused_ = !paused_;
    call.kind = paused_ ? SteeringCall::Kind::kPause : SteeringCall::Kind::kResume;
    call.ticket = std::make_shared<Ticket>();
    rollout_->Steer(std::move(call), {});
    rollout_->RunOnceForTest();
    paused_ = rollout_->View().pause.paused;
  }

  static std::vector<std::string> Failed(const std::vector<HealthCheck>& checks) {
    std::vector<std::string> names;
    for (const HealthCheck& check : checks) {
      if (!check.ok) names.push_back(check.name);
    }
    return names;
  }
  std::vector<std::string> NotReady() const { return Failed(report_->Readiness()); }
  std::vector<std::string> NotAlive() const { return Failed(report_->Liveness()); }

  std::string Detail(const std::string& name) const {
    for (const HealthCheck& check : report_->Readiness()) {
      if (check.name == name) return check.detail;
    }
    return "no such check";
  }

  TempFolder folder_;
  FaultVfs disk_;
  const GroupConfig config_ = SmallGroup();
  const LiveGroupConfig live_{config_};
  SimulatedClock clock_;
  StoreHealth store_health_;
  std::unique_ptr<SqlitePlanStore> store_;
  std::unique_ptr<RolloutLoop> rollout_;
  std::unique_ptr<ControlLoop> control_;
  std::unique_ptr<GroupDirectory> directory_;
  absl::StatusOr<std::int64_t> free_bytes_ = std::int64_t{1} << 30;
  absl::Status self_probe_;
  std::unique_ptr<StatusReport> report_;
  bool paused_ = false;
};

TEST_F(HealthTest, ADaemonWithoutWorkersIsAliveAndReadyForThem) {
  EXPECT_THAT(NotAlive(), IsEmpty());
  EXPECT_THAT(NotReady(), IsEmpty());
  std::vector<std::string> names;
  for (const HealthCheck& check : report_->Readiness()) names.push_back(check.name);
  EXPECT_THAT(names, ElementsAre("event_loop", "self_probe", "not_draining", "store", "leader",
                                 "config", "control/demo", "rollout/demo", "workers/demo"));
  EXPECT_EQ(Detail("workers/demo"), "0 of 4 connected");
  EXPECT_EQ(Detail("leader"), "term 1");
  EXPECT_TRUE(report_->Leads());
}

TEST_F(HealthTest, AFullDiskIsNotReadyButAlive) {
  free_bytes_ = std::int64_t{1} << 20;
  EXPECT_THAT(NotReady(), ElementsAre("store"));
  EXPECT_EQ(Detail("store"), "1.0 MiB free, 16 MiB are needed for decisions");
  EXPECT_THAT(NotAlive(), IsEmpty());
  EXPECT_TRUE(report_->Leads());
  free_bytes_ = absl::UnavailableError("free space of x: gone");
  EXPECT_THAT(NotReady(), ElementsAre("store"));
}

TEST_F(HealthTest, ACallThatFoundTheDiskFullCountsUntilThereIsRoom) {
  disk_.Fail(FaultVfs::Operation::kWrite, 1, SQLITE_FULL, /*times=*/1000);
  Write();
  ASSERT_GT(disk_.failed(), 0);
  EXPECT_TRUE(absl::IsResourceExhausted(store_health_.Last())) << store_health_.Last();
  EXPECT_THAT(NotReady(), IsEmpty());  // The disk has room by now.
  free_bytes_ = 0;
  EXPECT_THAT(NotReady(), ElementsAre("store"));
  EXPECT_THAT(NotAlive(), IsEmpty());
}

TEST_F(HealthTest, AFailedWriteIsNotReadyButAlive) {
  disk_.Fail(FaultVfs::Operation::kSync, 1, SQLITE_IOERR_FSYNC);
  Write();
  ASSERT_FALSE(store_->WriteFault().ok());
  EXPECT_THAT(NotReady(), ElementsAre("store"));
  EXPECT_EQ(Detail("store"), store_->WriteFault().message());
  EXPECT_THAT(NotAlive(), IsEmpty());
}

TEST_F(HealthTest, AStoreThatFailsACallIsReadyAgainAfterTheNextGoodOne) {
  store_health_.OnStoreCall("decide", absl::DataLossError("page 3"), {});
  EXPECT_THAT(NotReady(), ElementsAre("store"));
  EXPECT_EQ(Detail("store"), "decide: page 3");
  Write();
  EXPECT_THAT(NotReady(), IsEmpty());
  // What the store refuses for what it holds is no fault of the store.
  store_health_.OnStoreCall("propose", absl::AbortedError("base"), {});
  EXPECT_THAT(NotReady(), IsEmpty());
}

TEST_F(HealthTest, ADaemonWhoseStoreAnotherTookOverIsNoLeader) {
  auto other = *SqlitePlanStore::Open(folder_.File("ballast.db"));
  ASSERT_EQ(*other->BeginTerm(), 2);
  Write();
  EXPECT_THAT(NotReady(), ElementsAre("leader"));
  EXPECT_EQ(Detail("leader"), "term 1 is not the store's, 2");
  EXPECT_FALSE(report_->Leads());
  EXPECT_THAT(NotAlive(), IsEmpty());
}

TEST_F(HealthTest, ARefusedReloadIsNotReadyUntilAGoodOne) {
  report_->OnConfigReload(false);
  EXPECT_THAT(NotReady(), ElementsAre("config"));
  EXPECT_THAT(NotAlive(), IsEmpty());
  report_->OnConfigReload(true);
  EXPECT_THAT(NotReady(), IsEmpty());
}

TEST_F(HealthTest, ADrainingDaemonIsNotReadyAndLeadsNobody) {
  report_->SetDraining();
  EXPECT_THAT(NotReady(), ElementsAre("not_draining"));
  EXPECT_FALSE(report_->Leads());
  EXPECT_THAT(NotAlive(), IsEmpty());
}

TEST_F(HealthTest, OneThreadThatIsStuckIsNamedAndOnlyAllOfThemAreFatal) {
  clock_.Advance(absl::Seconds(10));
  rollout_->RunOnceForTest();
  EXPECT_THAT(NotReady(), ElementsAre("control/demo"));
  EXPECT_THAT(NotAlive(), IsEmpty());
  control_->RunOnceForTest();
  EXPECT_THAT(NotReady(), IsEmpty());
  clock_.Advance(absl::Seconds(10));
  control_->RunOnceForTest();
  EXPECT_THAT(NotReady(), ElementsAre("rollout/demo"));
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(NotAlive(), ElementsAre("event_loop"));
  EXPECT_EQ(Detail("event_loop"), "turned 10s ago");
}

TEST_F(HealthTest, AListenerThatDoesNotAnswerIsFatal) {
  self_probe_ = absl::UnavailableError("no answer for 11s: connect: refused");
  EXPECT_THAT(NotAlive(), ElementsAre("self_probe"));
  EXPECT_THAT(NotReady(), ElementsAre("self_probe"));
}

// What the probe says next, and what became of it.
class SelfProbeTest : public ::testing::Test {
 protected:
  SelfProbeTest()
      : probe_({[this] { return answer_; }, [this](bool ok) { answered_.push_back(ok); },
                [this] { ++rounds_; }, clock_}) {}

  SimulatedClock clock_;
  absl::Status answer_;
  std::vector<bool> answered_;
  int rounds_ = 0;
  SelfProbe probe_;
};

TEST_F(SelfProbeTest, IsWrongOnlyAfterTenSecondsWithoutAnAnswer) {
  answer_ = absl::UnavailableError("connect: refused");
  probe_.ProbeOnce();
  EXPECT_TRUE(probe_.State().ok());
  clock_.Advance(SelfProbe::kLateAfter);
  probe_.ProbeOnce();
  EXPECT_EQ(probe_.State().message(), "no answer for 10s: connect: refused");
  answer_ = absl::OkStatus();
  probe_.ProbeOnce();
  EXPECT_TRUE(probe_.State().ok());
  EXPECT_THAT(answered_, ElementsAre(false, false, true));
  EXPECT_EQ(rounds_, 3);
}

TEST_F(SelfProbeTest, AProbeThatNeverReturnsIsNoticed) {
  probe_.ProbeOnce();
  clock_.Advance(SelfProbe::kLateAfter);
  EXPECT_EQ(probe_.State().message(), "no answer for 10s: the probe does not return");
}

// A listening socket on loopback that answers a connection with `greeting` and holds it open.
class RudeListener {
 public:
  explicit RudeListener(std::string greeting) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    socklen_t size = sizeof(address);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    listen(socket_, 1);
    if (greeting.empty()) return;
    thread_ = std::thread([this, greeting] {
      connection_ = accept(socket_, nullptr, nullptr);
      send(connection_, greeting.data(), greeting.size(), MSG_NOSIGNAL);
    });
  }
  ~RudeListener() {
    if (thread_.joinable()) thread_.join();
    if (connection_ >= 0) close(connection_);
    close(socket_);
  }
  RudeListener(const RudeListener&) = delete;
  RudeListener& operator=(const RudeListener&) = delete;

  int port() const { return port_; }

 private:
  const int socket_;
  int port_ = 0;
  int connection_ = -1;
  std::thread thread_;
};

TEST(ListenerAddressTest, TakesOnlyTheGreetingOfHttp2ForAnAnswer) {
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  const RudeListener polite(settings);
  EXPECT_TRUE(ListenerAddress::Resolve("0.0.0.0:0", polite.port())->Probe(absl::Seconds(20)).ok());
  const RudeListener other("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_THAT(std::string(ListenerAddress::Resolve("127.0.0.1:0", other.port())
                              ->Probe(absl::Seconds(20))
                              .message()),
              HasSubstr("not that of HTTP/2"));
}

TEST(ListenerAddressTest, GivesUpOnAListenerThatSaysNothing) {
  const RudeListener silent("");  // The kernel connects; nobody accepts.
  const absl::Status status =
      ListenerAddress::Resolve("127.0.0.1:0", silent.port())->Probe(absl::Milliseconds(50));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no greeting"));
}

TEST(ListenerAddressTest, NamesAnAddressNobodyListensOn) {
  int port = 0;
  { port = RudeListener("").port(); }
  const absl::Status status =
      ListenerAddress::Resolve("127.0.0.1:0", port)->Probe(absl::Seconds(20));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("127.0.0.1:", port, ": connect: Connection refused")));
}

}  // namespace
}  // namespace ballast
