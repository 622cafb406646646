// Goal: a disk without room costs new plans and nothing else. Method: the store of a real
// daemon lies on a small tmpfs that the test fills while 16 workers run (writes fail with
// ENOSPC, as on a full disk), or may not grow any more (EFBIG, which stands for a disk that
// fails in the midst of a write). The workers check the digests of every step themselves;
// this test checks the log of all daemons as one history.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/plan_history.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// Of a proposal; or of a decision and then of its abort, which is repeated ever more slowly and
// nothing is solved meanwhile: it depends on when the disk is full.
constexpr char kRefused[] = "event=store.error call=";
constexpr char kDecided[] = "event=plan.decided";
constexpr char kMayNotMount[] = "neither a mount nor a user name space is permitted here";
constexpr char kDone[] = "outcome=done";

DaemonConfig ConfigOnDisk() {
  DaemonConfig config = DaemonConfig::Eager();
  config.store = "disk/ballast.db";
  return config;
}

// Where only root may mount, this process gets a name space in which it is root.
bool MountSmallDisk(const std::string& path) {
  const auto mounted = [&] { return mount("tmpfs", path.c_str(), "tmpfs", 0, "size=4m") == 0; };
  if (mounted()) return true;
  const std::string uid_map = absl::StrCat("0 ", getuid(), " 1");
  const std::string gid_map = absl::StrCat("0 ", getgid(), " 1");
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << uid_map;
  std::ofstream("/proc/self/gid_map") << gid_map;
  return mounted();
}

class FullDiskTest : public ::testing::Test {
 protected:
  FullDiskTest() { std::filesystem::create_directory(disk_); }
  ~FullDiskTest() override {
    if (mounted_) umount2(disk_.c_str(), MNT_DETACH);
  }

  bool Mount() {
    mounted_ = MountSmallDisk(disk_);
    return mounted_;
  }

  // Until not a byte more fits.
  void Fill() const {
    const int fd = open((disk_ + "/filler").c_str(), O_WRONLY | O_CREAT, 0600);
    const std::string page(4096, 'x');
    while (write(fd, page.data(), page.size()) > 0) {
    }
    EXPECT_EQ(errno, ENOSPC);
    close(fd);
  }
  void Free() const { unlink((disk_ + "/filler").c_str()); }

  std::size_t WalSize() const {
    std::error_code error;
    const auto size = std::filesystem::file_size(disk_ + "/ballast.db-wal", error);
    return error ? 0 : size;
  }

  // A daemon and workers that have been through a first plan.
  void StartLine() {
    ASSERT_TRUE(daemon_.Start());
    fleet_ = daemon_.StartFleet();
    ASSERT_TRUE(daemon_.AwaitInLog(kDone));
  }

  // What must hold in the end, whatever went wrong between.
  void CheckNothingWasLost() {
    const std::size_t offset = daemon_.Log().size();
    ASSERT_TRUE(daemon_.Start());
    ASSERT_TRUE(daemon_.AwaitInLog(kDone, 1, offset));
    EXPECT_EQ(fleet_->End(SIGINT), 0);
    EXPECT_GE(CheckPlanHistory(daemon_.Log(), "demo"), 2);
  }

  TestDaemon daemon_{"full_disk", ConfigOnDisk()};
  const std::string disk_ = daemon_.File("disk");
  bool mounted_ = false;
  std::unique_ptr<ChildProcess> fleet_;
};

TEST_F(FullDiskTest, WorkersKeepTheirPlanAndPlanningGoesOnOnceThereIsRoom) {
  if (!Mount()) GTEST_SKIP() << kMayNotMount;
  StartLine();
  Fill();
  // Small rows may still fit into what the log of the store holds already; then none do.
  ASSERT_TRUE(daemon_.AwaitInLog(kRefused, 3));
  EXPECT_THAT(daemon_.Log(), HasSubstr("database or disk is full"));

  const std::size_t full_since = daemon_.Log().size();
  const json before = daemon_.Group("demo");
  daemon_.GroupAfterSteps("demo", 200);
  ASSERT_TRUE(daemon_.AwaitInLog(kRefused, 1, full_since));
  const json after = daemon_.Group("demo");
  EXPECT_EQ(daemon_.CountInLog(kDecided, full_since), 0);
  EXPECT_EQ(after["decided"], before["decided"]);
  EXPECT_EQ(after["active_everywhere"], true);
  EXPECT_GE(Number(after["solves"]), Number(before["solves"]));
  EXPECT_TRUE(daemon_.running());

  Free();
  const std::size_t free_since = daemon_.Log().size();
  ASSERT_TRUE(daemon_.AwaitInLog(kDone, 2, free_since));
  ASSERT_TRUE(daemon_.Kill());
  CheckNothingWasLost();
}

TEST_F(FullDiskTest, ADaemonThatFindsNoRoomAtItsStartSaysSoAndEnds) {
  if (!Mount()) GTEST_SKIP() << kMayNotMount;
  ASSERT_TRUE(daemon_.Start());
  ASSERT_TRUE(daemon_.Kill());  // The log of the store stays, and has to grow.
  Fill();
  daemon_.Launch();
  EXPECT_EQ(daemon_.Wait(), 74);
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=daemon.failed error=\"" + disk_ +
                                       "/ballast.db: database or disk is full"));
  Free();
  EXPECT_TRUE(daemon_.Start());
}

TEST_F(FullDiskTest, AWriteThatBreaksOffEndsTheDaemonAndItsSuccessorGoesOn) {
  StartLine();
  // Its own log must stay below the limit, so that the daemon can say what happened.
  ASSERT_TRUE(AwaitCondition([this] { return WalSize() > 4 * daemon_.Log().size(); }));
  const rlimit limit = {WalSize() + 5000, RLIM_INFINITY};
  ASSERT_EQ(prlimit(daemon_.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  EXPECT_EQ(daemon_.Wait(), 74);
  EXPECT_THAT(daemon_.Log(), HasSubstr("event=store.unusable"));
  EXPECT_THAT(daemon_.Log(), HasSubstr("disk I/O error (SQLite 778"));  // SQLITE_IOERR_WRITE.
  EXPECT_TRUE(fleet_->running());
  CheckNothingWasLost();
}

}  // namespace
}  // namespace ballast
