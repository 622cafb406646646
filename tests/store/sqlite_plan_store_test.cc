// Goal: what only a store on a disk can get wrong: files that are not ours, damage,
// a full or failing disk, two daemons on one file.
// Method: files are damaged through a raw SQLite connection, calls of the operating
// system fail through a VFS of the test.
#include "daemon/store/sqlite_plan_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "tests/base/temp_folder.h"
#include "tests/store/fault_vfs.h"
#include "tests/store/plan_builder.h"

namespace ballast {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

const absl::Time kWhen = absl::FromUnixSeconds(1700000001);

std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class SqlitePlanStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqlitePlanStore> Open() {
    auto store = SqlitePlanStore::Open(path_);
    EXPECT_TRUE(store.ok()) << store.status();
    return std::move(store).value_or(nullptr);
  }

  absl::Status OpenStatus() const { return SqlitePlanStore::Open(path_).status(); }

  // Runs SQL behind the store's back.
  void Raw(const std::string& sql) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  PlanId Commit(SqlitePlanStore& store, std::uint64_t term, int variant, PlanId base = {}) {
    const auto version = store.Propose(TestRecord(variant, base), term);
    EXPECT_TRUE(version.ok()) << version.status();
    EXPECT_EQ(store.Decide("decode", *version, term, kWhen), absl::OkStatus());
    return {*version, TestRecord(variant).id.digest};
  }

  TempFolder folder_;
  const std::string path_ = folder_.File("plans.db");
};

TEST_F(SqlitePlanStoreTest, APauseSurvivesTheProcess) {
  const GroupPause pause = {.paused = true, .reason = "node 3", .who = "uid 0", .when = kWhen};
  {
    auto store = Open();
    ASSERT_EQ(store->SetPause("decode", pause, *store->BeginTerm()), absl::OkStatus());
  }
  EXPECT_EQ(*Open()->Pause("decode"), pause);
}

TEST_F(SqlitePlanStoreTest, AFileFromBeforePausesOpensUnpaused) {
  Open();
  Raw("DROP TABLE group_pause");
  EXPECT_EQ(*Open()->Pause("decode"), GroupPause());
}

TEST_F(SqlitePlanStoreTest, ReopenedItHasTermHistoryAndPlans) {
  PlanId first;
  {
    auto store = Open();
    first = Commit(*store, *store->BeginTerm(), 1);
    ASSERT_TRUE(store->Propose(TestRecord(2, first), 1).ok());
  }
  auto store = Open();
  EXPECT_EQ(store->LatestDecided("decode")->id, first);
  PlacementPlan plan = TestPlan(1);
  plan.version = first.version;
  EXPECT_EQ(store->LatestDecided("decode")->plan, plan);
  EXPECT_EQ(store->Preparing("decode")->size(), 1);
  EXPECT_EQ(*store->BeginTerm(), 2);
}

