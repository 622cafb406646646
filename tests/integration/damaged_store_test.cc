// Goal: damage of the store is named, never served, and stops no worker. Method: a real
// daemon with 16 workers stores plans and ends; bytes of its file are flipped in place; the
// next daemon must fall back to the newest plan that is whole, or refuse the file.

#include <signal.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
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

class DamagedStoreTest : public ::testing::Test {
 protected:
  // Runs until `plans` plans are stored; the daemon has ended in order, so that all is in
  // the one file. The workers run on.
  void StoreAFewPlans(int plans) {
    ASSERT_TRUE(daemon_.Start());
    fleet_ = daemon_.StartFleet();
    ASSERT_TRUE(daemon_.AwaitInLog("outcome=done", plans));
    ASSERT_EQ(daemon_.End(SIGTERM), 0);
  }

  // The first value of the only row, as text.
  std::string Query(const std::string& sql) const {
    const std::string value = RunSql(path_, sql);
    EXPECT_NE(value, "") << sql;
    return value;
  }

  // Flips bits of the experts of one plan, in place.
  void FlipExperts(const std::string& sequence) const {
    const std::string row = Query("SELECT rowid FROM plan WHERE sequence = " + sequence);
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    sqlite3_blob* blob = nullptr;
    ASSERT_EQ(sqlite3_blob_open(db, "main", "plan", "experts", std::stoll(row), 1, &blob),
              SQLITE_OK)
        << sqlite3_errmsg(db);
    unsigned char byte = 0;
    EXPECT_EQ(sqlite3_blob_read(blob, &byte, 1, 100), SQLITE_OK);
    byte ^= 0x1f;
    EXPECT_EQ(sqlite3_blob_write(blob, &byte, 1, 100), SQLITE_OK);
    sqlite3_blob_close(blob);
    sqlite3_close(db);
  }

  void ExpectRefused(const std::string& why) {
    daemon_.Launch();
    EXPECT_EQ(daemon_.Wait(), 74);
    EXPECT_THAT(daemon_.Log(), HasSubstr("event=daemon.failed error=\"" + path_));
    EXPECT_THAT(daemon_.Log(), HasSubstr(why));
    EXPECT_TRUE(fleet_->running());
    EXPECT_EQ(fleet_->End(SIGINT), 0);
  }

  TestDaemon daemon_{"damaged_store", DaemonConfig::Eager()};
  const std::string path_ = daemon_.File("ballast.db");
  std::unique_ptr<ChildProcess> fleet_;
};

TEST_F(DamagedStoreTest, TheNewestWholePlanTakesThePlaceOfADamagedOne) {
  StoreAFewPlans(3);
  const std::string kDecided = "SELECT max(sequence) FROM plan WHERE state = 1";
  const std::string damaged = Query(kDecided);
  const std::string whole = Query(kDecided + " AND sequence < " + damaged);
  FlipExperts(damaged);

  const std::size_t offset = daemon_.Log().size();
  ASSERT_TRUE(daemon_.Start());
  EXPECT_THAT(daemon_.Log().substr(offset), HasSubstr("event=store.plan_damaged group=demo"));
  EXPECT_THAT(daemon_.Log().substr(offset),
              HasSubstr(absl::StrCat("EP group demo, plan 1.", damaged,
                                     ": the stored plan does not match its digest")));
  EXPECT_THAT(daemon_.Log().substr(offset),
              HasSubstr(absl::StrCat("event=group.recovered group=demo plan=\"1.", whole, " ")));

  // The workers run the plan that is damaged here: they keep it, and the status says so.
  const json ahead = daemon_.GroupWhen("demo", "workers are named", [](const json& group) {
    return group["ranks_connected"] == 16 && group["waiting_for"].get<std::string>().find(
                                                 "runs ahead of this store") != std::string::npos;
  });
  EXPECT_EQ(ahead["decided"]["version"]["sequence"], whole);
  EXPECT_EQ(ahead["workers"][0]["active"]["version"]["sequence"], damaged);
  const std::uint64_t step = Number(ahead["workers"][0]["step"]);
  daemon_.GroupWhen("demo", "serving goes on", [&](const json& group) {
    return Number(group["workers"][0]["step"]) >= step + 200;
  });
  EXPECT_EQ(daemon_.CountInLog("event=plan.proposed", offset), 0);
  EXPECT_EQ(fleet_->End(SIGINT), 0);

  // New workers get the plan that is whole, and new plans under numbers never used before.
  fleet_ = daemon_.StartFleet();
  ASSERT_TRUE(daemon_.AwaitInLog("event=plan.active", 1, offset));
  const json group =
      daemon_.GroupWhen("demo", "a plan after the damaged one", [&](const json& now) {
        return Number(now["decided"]["version"]["sequence"]) > std::stoull(damaged);
      });
  EXPECT_EQ(group["decided"]["version"]["term"], "2");
  EXPECT_EQ(fleet_->End(SIGINT), 0);
  EXPECT_EQ(daemon_.End(SIGTERM), 0);
  EXPECT_EQ(Query("SELECT sequence FROM damaged_plan"), damaged);
}

TEST_F(DamagedStoreTest, WithoutAnyWholePlanTheInitialOneIsBack) {
  StoreAFewPlans(1);
  for (int left = std::stoi(Query("SELECT count(*) FROM plan WHERE state = 1")); left > 0; --left) {
    FlipExperts(Query("SELECT sequence FROM plan WHERE state = 1 LIMIT 1 OFFSET " +
                      std::to_string(left - 1)));
  }
  const std::size_t offset = daemon_.Log().size();
  ASSERT_TRUE(daemon_.Start());
  EXPECT_THAT(daemon_.Log().substr(offset), HasSubstr("event=store.plan_damaged group=demo"));
  EXPECT_THAT(daemon_.Log().substr(offset),
              HasSubstr("event=group.recovered group=demo plan=\"0.0 "));
  EXPECT_EQ(fleet_->End(SIGINT), 0);
}

TEST_F(DamagedStoreTest, AFileThatIsNoDatabaseAnyMoreIsRefusedAndLeftAsItIs) {
  StoreAFewPlans(1);
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary) << "not what it was";
  const std::string bytes = ReadFile(path_);
  ExpectRefused("file is not a database");
  EXPECT_TRUE(ReadFile(path_) == bytes) << "the refused file was changed";
}

TEST_F(DamagedStoreTest, AFileWithDamagedPagesIsRefused) {
  StoreAFewPlans(1);
  const auto page = std::stoll(Query("SELECT rootpage FROM sqlite_schema WHERE name = 'plan'"));
  const auto page_size = std::stoll(Query("PRAGMA page_size"));
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp((page - 1) * page_size);
  file << std::string(64, '\x7f');
  file.close();
  ExpectRefused("database disk image is malformed");
}

}  // namespace
}  // namespace ballast
