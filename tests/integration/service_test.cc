// Goal: the daemon is a good service: it says what it does to who started it, ends as it is
// told, and its exit codes tell why it could not start. Method: the real program with a socket
// in place of the service manager.

#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/child_process.h"
#include "tests/integration/notify_socket.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:0"}
http: {listen: "127.0.0.1:HTTP"}
store: {path: "FOLDER/ballast.db"}
groups:
  - name: demo
    model: {layers: 1, experts: 4, top_k: 1}
    ranks: 2
    row_size: 2
    slots_per_rank: 2
)";

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest()
      : folder_(MakeTempFolder("service")), http_(FreePort()), manager_(folder_ + "/notify") {
    std::ofstream(File()) << absl::StrReplaceAll(
        kConfig, {{"HTTP", absl::StrCat(http_)}, {"FOLDER", folder_}});
  }

  std::string File() const { return folder_ + "/ballastd.yaml"; }

  // With the manager's variables and `arguments` after those that name the file.
  std::unique_ptr<ChildProcess> Start(const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> argv = {"/usr/bin/env",
                                     "NOTIFY_SOCKET=" + manager_.path(),
                                     "WATCHDOG_USEC=600000",
                                     BALLAST_BINARY_DIR "/ballastd",
                                     "--config",
                                     File()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return ChildProcess::Start(argv, absl::StrCat(folder_, "/ballastd", ++starts_));
  }

  // What became of a daemon that does not start.
  int ExitCode(const std::vector<std::string>& arguments) {
    last_ = Start(arguments);
    return last_->Wait(30).value_or(-1);
  }

  const std::string folder_;
  const int http_;
  NotifySocket manager_;
  std::unique_ptr<ChildProcess> last_;
  int starts_ = 0;
};

TEST_F(ServiceTest, IsReadyOnceItAnswers) {
  auto daemon = Start();
  ASSERT_TRUE(manager_.WaitFor("READY=1", 30)) << daemon->Err();
  EXPECT_THAT(HttpGet(http_, "/livez"), HasSubstr("200 OK"));
}

