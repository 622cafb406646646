// Goal: decisions on a disk: reopening, damage, a full disk, a file of the schema before.
// Method: as sqlite_plan_store_test.cc. tests/data/store/schema-1.db was written by the
// last program of schema 1: `decode` has plan 1.1 decided and 1.2 aborted, `prefill` has
// 1.1 preparing; the plans are those of plan_builder.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "daemon/store/sqlite_plan_store.h"
#include "tests/base/temp_folder.h"
#include "tests/store/decision_builder.h"
#include "tests/store/fault_vfs.h"
#include "tests/store/plan_builder.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SqliteDecisionsTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqlitePlanStore> Open() {
    auto store = SqlitePlanStore::Open(path_);
    EXPECT_TRUE(store.ok()) << store.status();
    return std::move(store).value_or(nullptr);
  }

  // Runs SQL behind the store's back.
  void Raw(const std::string& sql) const {
    auto db = SqliteDatabase::Open(path_, absl::ZeroDuration());
    ASSERT_TRUE(db.ok());
    EXPECT_EQ(db->Execute(sql.c_str()), absl::OkStatus());
  }

  void TakeSchema1() const {
    std::filesystem::copy_file(BALLAST_TEST_DATA "/store/schema-1.db", path_);
    std::filesystem::permissions(path_, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
  }

  TempFolder folder_;
  const std::string path_ = folder_.File("plans.db");
};

TEST_F(SqliteDecisionsTest, ReopenedItHasThemAndNumbersGoOn) {
  DecisionRecord record = TestDecision(1);
  {
    auto store = Open();
    record.number = *store->AppendDecision(record, 10, *store->BeginTerm());
  }
  auto store = Open();
  EXPECT_THAT(*store->Decisions("decode", 5), ElementsAre(record));
  EXPECT_EQ(*store->AppendDecision(TestDecision(2), 10, *store->BeginTerm()), 2);
}

TEST_F(SqliteDecisionsTest, AFileOfSchema1KeepsItsPlansAndTakesDecisions) {
  TakeSchema1();
  auto store = Open();
  ASSERT_NE(store, nullptr);
  const PlanRecord decided = *store->LatestDecided("decode");
  EXPECT_EQ(decided.id, (PlanId{{1, 1}, TestRecord(1).id.digest}));
  EXPECT_EQ(decided.decided, absl::FromUnixSeconds(1700000001));
  EXPECT_EQ(store->Get("decode", {1, 2})->reason, "rank 3: NO_MEMORY");
  EXPECT_EQ(store->Preparing("prefill")->size(), 1);
  EXPECT_THAT(*store->Decisions("decode", 5), IsEmpty());
  const std::uint64_t term = *store->BeginTerm();
  EXPECT_EQ(term, 2);
  EXPECT_EQ(*store->AppendDecision(TestDecision(1), 10, term), 1);
  EXPECT_EQ(*store->Propose(TestRecord(3, decided.id), term), (PlanVersion{2, 3}));
  store.reset();
  auto db = SqliteDatabase::Open(path_, absl::ZeroDuration());
  ASSERT_TRUE(db.ok());
  EXPECT_EQ(*db->QueryInt("PRAGMA user_version"), 2);
  EXPECT_EQ(Open()->Decisions("decode", 5)->size(), 1);
}

TEST_F(SqliteDecisionsTest, ASchemaThatCanNotBeBroughtUpToDateIsLeftAsItWas) {
  TakeSchema1();
  {
    FaultVfs vfs;
    vfs.Fail(FaultVfs::Operation::kWrite, 1, SQLITE_FULL, /*times=*/1000);
    EXPECT_EQ(SqlitePlanStore::Open(path_).status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_GE(vfs.failed(), 1);
  }
  {
    auto db = SqliteDatabase::Open(path_, absl::ZeroDuration());
    ASSERT_TRUE(db.ok());
    EXPECT_EQ(*db->QueryInt("PRAGMA user_version"), 1);
    EXPECT_EQ(*db->QueryInt("SELECT count(*) FROM sqlite_schema WHERE name = 'decision'"), 0);
  }
  EXPECT_EQ(Open()->History("decode", 5)->size(), 2);
}

class DamagedDecisionTest : public SqliteDecisionsTest,
                            public ::testing::WithParamInterface<const char*> {};

TEST_P(DamagedDecisionTest, IsDataLossThatNamesGroupAndNumber) {
  auto store = Open();
  const std::uint64_t term = *store->BeginTerm();
  DecisionRecord record = TestDecision(1);
  record.plan = {.term = 1, .sequence = 1};
  ASSERT_TRUE(store->AppendDecision(record, 10, term).ok());
  Raw(std::string("UPDATE decision SET ") + GetParam());
  for (const absl::Status& status :
       {store->Decisions("decode", 1).status(),
        store->UpdateDecisionOutcome("decode", record.plan, "done", term)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("EP group decode, decision 1"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Columns, DamagedDecisionTest,
    ::testing::Values("solved_ns = NULL", "step = 3", "base_term = 9", "base_digest = zeroblob(32)",
                      "plan_digest = zeroblob(31)", "input_digest = zeroblob(32)", "planner = 'x'",
                      "imbalance_new = 9", "balancedness_now = 1", "lower_bound = 1",
                      "moved_slots = 1", "same_row_bytes = 1", "reason = 'adopted'",
                      "outcome = 'done'", "row_digest = zeroblob(32)"));

TEST_F(SqliteDecisionsTest, ADamagedDecisionDoesNotStopPlans) {
  auto store = Open();
  const std::uint64_t term = *store->BeginTerm();
  ASSERT_TRUE(store->AppendDecision(TestDecision(1), 10, term).ok());
  Raw("UPDATE decision SET outcome = 'done'");
  EXPECT_TRUE(store->Propose(TestRecord(1), term).ok());
  EXPECT_TRUE(store->AppendDecision(TestDecision(2), 10, term).ok());
  EXPECT_TRUE(store->Decisions("decode", 1).ok());
}

TEST_F(SqliteDecisionsTest, AFullDiskIsResourceExhaustedAndPlansAreKeptAfter) {
  FaultVfs vfs;
  auto store = Open();
  const std::uint64_t term = *store->BeginTerm();
  vfs.Fail(FaultVfs::Operation::kWrite, 1, SQLITE_FULL, /*times=*/1000);
  EXPECT_EQ(store->AppendDecision(TestDecision(1), 10, term).status().code(),
            absl::StatusCode::kResourceExhausted);
  vfs.Heal();
  EXPECT_THAT(*store->Decisions("decode", 5), IsEmpty());
  EXPECT_EQ(*store->AppendDecision(TestDecision(1), 10, term), 1);
  EXPECT_TRUE(store->Propose(TestRecord(1), term).ok());
}

}  // namespace
}  // namespace ballast
