// Goal: what is installed runs, by the command lines of the systemd unit. Method: install to a
// fresh prefix, read the unit as systemd would, and run its commands with the paths that belong
// to the machine redirected by the variables that the unit leaves to /etc/default/ballastd.

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/base/temp_folder.h"
#include "tests/integration/child_process.h"
#include "tests/integration/notify_socket.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class InstallTest : public ::testing::Test {
 protected:
  void SetUp() override { Install(); }

  void Install() {
    auto install = Run({BALLAST_CMAKE, "--install", BALLAST_BUILD_DIR, "--prefix", prefix_});
    ASSERT_EQ(install->Wait(), 0) << install->Out() << install->Err();
  }

  std::unique_ptr<ChildProcess> Run(const std::vector<std::string>& argv) {
    return ChildProcess::Start(argv, folder_.File(absl::StrCat("run", ++runs_)));
  }

#ifdef BALLAST_ENGINE_FOLDER
  // What an engine prints that was built against the installed package.
  std::string BuildAndRunEngine(const std::vector<std::string>& words) {
    const std::string build = folder_.File("engine");
    std::vector<std::string> configure = {BALLAST_CMAKE,
                                          "-G",
                                          "Ninja",  // The build tool that this build needs, too.
                                          "-S",
                                          BALLAST_ENGINE_FOLDER,
                                          "-B",
                                          build,
                                          "-DCMAKE_PREFIX_PATH=" + prefix_,
                                          "-DCMAKE_CXX_COMPILER=" BALLAST_CXX_COMPILER,
                                          "-DCMAKE_CXX_FLAGS=" BALLAST_CXX_FLAGS};
    configure.insert(configure.end(), words.begin(), words.end());
    for (const std::vector<std::string>& command :
         {configure, std::vector<std::string>{BALLAST_CMAKE, "--build", build}}) {
      auto run = Run(command);
      EXPECT_EQ(run->Wait(), 0) << run->Out() << run->Err();
    }
    auto engine = Run({build + "/engine"});
    EXPECT_EQ(engine->Wait(), 0) << engine->Err();
    return engine->Out();
  }
#endif

  std::string Unit() const { return ReadFile(prefix_ + "/lib/systemd/system/ballastd.service"); }

  // The value of the only line `name`=... of the unit.
  std::string Setting(const std::string& name) const {
    std::string value;
    for (absl::string_view line : absl::StrSplit(Unit(), '\n')) {
      if (!absl::StartsWith(line, name + "=")) continue;
      EXPECT_EQ(value, "") << name << " stands twice";
      value = std::string(line.substr(name.size() + 1));
    }
    EXPECT_NE(value, "") << name;
    return value;
  }

  // A command of the unit with its variables in place, in an environment of the unit's and of
  // /etc/default/ballastd.
  std::unique_ptr<ChildProcess> RunCommand(const std::string& name,
                                           std::map<std::string, std::string> variables) {
    const std::vector<std::string> own = absl::StrSplit(Setting("Environment"), '=');
    variables.insert({own.at(0), own.at(1)});
    // A daemon built with a sanitizer goes on by the sanitizer's own settings of this test run.
    for (const char* settings : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
      if (const char* value = getenv(settings)) variables.insert({settings, value});
    }
    std::string command = Setting(name);
    std::vector<std::string> argv = {"/usr/bin/env", "-i"};
    for (const auto& [variable, value] : variables) {
      argv.push_back(absl::StrCat(variable, "=", value));
      command = absl::StrReplaceAll(command, {{absl::StrCat("${", variable, "}"), value},
                                              {absl::StrCat("$", variable), value}});
    }
    const std::vector<std::string> words = absl::StrSplit(command, ' ');
    argv.insert(argv.end(), words.begin(), words.end());
    return Run(argv);
  }

  // What a machine keeps in /etc/default/ballastd, here so that the test stays in its folder.
  std::map<std::string, std::string> Redirected() const {
    return {{"BALLAST_STORE_PATH", folder_.File("ballast.db")},
            {"BALLAST_ADMIN_SOCKET", folder_.File("admin.sock")},
            {"BALLAST_ADMIN_AUDIT_PATH", folder_.File("audit.log")},
            {"BALLAST_GRPC_LISTEN", absl::StrCat("127.0.0.1:", grpc_.port())},
            {"BALLAST_HTTP_LISTEN", ""}};
  }

  const TempFolder folder_{"install"};
  const std::string prefix_ = folder_.File("usr");
  const ReservedPort grpc_;
  int runs_ = 0;
};

