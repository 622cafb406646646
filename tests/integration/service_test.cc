// Goal: the daemon is a good service: it says what it does to who started it, ends as it is
// told, and its exit codes tell why it could not start. Method: the real program with a socket
// in place of the service manager.

#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/notify_socket.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(manager_.WaitFor("WATCHDOG=1", 10));
  daemon_.Signal(SIGTERM);
  EXPECT_TRUE(manager_.WaitFor("STOPPING=1", 10));
  EXPECT_EQ(daemon_.Wait(), 0);
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=daemon.draining signal=TERM"));
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=daemon.ended"));
}

TEST_F(ServiceTest, SaysThatItReloadsAndIsReadyAgain) {
  StartAndHear("READY=1");
  manager_.Clear();
  daemon_.Signal(SIGHUP);
  ASSERT_TRUE(manager_.WaitFor("RELOADING=1\nMONOTONIC_USEC=", 10));
  EXPECT_EQ(manager_.Count("READY=1"), 0);
  EXPECT_TRUE(manager_.WaitFor("READY=1", 10));
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

  ASSERT_EQ(chmod(daemon_.ConfigFile().c_str(), 0), 0);
  EXPECT_EQ(ExitCode(words), 77);
  EXPECT_THAT(other_->Err(), HasSubstr(daemon_.ConfigFile()));
}

// The way of docs/operations.md.
TEST_F(ServiceTest, ACopyThatIsMadeWhileItRunsIsAStore) {
  ASSERT_TRUE(daemon_.Start());
  const std::string restored = daemon_.File("restored");
  ASSERT_EQ(mkdir(restored.c_str(), 0700), 0);
  sqlite3* store = nullptr;
  ASSERT_EQ(sqlite3_open(daemon_.File("ballast.db").c_str(), &store), SQLITE_OK);
  const std::string copy = "VACUUM INTO '" + restored + "/ballast.db'";
  EXPECT_EQ(sqlite3_exec(store, copy.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(store);
  sqlite3_close(store);

  auto second = daemon_.LaunchOther({"--set", "store.path=" + restored + "/ballast.db", "--set",
                                     "grpc.listen=127.0.0.1:0", "--set", "http.listen="});
  EXPECT_TRUE(manager_.WaitFor("STATUS=leader term 2", kPatienceSeconds)) << second->Err();
  EXPECT_TRUE(daemon_.running());
}

}  // namespace
}  // namespace ballast
