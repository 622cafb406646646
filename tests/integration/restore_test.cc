// Goal: a backup of the store is restored under running workers, by the procedure of
// docs/operations.md, and the group is led out of being ahead of its store without a stop.
// Method: real processes. The fleet itself ends with an error if two ranks ever serve one
// step by two plans, or a slot holds another expert than is routed to it.

#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/store_file.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr int kRanks = 16;

class RestoreTest : public ::testing::Test {
 protected:
  // A backup of the first daemon's store while it runs; after it two more daemons, each of
  // which switches the workers to plans that the backup does not have. None runs at the end.
  void LeaveTheBackupBehind() {
    ASSERT_TRUE(daemon_.Start());
    fleet_ = daemon_.StartFleet();
    ASSERT_TRUE(daemon_.AwaitInLog("event=plan.active"));
    RunSql(store_, "VACUUM INTO '" + backup_ + "'");
    for (int more = 0; more < 3; ++more) {
      if (more > 0) {
        ASSERT_EQ(daemon_.End(SIGTERM), 0);
        ASSERT_TRUE(daemon_.Start());
      }
      ASSERT_TRUE(daemon_.AwaitInLog("event=plan.active", 2, daemon_.Log().size()));
    }
    ASSERT_EQ(daemon_.End(SIGTERM), 0);
  }

  void Restore() const {
    for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(store_ + part);
    std::filesystem::copy_file(backup_, store_);
  }

  // All ranks are connected and named as ahead.
  json WhenAllAreAhead() {
    return daemon_.GroupWhen("demo", "all ranks are ahead", [](const json& group) {
      for (const json& worker : group["workers"]) {
        if (worker["state"] != "ahead") return false;
      }
      return true;
    });
  }

  TestDaemon daemon_{"restore", DaemonConfig::Eager()};
  const std::string store_ = daemon_.File("ballast.db");
  const std::string backup_ = daemon_.File("backup.db");
  std::unique_ptr<ChildProcess> fleet_;
};

TEST_F(RestoreTest, AGroupAheadOfARestoredStoreIsNamedServesOnAndIsBroughtBack) {
  LeaveTheBackupBehind();
  Restore();
  RunSql(store_, "UPDATE store_term SET term = term + 1000");
  const std::size_t since = daemon_.Log().size();
  ASSERT_TRUE(daemon_.Start());
  const json ahead = WhenAllAreAhead();
  EXPECT_EQ(ahead["alarms"][0]["name"], "ranks_ahead");
  EXPECT_EQ(ahead["decided"]["version"]["term"], "1");
  const json running = ahead["workers"][0]["active"];
  EXPECT_EQ(running["version"]["term"], "3");
  for (const json& worker : ahead["workers"]) EXPECT_EQ(worker["active"], running);

  // Nothing is pushed and nothing planned until somebody says so.
  const std::uint64_t step = Number(ahead["workers"][0]["step"]);
  const json later = daemon_.GroupWhen("demo", "serving goes on", [&](const json& group) {
    return Number(group["workers"][0]["step"]) >= step + 200;
  });
  EXPECT_EQ(later["workers"][kRanks - 1]["active"], running);
  EXPECT_EQ(daemon_.CountInLog("event=plan.proposed", since), 0);
  EXPECT_EQ(daemon_.Steer({"rollback", "--wait", "--version", "0.0"}).code, 4);

  const CtlRun rollback = daemon_.Steer({"rollback", "--wait", "--over-ahead"});
  ASSERT_EQ(rollback.code, 0);
  EXPECT_THAT(rollback.out, HasSubstr("Rollback demo: done"));
  // Planning goes on by itself.
  ASSERT_TRUE(daemon_.AwaitInLog("event=plan.active", 3, since));
  const json back = daemon_.GroupWhen("demo", "all ranks run a plan of this store",
                                      [](const json& group) { return group["active_everywhere"]; });
  EXPECT_EQ(back["decided"]["version"]["term"], "1002");
  EXPECT_EQ(fleet_->End(SIGINT), 0);
}

// Without the step that raises the term the daemon is an older one to the workers.
TEST_F(RestoreTest, WorkersThatHaveSeenALaterTermServeOnAndAreNamed) {
  LeaveTheBackupBehind();
  Restore();
  const std::size_t since = daemon_.Log().size();
  ASSERT_TRUE(daemon_.Start());
  for (int rank = 0; rank < kRanks; ++rank) {
    ASSERT_TRUE(daemon_.AwaitInLog(absl::StrCat("event=worker.ahead group=demo rank=", rank,
                                                " detail=\"runs ahead of this "
                                                "store: has seen term 3, this daemon has term 2"),
                                   1, since));
  }
  EXPECT_EQ(daemon_.CountInLog("event=plan.", since), 0);

  // The step may be made up for.
  ASSERT_EQ(daemon_.End(SIGTERM), 0);
  RunSql(store_, "UPDATE store_term SET term = term + 1000");
  ASSERT_TRUE(daemon_.Start());
  WhenAllAreAhead();
  EXPECT_EQ(daemon_.Steer({"rollback", "--wait", "--over-ahead", "--version", "0.0"}).code, 0);
  EXPECT_EQ(fleet_->End(SIGINT), 0);
}

}  // namespace
}  // namespace ballast