TEST_F(InstallTest, TheUnitsCommandsStartReloadAndEndTheInstalledDaemon) {
  auto check = RunCommand("ExecStartPre", {});
  EXPECT_EQ(check->Wait(), 0) << check->Err();
  EXPECT_THAT(check->Out(), HasSubstr(prefix_ + "/etc/ballastd/ballastd.yaml: ok"));

  NotifySocket manager(folder_.File("notify"));
  std::map<std::string, std::string> variables = Redirected();
  variables["NOTIFY_SOCKET"] = manager.path();
  auto daemon = RunCommand("ExecStart", variables);
  ASSERT_TRUE(manager.WaitFor("READY=1", kPatienceSeconds)) << daemon->Err();

  const std::string ctl = prefix_ + "/bin/ballastctl";
  auto status = Run({ctl, "status", "--daemon", absl::StrCat("127.0.0.1:", grpc_.port())});
  EXPECT_EQ(status->Wait(), 1) << "no worker is there: " << status->Err();
  EXPECT_THAT(status->Out(), HasSubstr("decode0"));
  auto operations = Run({ctl, "plan", "operations", "--socket", folder_.File("admin.sock")});
  EXPECT_EQ(operations->Wait(), 0) << operations->Err();

  auto reload = RunCommand("ExecReload", {{"MAINPID", absl::StrCat(daemon->pid())}});
  EXPECT_EQ(reload->Wait(), 0) << reload->Err();
  EXPECT_TRUE(manager.WaitFor("RELOADING=1", kPatienceSeconds));
  daemon->Signal(SIGTERM);
  EXPECT_EQ(daemon->Wait(), 0) << daemon->Err();
}

TEST_F(InstallTest, AnUpgradeKeepsTheConfigurationAndRenewsTheRest) {
  const std::string config = prefix_ + "/etc/ballastd/ballastd.yaml";
  const std::string unit = prefix_ + "/lib/systemd/system/ballastd.service";
  std::ofstream(config) << "mine";
  std::ofstream(unit) << "old";
  Install();
  EXPECT_EQ(ReadFile(config), "mine");
  EXPECT_THAT(ReadFile(unit), HasSubstr("ExecStart=" + prefix_ + "/bin/ballastd"));
}

// docs/operations.md: a full disk at the start is a restart away, whenever there is room.
TEST_F(InstallTest, TheUnitRestartsTheDaemonWithoutEnd) {
  const std::string unit = Unit();
  EXPECT_THAT(unit, HasSubstr("\nStartLimitIntervalSec=0\n"));
  EXPECT_THAT(unit, Not(HasSubstr("StartLimitBurst")));
  EXPECT_THAT(unit, HasSubstr("\nRestart=on-failure\n"));
  EXPECT_THAT(unit, HasSubstr("\nRestartSec=5s\n"));
}

TEST_F(InstallTest, BringsWhatAnOperatorLooksFor) {
  for (const char* path :
       {"bin/ballastd", "bin/ballastctl", "bin/ballast_fleet", "bin/ballast_trace",
        "etc/ballastd/ballastd.yaml", "share/ballast/ballastd.yaml",
        "share/ballast/prometheus/rules.yml", "share/doc/ballast/operations.md"}) {
    EXPECT_EQ(access(absl::StrCat(prefix_, "/", path).c_str(), R_OK), 0) << path;
  }
}

#ifdef BALLAST_ENGINE_FOLDER
TEST_F(InstallTest, AnEngineOutsideTheTreeFindsTheWorkerLibrary) {
  EXPECT_EQ(BuildAndRunEngine({}), "slots 0 3\n");
}

TEST_F(InstallTest, AnEngineThatRoutesOnlyNeedsNothingElse) {
  EXPECT_EQ(BuildAndRunEngine(
                {"-DENGINE_EMBEDS_ROUTING_ONLY=ON",
                 "-DROUTING_PROGRAM=" BALLAST_ENGINE_FOLDER "/../../routing/embedding_program.cc",
                 "-DCMAKE_DISABLE_FIND_PACKAGE_gRPC=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_absl=ON"}),
            "own picks 2, best split 2\n");
}
#endif

// By systemd's own judge, where it is installed: the unit is well-formed, and what it takes
// away from the daemon leaves an exposure below 2 of 10.
TEST_F(InstallTest, SystemdFindsNothingWrongWithTheUnit) {
  const std::string judge = "/usr/bin/systemd-analyze";
  if (access(judge.c_str(), X_OK) != 0) GTEST_SKIP() << "there is no " << judge;
  const std::string unit = prefix_ + "/lib/systemd/system/ballastd.service";
  auto verify = Run({judge, "verify", "--man=no", unit});
  EXPECT_EQ(verify->Wait(), 0);
  EXPECT_EQ(verify->Out() + verify->Err(), "");
  auto security = Run({judge, "security", "--offline=yes", "--threshold=20", unit});
  EXPECT_EQ(security->Wait(), 0) << security->Out() << security->Err();
}

}  // namespace
}  // namespace ballast
