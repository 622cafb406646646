#ifndef BALLAST_DAEMON_STORE_SQLITE_PLAN_STORE_H_
#define BALLAST_DAEMON_STORE_SQLITE_PLAN_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/store/plan_store.h"
#include "daemon/store/sqlite_database.h"

namespace ballast {

// The PlanStore of one daemon without high availability: a SQLite file in WAL mode
// that is synced at each commit. A call that returned Ok survives kill -9 and a
// power cut. Two objects on one file fence each other by their terms.
//
// SQLite has no checksums, so each row carries digests of ours, and a group's head
// names its newest decided plan: damage is DataLoss, never silently an older plan.
// Any call may return it, and the codes of sqlite_database.h besides. Rows that
// SetDamagedAside() takes out of the history stand in the table `damaged_plan`.
//
// After a write or sync that failed nobody can tell what is on the disk. The call
// returns Unavailable, and so do all later writing calls: open the store again and read.
// A full disk is no such case: writing works again once there is room.
//
// Thread-safe. Writing calls block on the disk (a commit is one fsync) and on each other.
// Reading calls have a connection of their own: they wait for other reads and for what the
// disk takes to read, never for a write, and see what was committed before.
class SqlitePlanStore final : public PlanStore {
 public:
  static constexpr std::int32_t kApplicationId = 0x42414c50;  // "BALP" in the file header.
  static constexpr int kSchemaVersion = 2;

  // Opens or creates the file; its folder must exist. A file of an older schema becomes
  // one of ours, in one transaction, with all that it holds. FailedPrecondition: a SQLite
  // file of another application, or of a newer schema, whose version is named along with
  // ours. DataLoss: no SQLite file, or a damaged one. Otherwise as
  // sqlite_database.h. A refused file is left as it was.
  static absl::StatusOr<std::unique_ptr<SqlitePlanStore>> Open(
      const std::string& path, absl::Duration busy_timeout = absl::Seconds(5));

  absl::Status WriteFault() const override;
  absl::StatusOr<std::uint64_t> BeginTerm() override;
  absl::StatusOr<std::vector<std::string>> SetDamagedAside(absl::string_view ep_group,
                                                           std::uint64_t term) override;
  absl::StatusOr<PlanVersion> Propose(const PlanRecord& record, std::uint64_t term) override;
  absl::Status Decide(absl::string_view ep_group, PlanVersion version, std::uint64_t term,
                      absl::Time when) override;
  absl::Status Abort(absl::string_view ep_group, PlanVersion version, std::uint64_t term,
                     absl::string_view reason) override;
  absl::StatusOr<PlanRecord> LatestDecided(absl::string_view ep_group) const override;
  absl::StatusOr<std::vector<PlanRecord>> Preparing(absl::string_view ep_group) const override;
  absl::StatusOr<PlanRecord> Get(absl::string_view ep_group, PlanVersion version) const override;
  absl::StatusOr<std::vector<PlanRecord>> History(absl::string_view ep_group,
                                                  int limit) const override;
  absl::Status Prune(absl::string_view ep_group, int keep, std::uint64_t term) override;
  absl::Status SetPause(absl::string_view ep_group, const GroupPause& pause,
                        std::uint64_t term) override;
  absl::StatusOr<GroupPause> Pause(absl::string_view ep_group) const override;
  absl::Status SetMembership(absl::string_view ep_group, const GroupMembership& membership,
                             std::uint64_t term) override;
  absl::StatusOr<GroupMembership> Membership(absl::string_view ep_group) const override;
  absl::StatusOr<std::uint64_t> AppendDecision(const DecisionRecord& record, int keep,
                                               std::uint64_t term) override;
  absl::Status UpdateDecisionOutcome(absl::string_view ep_group, PlanVersion plan,
                                     absl::string_view outcome, std::uint64_t term) override;
  absl::StatusOr<std::vector<DecisionRecord>> Decisions(absl::string_view ep_group,
                                                        int limit) const override;

 private:
  struct Head {
    std::uint64_t last_sequence = 0;
    std::uint64_t decided_sequence = 0;  // 0: none.
  };
  // What a look at all rows of a group has shown.
  struct Survey {
    std::vector<std::uint64_t> damaged;  // Sequences.
    std::vector<std::string> findings;   // One for each of them.
    Head head;                           // As the rows that are whole say.
  };

  SqlitePlanStore(SqliteDatabase db, SqliteDatabase reader)
      : db_(std::move(db)), reader_(std::move(reader)) {}

  // Reads on one of the connections, whose mutex the caller holds.
  static absl::StatusOr<std::optional<Head>> ReadHead(const SqliteDatabase& db,
                                                      absl::string_view ep_group);
  static absl::StatusOr<std::optional<PlanRecord>> ReadDecided(const SqliteDatabase& db,
                                                               absl::string_view ep_group);
  static absl::StatusOr<std::vector<PlanRecord>> ReadPreparing(const SqliteDatabase& db,
                                                               absl::string_view ep_group);
  static absl::StatusOr<PlanRecord> ReadPlan(const SqliteDatabase& db, absl::string_view ep_group,
                                             PlanVersion version);

  // Runs `body` in a write transaction and commits what it did if it returns Ok.
  absl::Status Write(absl::FunctionRef<absl::Status()> body) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<SqliteStatement> Prepare(const char* sql) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckTerm(std::uint64_t term) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WriteHead(absl::string_view ep_group, const Head& head)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Survey> SurveyRows(absl::string_view ep_group) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SetAside(absl::string_view ep_group, std::uint64_t sequence)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Insert(const PlanRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status UpdateState(const PlanRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  const SqliteDatabase db_ ABSL_GUARDED_BY(mutex_);
  // Readers of a WAL do not wait for its writer, so theirs is another connection and lock. It
  // goes first at the end: the last one to close tidies the WAL up, which it may not.
  mutable absl::Mutex read_mutex_;
  const SqliteDatabase reader_ ABSL_GUARDED_BY(read_mutex_);
  // A lock of its own: who asks must not wait for the disk.
  mutable absl::Mutex fault_mutex_ ABSL_ACQUIRED_AFTER(mutex_);
  absl::Status write_fault_ ABSL_GUARDED_BY(fault_mutex_);  // The first failed write; Ok: none.
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_STORE_SQLITE_PLAN_STORE_H_