TEST_F(ServiceTest, TellsItsStatusFeedsTheWatchdogAndSaysThatItStops) {
  auto daemon = Start();
  ASSERT_TRUE(manager_.WaitFor("STATUS=", 30)) << daemon->Err();
  EXPECT_THAT(manager_.messages().back(),
              HasSubstr("STATUS=leader term 1; demo 0/2 synced; plan 0.0 waits for rank 0"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(manager_.WaitFor("WATCHDOG=1", 10));
  daemon->Signal(SIGTERM);
  EXPECT_TRUE(manager_.WaitFor("STOPPING=1", 10));
  EXPECT_EQ(daemon->Wait(30), 0);
  EXPECT_THAT(daemon->Err(), HasSubstr("event=daemon.draining signal=TERM"));
  EXPECT_THAT(daemon->Err(), HasSubstr("event=daemon.ended"));
}

TEST_F(ServiceTest, SaysThatItReloadsAndIsReadyAgain) {
  auto daemon = Start();
  ASSERT_TRUE(manager_.WaitFor("READY=1", 30)) << daemon->Err();
  manager_.Clear();
  daemon->Signal(SIGHUP);
  ASSERT_TRUE(manager_.WaitFor("RELOADING=1\nMONOTONIC_USEC=", 10));
  EXPECT_EQ(manager_.Count("READY=1"), 0);
  EXPECT_TRUE(manager_.WaitFor("READY=1", 10));
}

TEST_F(ServiceTest, AnInterruptDrainsToo) {
  auto daemon = Start();
  ASSERT_TRUE(manager_.WaitFor("READY=1", 30)) << daemon->Err();
  daemon->Signal(SIGINT);
  EXPECT_EQ(daemon->Wait(30), 0);
}

// Both are pending when it goes on: it takes one, and the other comes while it drains.
TEST_F(ServiceTest, ASecondSignalEndsItAtOnce) {
  auto daemon = Start();
  ASSERT_TRUE(daemon->WaitForErr("event=daemon.ready", 30)) << daemon->Err();
  daemon->Signal(SIGSTOP);
  daemon->Signal(SIGINT);
  daemon->Signal(SIGTERM);
  daemon->Signal(SIGCONT);
  EXPECT_EQ(daemon->Wait(30), 128 + SIGTERM);
  EXPECT_THAT(daemon->Err(), HasSubstr("event=daemon.draining signal=INT"));
  EXPECT_THAT(daemon->Err(), Not(HasSubstr("event=daemon.ended")));
}

TEST_F(ServiceTest, EndsWithTheCodeOfItsFault) {
  EXPECT_EQ(ExitCode({"--nonsense"}), 64);
  EXPECT_EQ(ExitCode({"--set", "log.level=loud"}), 78);
  EXPECT_THAT(last_->Err(), HasSubstr("log.level is 'loud'"));
  EXPECT_EQ(ExitCode({"--set", "store.path=" + folder_ + "/nowhere/ballast.db"}), 74);

  auto daemon = Start();
  ASSERT_TRUE(daemon->WaitForErr("event=daemon.ready", 30)) << daemon->Err();
  EXPECT_EQ(ExitCode({"--set", "http.listen=127.0.0.1:0"}), 73);
  EXPECT_THAT(last_->Err(), HasSubstr(absl::StrCat("locked by process ", daemon->pid())));
  EXPECT_EQ(ExitCode({"--set", "store.kind=memory"}), 69);
  EXPECT_THAT(last_->Err(), HasSubstr(absl::StrCat("127.0.0.1:", http_)));
  EXPECT_EQ(ExitCode({"--set", "store.kind=memory", "--set", "http.listen=", "--set",
                      absl::StrCat("grpc.listen=127.0.0.1:", http_)}),
            69);
}

TEST_F(ServiceTest, AFolderThatItMayNotWriteToIsAPermission) {
  const std::string closed = folder_ + "/closed";
  ASSERT_EQ(mkdir(closed.c_str(), 0500), 0);
  std::vector<std::string> argv;
  // The superuser may write anywhere, unless that right is given up.
  if (geteuid() == 0) argv = {"/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"};
  argv.insert(argv.end(), {BALLAST_BINARY_DIR "/ballastd", "--config", File(), "--set",
                           "store.path=" + closed + "/ballast.db"});
  auto daemon = ChildProcess::Start(argv, folder_ + "/closed_daemon");
  EXPECT_EQ(daemon->Wait(30), 77) << daemon->Err();
  EXPECT_THAT(daemon->Err(), HasSubstr(closed));

  ASSERT_EQ(chmod(File().c_str(), 0), 0);
  daemon = ChildProcess::Start(argv, folder_ + "/closed_file");
  EXPECT_EQ(daemon->Wait(30), 77) << daemon->Err();
  EXPECT_THAT(daemon->Err(), HasSubstr(File()));
}

// The way of docs/operations.md.
TEST_F(ServiceTest, ACopyThatIsMadeWhileItRunsIsAStore) {
  auto daemon = Start();
  ASSERT_TRUE(daemon->WaitForErr("event=daemon.ready", 30)) << daemon->Err();
  const std::string restored = folder_ + "/restored";
  ASSERT_EQ(mkdir(restored.c_str(), 0700), 0);
  sqlite3* store = nullptr;
  ASSERT_EQ(sqlite3_open((folder_ + "/ballast.db").c_str(), &store), SQLITE_OK);
  const std::string copy = "VACUUM INTO '" + restored + "/ballast.db'";
  EXPECT_EQ(sqlite3_exec(store, copy.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(store);
  sqlite3_close(store);

  auto second = Start({"--set", "store.path=" + restored + "/ballast.db", "--set", "http.listen="});
  EXPECT_TRUE(manager_.WaitFor("STATUS=leader term 2", 30)) << second->Err();
  EXPECT_TRUE(daemon->running());
}

}  // namespace
}  // namespace ballast
