// Goal: the form of an audit line is a contract; lines are whole and stay.
#include "daemon/admin/audit_log.h"

#include <sys/stat.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/base/temp_folder.h"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

AuditRecord Record() {
  AuditRecord record;
  record.time = absl::FromUnixMillis(1700000001250);
  record.who = "local, says uid 0";
  record.method = "Force";
  record.ep_group = "demo";
  record.operation_id = "op1";
  record.arguments = "reason=node \"3\"\nis back";
  record.result = "OK";
  record.detail = "2 slots move";
  record.before = PlanId{{7, 41}, {}};
  record.after = PlanId{{7, 42}, {}};
  record.after->digest[31] = 0xa9;
  return record;
}

TEST(AuditLogTest, ALineHasAllKeysInThisOrder) {
  EXPECT_EQ(
      FormatAuditLine(Record()),
      R"({"time":"2023-11-14T22:13:21.250Z","who":"local, says uid 0","method":"Force",)"
      R"("group":"demo","operation_id":"op1","arguments":"reason=node \"3\"\nis back",)"
      R"("dry_run":false,"result":"OK","detail":"2 slots move","plan_before":"7.41",)"
      R"("digest_before":"0000000000000000000000000000000000000000000000000000000000000000",)"
      R"("plan_after":"7.42",)"
      R"("digest_after":"00000000000000000000000000000000000000000000000000000000000000a9"})");
}

TEST(AuditLogTest, ARefusedCallHasTheSameKeys) {
  AuditRecord refused;
  refused.result = "NOT_FOUND";
  const auto line = nlohmann::ordered_json::parse(FormatAuditLine(refused));
  const auto full = nlohmann::ordered_json::parse(FormatAuditLine(Record()));
  ASSERT_EQ(line.size(), full.size());
  for (const auto& [key, value] : full.items()) EXPECT_TRUE(line.contains(key)) << key;
  EXPECT_EQ(line["digest_before"], "");
}

TEST(AuditLogTest, LinesAreAppendedOverRestartsAndForTheOwnerOnly) {
  const TempFolder folder("audit");
  const std::string path = folder.File("audit.log");
  EventLog log("error", false);
  for (int start = 0; start < 2; ++start) {
    auto audit = AuditLog::Open(path, log);
    ASSERT_TRUE(audit.ok()) << audit.status();
    (*audit)->Write(Record());
  }
  const std::string line = FormatAuditLine(Record()) + "\n";
  EXPECT_EQ(ReadFile(path), line + line);
  struct stat file = {};
  ASSERT_EQ(stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600);
}

TEST(AuditLogTest, AFileThatCanNotBeOpenedIsNamed) {
  EventLog log("error", false);
  const absl::Status status = AuditLog::Open("/nowhere/audit.log", log).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("/nowhere/audit.log"));
}

}  // namespace
}  // namespace ballast
