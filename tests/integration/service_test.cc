// Goal: the daemon is a good service: it says what it does to who started it, ends as it is
// told, and its exit codes tell why it could not start. Method: the real program with a socket
// in place of the service manager.

#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/loopback.h"
#include "tests/integration/notify_socket.h"
#include "tests/integration/store_file.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Connections to a port of loopback that say nothing.
class IdleConnections {
 public:
  IdleConnections(int port, int count) : sockets_(count, -1) {
    const sockaddr_in address = Loopback(port);
    for (int& one : sockets_) {
      one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      EXPECT_EQ(connect(one, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    }
  }
  ~IdleConnections() {
    for (const int one : sockets_) close(one);
  }
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;

 private:
  std::vector<int> sockets_;
};

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() { daemon_.RunUnder({"NOTIFY_SOCKET=" + manager_.path(), "WATCHDOG_USEC=600000"}); }

  // Starts the daemon, and waits until the manager is told so.
  void StartAndHear(const std::string& message) {
    daemon_.Launch();
    ASSERT_TRUE(manager_.WaitFor(message, kPatienceSeconds));
  }

  // What becomes of another daemon, which does not start.
  int ExitCode(const std::vector<std::string>& words) {
    other_ = daemon_.LaunchOther(words);
    return other_->Wait().value_or(-1);
  }

  TestDaemon daemon_{"service", {.groups = {{.ranks = 2, .row_size = 2, .slots_per_rank = 16}}}};
  NotifySocket manager_{daemon_.File("notify")};
  std::unique_ptr<ChildProcess> other_;
};

TEST_F(ServiceTest, IsReadyOnceItAnswers) {
  StartAndHear("READY=1");
  EXPECT_THAT(daemon_.Http("/livez"), HasSubstr("200 OK"));
}

TEST_F(ServiceTest, TellsItsStatusFeedsTheWatchdogAndSaysThatItStops) {
  StartAndHear("STATUS=");
  EXPECT_THAT(manager_.messages().back(),
              HasSubstr("STATUS=leader term 1; demo 0/2 synced; plan 0.0 waits for rank 0"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(manager_.WaitFor("WATCHDOG=1", kPatienceSeconds));
  daemon_.Signal(SIGTERM);
  EXPECT_TRUE(manager_.WaitFor("STOPPING=1", kPatienceSeconds));
  EXPECT_EQ(daemon_.Wait(), 0);
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=daemon.draining signal=TERM"));
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=daemon.ended"));
}

// A third of its time; the longest period, of a second, would take twice as long as is waited.
TEST_F(ServiceTest, FeedsTheWatchdogAsOftenAsItsTimeAsks) {
  daemon_.RunUnder({"NOTIFY_SOCKET=" + manager_.path(), "WATCHDOG_USEC=60000"});
  StartAndHear("READY=1");
  const absl::Duration begin = RealClock().Uptime();
  manager_.Drain();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(manager_.WaitFor("WATCHDOG=1", kPatienceSeconds));
  const absl::Duration took = RealClock().Uptime() - begin;
  EXPECT_GE(took, 49 * absl::Milliseconds(20));
  EXPECT_LT(took, absl::Seconds(25));
}

// Its listener is out of descriptors and never accepts again, which only a restart cures.
TEST_F(ServiceTest, ADaemonThatNobodyCanReachFeedsTheWatchdogNoMore) {
  StartAndHear("READY=1");
  const auto open_files = std::distance(
      std::filesystem::directory_iterator(absl::StrCat("/proc/", daemon_.pid(), "/fd")),
      std::filesystem::directory_iterator());
  rlimit usual;
  ASSERT_EQ(prlimit(daemon_.pid(), RLIMIT_NOFILE, nullptr, &usual), 0);
  const rlimit few = {static_cast<rlim_t>(open_files) + 8, usual.rlim_max};
  ASSERT_EQ(prlimit(daemon_.pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  const IdleConnections flood(daemon_.grpc_port(), 100);
  ASSERT_TRUE(daemon_.AwaitInLog("event=daemon.stuck check=\"self_probe no answer for"));
  // It could speak to the manager again, and does of other things.
  ASSERT_EQ(prlimit(daemon_.pid(), RLIMIT_NOFILE, &usual, nullptr), 0);
  manager_.Drain();
  manager_.Clear();
  daemon_.Signal(SIGHUP);
  EXPECT_TRUE(manager_.WaitFor("RELOADING=1", kPatienceSeconds));
  EXPECT_FALSE(manager_.WaitFor("WATCHDOG=1", 2)) << "ten times its period";
  EXPECT_TRUE(daemon_.running());
}

TEST_F(ServiceTest, SaysThatItReloadsAndIsReadyAgain) {
  StartAndHear("READY=1");
  manager_.Clear();
  daemon_.Signal(SIGHUP);
  ASSERT_TRUE(manager_.WaitFor("RELOADING=1\nMONOTONIC_USEC=", kPatienceSeconds));
  EXPECT_EQ(manager_.Count("READY=1"), 0);
  EXPECT_TRUE(manager_.WaitFor("READY=1", kPatienceSeconds));
}

TEST_F(ServiceTest, AnInterruptDrainsToo) {
  StartAndHear("READY=1");
  EXPECT_EQ(daemon_.End(SIGINT), 0);
}

// Both are pending when it goes on: it takes one, and the other comes while it drains.
TEST_F(ServiceTest, ASecondSignalEndsItAtOnce) {
  ASSERT_TRUE(daemon_.Start());
  daemon_.Signal(SIGSTOP);
  daemon_.Signal(SIGINT);
  daemon_.Signal(SIGTERM);
  daemon_.Signal(SIGCONT);
  EXPECT_EQ(daemon_.Wait(), 128 + SIGTERM);
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=daemon.draining signal=INT"));
  EXPECT_THAT(daemon_.Log(), Not(HasSubstr("event=daemon.ended")));
}

TEST_F(ServiceTest, EndsWithTheCodeOfItsFault) {
  EXPECT_EQ(ExitCode({"--nonsense"}), 64);
  EXPECT_EQ(ExitCode({"--set", "log.level=loud"}), 78);
  EXPECT_THAT(other_->Err(), HasSubstr("log.level is 'loud'"));
  EXPECT_EQ(ExitCode({"--set", "store.path=" + daemon_.File("nowhere/ballast.db")}), 74);
  EXPECT_EQ(ExitCode({"--set", "admin.socket=" + daemon_.File("nowhere/admin.sock")}), 74);

  ASSERT_TRUE(daemon_.Start());
  EXPECT_EQ(ExitCode({"--set", "http.listen=127.0.0.1:0"}), 73);
  EXPECT_THAT(other_->Err(), HasSubstr(absl::StrCat("locked by process ", daemon_.pid())));
  EXPECT_EQ(ExitCode({"--set", "store.kind=memory", "--set", "grpc.listen=127.0.0.1:0"}), 69);
  EXPECT_THAT(other_->Err(), HasSubstr(absl::StrCat("127.0.0.1:", daemon_.http_port())));
  EXPECT_EQ(ExitCode({"--set", "store.kind=memory", "--set", "http.listen=", "--set",
                      absl::StrCat("grpc.listen=127.0.0.1:", daemon_.http_port())}),
            69);
}

TEST_F(ServiceTest, AFolderThatItMayNotWriteToIsAPermission) {
  const std::string closed = daemon_.File("closed");
  ASSERT_EQ(mkdir(closed.c_str(), 0500), 0);
  const std::vector<std::string> words = {"--set", "store.path=" + closed + "/ballast.db"};
  // The superuser may write anywhere, unless that right is given up.
  if (geteuid() == 0) {
    daemon_.RunUnder({"/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"});
  }
  EXPECT_EQ(ExitCode(words), 77);
  EXPECT_THAT(other_->Err(), HasSubstr(closed));
  EXPECT_EQ(ExitCode({"--set", "admin.socket=" + closed + "/admin.sock"}), 77);
  EXPECT_THAT(other_->Err(), HasSubstr(closed));
  EXPECT_EQ(ExitCode({"--set", "admin.audit_path=" + closed + "/audit.log"}), 77);
  EXPECT_THAT(other_->Err(), HasSubstr(closed));

  ASSERT_EQ(chmod(daemon_.ConfigFile().c_str(), 0), 0);
  EXPECT_EQ(ExitCode(words), 77);
  EXPECT_THAT(other_->Err(), HasSubstr(daemon_.ConfigFile()));
}

TEST_F(ServiceTest, AStoreThatDoesNotFitTheProgramIsAFaultOfTheProgram) {
  ASSERT_TRUE(daemon_.Start());
  ASSERT_EQ(daemon_.End(SIGTERM), 0);
  RunSql(daemon_.File("ballast.db"), "DROP TABLE store_term");
  daemon_.Launch();
  EXPECT_EQ(daemon_.Wait(), 70);
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=daemon.failed error=\"" + daemon_.File("ballast.db") +
                                       ": no such table: store_term"));
}

// The way of docs/operations.md.
TEST_F(ServiceTest, ACopyThatIsMadeWhileItRunsIsAStore) {
  ASSERT_TRUE(daemon_.Start());
  const std::string restored = daemon_.File("restored");
  ASSERT_EQ(mkdir(restored.c_str(), 0700), 0);
  RunSql(daemon_.File("ballast.db"), "VACUUM INTO '" + restored + "/ballast.db'");

  auto second = daemon_.LaunchOther({"--set", "store.path=" + restored + "/ballast.db", "--set",
                                     "grpc.listen=127.0.0.1:0", "--set", "http.listen="});
  EXPECT_TRUE(manager_.WaitFor("STATUS=leader term 2", kPatienceSeconds)) << second->Err();
  EXPECT_TRUE(daemon_.running());
}

}  // namespace
}  // namespace ballast