TEST_F(SqlitePlanStoreTest, IsInWalModeAndSaysWhoseFileItIs) {
  { auto store = Open(); }
  auto db = SqliteDatabase::Open(path_, absl::ZeroDuration());
  ASSERT_TRUE(db.ok());
  EXPECT_EQ(*db->QueryText("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(*db->QueryInt("PRAGMA application_id"), SqlitePlanStore::kApplicationId);
  EXPECT_EQ(*db->QueryInt("PRAGMA user_version"), SqlitePlanStore::kSchemaVersion);
}

TEST_F(SqlitePlanStoreTest, AnOlderDaemonOnTheSameFileIsFencedOut) {
  auto older = Open();
  const std::uint64_t old_term = *older->BeginTerm();
  const auto version = older->Propose(TestRecord(1), old_term);
  ASSERT_TRUE(version.ok());
  auto newer = Open();
  const std::uint64_t new_term = *newer->BeginTerm();
  EXPECT_EQ(older->Decide("decode", *version, old_term, kWhen).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(older->Abort("decode", *version, old_term, "?").code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(newer->Abort("decode", *version, new_term, "new daemon"), absl::OkStatus());
  EXPECT_EQ(older->Propose(TestRecord(2), old_term).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(older->Prune("decode", 0, old_term).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Commit(*newer, new_term, 2).version, (PlanVersion{.term = 2, .sequence = 2}));
  EXPECT_EQ(older->LatestDecided("decode")->id.version.term, 2);
}

// Somebody else holds the write lock of the file, so that a write of ours waits for it.
TEST_F(SqlitePlanStoreTest, ReadsDoNotWaitForAWriteThatWaits) {
  auto store = Open();
  const std::uint64_t term = *store->BeginTerm();
  const PlanId decided = Commit(*store, term, 1);
  auto other = SqliteDatabase::Open(path_, absl::ZeroDuration());
  auto lock = SqliteTransaction::BeginWrite(*other);
  ASSERT_TRUE(lock.ok()) << lock.status();
  absl::Mutex mutex;
  bool done = false;
  absl::Status paused;
  std::thread writer([&] {
    GroupPause pause;
    pause.paused = true;
    const absl::Status status = store->SetPause("decode", pause, term);
    absl::MutexLock guard(&mutex);
    paused = status;
    done = true;
  });
  const auto done_within = [&](absl::Duration time) {
    absl::MutexLock guard(&mutex);
    RealClock().WaitUntil(mutex, absl::Condition(&done), RealClock().Uptime() + time);
    return done;
  };
  // When the write takes its locks shows nowhere: so read for a while, which is far shorter
  // than it waits.
  for (int round = 0; round < 20 && !done_within(absl::Milliseconds(10)); ++round) {
    EXPECT_EQ(store->LatestDecided("decode")->id, decided);
    EXPECT_EQ(store->Get("decode", decided.version)->id, decided);
    EXPECT_EQ(store->History("decode", 10)->size(), 1);
    EXPECT_TRUE(store->Preparing("decode")->empty());
    EXPECT_TRUE(store->Decisions("decode", 10)->empty());
    EXPECT_FALSE(store->Pause("decode")->paused);
    EXPECT_EQ(store->Membership("decode")->generation, 0);
  }
  EXPECT_FALSE(done_within(absl::ZeroDuration())) << paused;
  ASSERT_EQ(lock->Commit(), absl::OkStatus());
  writer.join();
  EXPECT_EQ(paused, absl::OkStatus());
  EXPECT_TRUE(store->Pause("decode")->paused);
}

TEST_F(SqlitePlanStoreTest, RefusesANewerSchemaAndNamesBothVersions) {
  { auto store = Open(); }
  Raw("PRAGMA user_version = 7");
  const absl::Status status = OpenStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(path_ + ": schema version 7, this program knows 2; a newer program"));
}

TEST_F(SqlitePlanStoreTest, RefusesAFileOfAnotherApplicationAndLeavesItAsItWas) {
  Raw("PRAGMA application_id = 4660; CREATE TABLE other (x)");
  const std::string before = ReadBytes(path_);
  const absl::Status status = OpenStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("application id 1234, not 42414c50"));
  EXPECT_EQ(ReadBytes(path_), before);
}

TEST_F(SqlitePlanStoreTest, RefusesADatabaseOfNobody) {
  Raw("CREATE TABLE other (x)");
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SqlitePlanStoreTest, RefusesWhatIsNoDatabase) {
  const std::string text(5000, 'x');
  std::ofstream(path_) << text;
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadBytes(path_), text);
}

TEST_F(SqlitePlanStoreTest, AFolderThatDoesNotExistIsUnavailableWithItsPath) {
  const absl::Status status = SqlitePlanStore::Open(folder_.File("no/plans.db")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no/plans.db"));
}

TEST_F(SqlitePlanStoreTest, ALockedFileIsUnavailable) {
  auto store = SqlitePlanStore::Open(path_, absl::Milliseconds(1));
  ASSERT_TRUE(store.ok());
  auto other = SqliteDatabase::Open(path_, absl::ZeroDuration());
  ASSERT_TRUE(other.ok());
  auto lock = SqliteTransaction::BeginWrite(*other);
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ((*store)->BeginTerm().status().code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(lock->Commit(), absl::OkStatus());
  EXPECT_EQ(*(*store)->BeginTerm(), 1);
}

// Damage of one column of the only, decided, plan 1.1.
struct Damage {
  std::string name;
  std::string sql;
};

class DamagedRowTest : public SqlitePlanStoreTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedRowTest, IsDataLossThatNamesGroupAndPlan) {
  PlanId id;
  {
    auto store = Open();
    id = Commit(*store, *store->BeginTerm(), 1);
  }
  Raw(GetParam().sql);
  auto store = Open();
  for (const absl::Status& status :
       {store->LatestDecided("decode").status(), store->Get("decode", id.version).status(),
        store->Propose(TestRecord(2, id), 1).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("EP group decode, plan 1.1"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Columns, DamagedRowTest,
    ::testing::Values(Damage{"Experts", "UPDATE plan SET experts = x'0300' || substr(experts, 3)"},
                      Damage{"ExpertsCutShort", "UPDATE plan SET experts = substr(experts, 1, 8)"},
                      Damage{"Shares", "UPDATE plan SET shares = x'0000' || substr(shares, 3)"},
                      Damage{"Digest", "UPDATE plan SET digest = zeroblob(32)"},
                      Damage{"Fingerprint",
                             "UPDATE plan SET topology_fingerprint = topology_fingerprint + 1"},
                      Damage{"Base", "UPDATE plan SET base_sequence = base_sequence + 1"},
                      Damage{"Shape", "UPDATE plan SET top_k = 3"},
                      Damage{"Reason", "UPDATE plan SET reason = ''"},
                      Damage{"Imbalance", "UPDATE plan SET imbalance_after = 9"},
                      Damage{"Time", "UPDATE plan SET decided_ns = NULL"}),
    [](const auto& param_info) { return param_info.param.name; });

TEST_F(SqlitePlanStoreTest, ALostDecisionIsDataLossAndNotAnOlderPlan) {
  {
    auto store = Open();
    const std::uint64_t term = *store->BeginTerm();
    Commit(*store, term, 2, Commit(*store, term, 1));
  }
  Raw("DELETE FROM plan WHERE sequence = 2");
  const absl::Status status = Open()->LatestDecided("decode").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("EP group decode: the newest decided plan is 2 by its head, 1 by its rows"));
}

// What is damaged, and which sequence is the newest decided one after it was set aside.
struct Aside {
  std::string name;
  std::string sql;
  std::uint64_t decided;
  std::string finding;
};

class SetDamagedAsideTest : public SqlitePlanStoreTest,
                            public ::testing::WithParamInterface<Aside> {};

TEST_P(SetDamagedAsideTest, GoesOnWithTheNewestPlanThatIsWhole) {
  {
    auto store = Open();
    const std::uint64_t term = *store->BeginTerm();
    const PlanId second = Commit(*store, term, 2, Commit(*store, term, 1));
    ASSERT_TRUE(store->Propose(TestRecord(3, second), term).ok());
    ASSERT_TRUE(store->Propose(TestRecord(1, {}, "prefill"), term).ok());
  }
  Raw(GetParam().sql);
  auto store = Open();
  const std::uint64_t term = *store->BeginTerm();
  EXPECT_EQ(store->SetDamagedAside("decode", term - 1).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const auto findings = store->SetDamagedAside("decode", term);
  ASSERT_TRUE(findings.ok()) << findings.status();
  ASSERT_EQ(findings->size(), 1);
  EXPECT_THAT(findings->front(), HasSubstr(GetParam().finding));
  EXPECT_TRUE(store->SetDamagedAside("decode", term)->empty()) << "it is named once";

  PlanId base;
  if (GetParam().decided == 0) {
    EXPECT_EQ(store->LatestDecided("decode").status().code(), absl::StatusCode::kNotFound);
  } else {
    base = store->LatestDecided("decode")->id;
    EXPECT_EQ(base.version.sequence, GetParam().decided);
  }
  EXPECT_TRUE(store->History("decode", 10).ok());
  EXPECT_EQ(store->Preparing("prefill")->size(), 1) << "another group is left alone";
  const std::vector<PlanRecord> preparing = store->Preparing("decode").value();
  for (const PlanRecord& record : preparing) {
    ASSERT_EQ(store->Abort("decode", record.id.version, term, "test"), absl::OkStatus());
  }
  EXPECT_EQ(store->Propose(TestRecord(3, base), term)->sequence, 4) << "no number is used again";
}

INSTANTIATE_TEST_SUITE_P(
    Damages, SetDamagedAsideTest,
    ::testing::Values(
        Aside{"NewestPlan", "UPDATE plan SET shares = zeroblob(24) WHERE sequence = 2", 1,
              "EP group decode, plan 1.2: the stored plan"},
        Aside{"NewestRow", "UPDATE plan SET state = 2 WHERE sequence = 2", 1,
              "EP group decode, plan 1.2: the stored row"},
        Aside{"OlderRow", "UPDATE plan SET top_k = 3 WHERE sequence = 1 AND ep_group = 'decode'", 2,
              "EP group decode, plan 1.1: the stored row"},
        Aside{"PlanOnItsWay", "UPDATE plan SET experts = zeroblob(24) WHERE sequence = 3", 2,
              "EP group decode, plan 1.3: the stored plan"},
        Aside{"LostPlan", "DELETE FROM plan WHERE sequence = 2", 1, "2 by its head, 1 by its rows"},
        Aside{"LostHead", "DELETE FROM ep_group WHERE name = 'decode'", 2,
              "0 by its head, 2 by its rows"},
        Aside{"LostPlans", "DELETE FROM plan WHERE state = 1", 0, "2 by its head, 0 by its rows"}),
    [](const auto& param_info) { return param_info.param.name; });

TEST_F(SqlitePlanStoreTest, WhatIsSetAsideIsKept) {
  auto store = Open();
  const std::uint64_t term = *store->BeginTerm();
  Commit(*store, term, 1);
  Raw("UPDATE plan SET shares = zeroblob(24)");
  ASSERT_EQ(store->SetDamagedAside("decode", term)->size(), 1);
  auto db = SqliteDatabase::Open(path_, absl::Seconds(1));
  ASSERT_TRUE(db.ok());
  EXPECT_EQ(*db->QueryInt("SELECT count(*) FROM damaged_plan WHERE sequence = 1"), 1);
  EXPECT_EQ(*db->QueryInt("SELECT count(*) FROM plan"), 0);
}

TEST_F(SqlitePlanStoreTest, ALostHeadIsDataLossAndNotAnEmptyHistory) {
  {
    auto store = Open();
    Commit(*store, *store->BeginTerm(), 1);
  }
  Raw("DELETE FROM ep_group");
  EXPECT_EQ(Open()->LatestDecided("decode").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqlitePlanStoreTest, ADamagedRowIsDataLossInHistoryToo) {
  {
    auto store = Open();
    Commit(*store, *store->BeginTerm(), 1);
  }
  Raw("UPDATE plan SET state = 2");
  EXPECT_EQ(Open()->History("decode", 1).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqlitePlanStoreTest, ADamagedPlanDoesNotHideAnotherGroup) {
  auto store = Open();
  const std::uint64_t term = *store->BeginTerm();
  Commit(*store, term, 1);
  ASSERT_TRUE(store->Propose(TestRecord(1, {}, "prefill"), term).ok());
  Raw("UPDATE plan SET shares = zeroblob(24) WHERE ep_group = 'decode'");
  EXPECT_EQ(store->LatestDecided("decode").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store->Preparing("prefill")->size(), 1);
}

TEST_F(SqlitePlanStoreTest, AFullDiskIsResourceExhaustedAndTheStoreWorksAgainAfter) {
  FaultVfs vfs;
  auto store = Open();
  const std::uint64_t term = *store->BeginTerm();
  const PlanId first = Commit(*store, term, 1);
  vfs.Fail(FaultVfs::Operation::kWrite, 1, SQLITE_FULL, /*times=*/1000);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(store->Propose(TestRecord(2, first), term).status().code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(store->LatestDecided("decode")->id, first);
  }
  EXPECT_GE(vfs.failed(), 3);
  vfs.Heal();
  EXPECT_EQ(Commit(*store, term, 2, first).version.sequence, 2);
}

TEST_F(SqlitePlanStoreTest, AfterAFailedSyncItWritesNoMoreUntilOpenedAgain) {
  FaultVfs vfs;
  auto store = Open();
  const std::uint64_t term = *store->BeginTerm();
  const PlanId first = Commit(*store, term, 1);
  EXPECT_TRUE(store->WriteFault().ok());
  vfs.Fail(FaultVfs::Operation::kSync, 1, SQLITE_IOERR_FSYNC);
  EXPECT_EQ(store->Propose(TestRecord(2, first), term).status().code(),
            absl::StatusCode::kUnavailable);
  ASSERT_EQ(vfs.failed(), 1);
  EXPECT_FALSE(store->WriteFault().ok());
  const absl::Status again = store->Propose(TestRecord(2, first), term).status();
  EXPECT_EQ(again.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(again.message()), HasSubstr("open the store again"));
  EXPECT_EQ(store->BeginTerm().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store->LatestDecided("decode")->id, first);
  store.reset();
  store = Open();
  EXPECT_TRUE(store->WriteFault().ok());
  EXPECT_EQ(*store->BeginTerm(), term + 1);
}

TEST_F(SqlitePlanStoreTest, AFailedReadIsDataLoss) {
  {
    auto store = Open();
    Commit(*store, *store->BeginTerm(), 1);
  }
  FaultVfs vfs;
  auto store = Open();
  vfs.Fail(FaultVfs::Operation::kRead, 1, SQLITE_IOERR_READ, /*times=*/1000);
  EXPECT_EQ(store->LatestDecided("decode").status().code(), absl::StatusCode::kDataLoss);
  vfs.Heal();
  EXPECT_EQ(store->LatestDecided("decode")->id.version.sequence, 1);
}

// Whatever call fails, what was acknowledged is there and the history is linear.
class FailingCallTest : public SqlitePlanStoreTest,
                        public ::testing::WithParamInterface<FaultVfs::Operation> {
 protected:
  struct Run {
    bool failed = false;  // Some call of the store returned an error.
    PlanVersion acknowledged = {};
  };

  Run Work(FaultVfs& vfs, int nth) {
    Run run;
    const bool sync = GetParam() == FaultVfs::Operation::kSync;
    vfs.Fail(GetParam(), nth, sync ? SQLITE_IOERR_FSYNC : SQLITE_FULL);
    auto store = SqlitePlanStore::Open(path_);
    if (!store.ok()) return {.failed = true};
    const absl::StatusOr<std::uint64_t> term = (*store)->BeginTerm();
    if (!term.ok()) return {.failed = true};
    for (int variant = 1; variant <= 3; ++variant) {
      const auto latest = (*store)->LatestDecided("decode");
      const PlanId base = latest.ok() ? latest->id : PlanId();
      const auto version = (*store)->Propose(TestRecord(variant, base), *term);
      run.failed |= !version.ok();
      if (!version.ok()) continue;
      const absl::Status status = (*store)->Decide("decode", *version, *term, kWhen);
      run.failed |= !status.ok();
      if (status.ok()) run.acknowledged = *version;
      if (!status.ok()) {
        EXPECT_THAT(status.code(),
                    AnyOf(absl::StatusCode::kResourceExhausted, absl::StatusCode::kUnavailable));
      }
    }
    return run;
  }
};

TEST_P(FailingCallTest, LosesNothingThatWasAcknowledged) {
  int nth = 0;
  bool untouched = false;
  while (!untouched) {
    SCOPED_TRACE("call " + std::to_string(++nth) + " fails");
    ASSERT_LT(nth, 300);
    for (const char* suffix : {"", "-wal", "-shm", "-journal"})
      std::remove((path_ + suffix).c_str());
    FaultVfs vfs;
    const Run run = Work(vfs, nth);
    untouched = vfs.failed() == 0;
    vfs.Heal();
    EXPECT_TRUE(!untouched || !run.failed);
    auto store = Open();
    ASSERT_NE(store, nullptr);
    const auto latest = store->LatestDecided("decode");
    if (run.acknowledged.sequence > 0) {
      ASSERT_TRUE(latest.ok()) << latest.status();
      EXPECT_GE(latest->id.version.sequence, run.acknowledged.sequence);
    }
    // A new daemon can go on from whatever it finds.
    const std::uint64_t term = *store->BeginTerm();
    const std::vector<PlanRecord> preparing = *store->Preparing("decode");
    for (const PlanRecord& record : preparing) {
      EXPECT_EQ(store->Abort("decode", record.id.version, term, "restart"), absl::OkStatus());
    }
    Commit(*store, term, 0, latest.ok() ? latest->id : PlanId());
  }
  EXPECT_GT(nth, 10);
}

INSTANTIATE_TEST_SUITE_P(Operations, FailingCallTest,
                         ::testing::Values(FaultVfs::Operation::kWrite, FaultVfs::Operation::kSync),
                         [](const auto& param_info) {
                           return param_info.param == FaultVfs::Operation::kWrite ? "Write"
                                                                                  : "Sync";
                         });

}  // namespace
}  // namespace ballast
