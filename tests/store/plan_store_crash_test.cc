// Goal: what the SQLite store acknowledged survives kill -9, and the history stays
// linear.
// Method: a child proposes and decides without end and writes each acknowledged
// decision to a pipe; it is killed after a random number of them, wherever it is.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "daemon/store/sqlite_plan_store.h"
#include "tests/base/temp_folder.h"
#include "tests/store/plan_builder.h"

namespace ballast {
namespace {

constexpr int kRounds = 25;

std::uint64_t TestSeed() {
  const char* text = std::getenv("BALLAST_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 20240601;
}

// The child's life: never returns, and reports nothing but acknowledged decisions.
[[noreturn]] void DecideForEver(const std::string& path, int pipe_end) {
  auto store = SqlitePlanStore::Open(path);
  if (!store.ok()) _exit(2);
  const absl::StatusOr<std::uint64_t> term = (*store)->BeginTerm();
  if (!term.ok()) _exit(3);
  const auto preparing = (*store)->Preparing("decode");
  if (!preparing.ok()) _exit(4);
  for (const PlanRecord& record : *preparing) {
    if (!(*store)->Abort("decode", record.id.version, *term, "restart").ok()) _exit(5);
  }
  for (int variant = 0;; ++variant) {
    const auto latest = (*store)->LatestDecided("decode");
    const PlanId base = latest.ok() ? latest->id : PlanId();
    const auto version = (*store)->Propose(TestRecord(variant, base), *term);
    if (!version.ok()) _exit(6);
    // Every third is aborted, so that the history has all states.
    if (variant % 3 == 2) {
      if (!(*store)->Abort("decode", *version, *term, "nack").ok()) _exit(7);
      continue;
    }
    if (!(*store)->Decide("decode", *version, *term, absl::UnixEpoch()).ok()) _exit(8);
    if (write(pipe_end, &*version, sizeof(*version)) != sizeof(*version)) _exit(9);
  }
}

// Starts a child, kills it after `decisions` of them; all that it acknowledged.
std::vector<PlanVersion> RunAndKill(const std::string& path, std::uint64_t decisions) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    DecideForEver(path, ends[1]);
  }
  close(ends[1]);
  std::vector<PlanVersion> acknowledged;
  PlanVersion version;
  // Pipes keep writes of this size whole; after the kill what is left is read out.
  while (read(ends[0], &version, sizeof(version)) == sizeof(version)) {
    acknowledged.push_back(version);
    if (acknowledged.size() == decisions) kill(child, SIGKILL);
  }
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "exit status " << WEXITSTATUS(status);
  return acknowledged;
}

void ExpectLinear(const SqlitePlanStore& store) {
  const std::vector<PlanRecord> history = *store.History("decode", 1000000);
  PlanId newer_base;
  bool newer_known = false;
  for (std::size_t i = 0; i < history.size(); ++i) {
    EXPECT_EQ(history[i].id.version.sequence, history.size() - i);
    if (i > 0) {
      EXPECT_GE(history[i - 1].id.version.term, history[i].id.version.term);
      EXPECT_NE(history[i].state, PlanState::kPreparing);
    }
    if (history[i].state != PlanState::kDecided) continue;
    if (newer_known) {
      EXPECT_EQ(newer_base, history[i].id);
    }
    newer_base = history[i].base;
    newer_known = true;
  }
}

TEST(PlanStoreCrashTest, EveryAcknowledgedDecisionSurvivesKill9) {
  const std::uint64_t seed = TestSeed();
  SCOPED_TRACE("repeat with BALLAST_TEST_SEED=" + std::to_string(seed));
  Random random(seed);
  TempFolder folder;
  const std::string path = folder.File("plans.db");
  std::vector<PlanVersion> acknowledged;
  for (int round = 1; round <= kRounds; ++round) {
    const std::vector<PlanVersion> some = RunAndKill(path, 1 + random.Below(12));
    acknowledged.insert(acknowledged.end(), some.begin(), some.end());
    auto store = SqlitePlanStore::Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    for (const PlanVersion& version : acknowledged) {
      const auto record = (*store)->Get("decode", version);
      ASSERT_TRUE(record.ok()) << record.status();
      ASSERT_EQ(record->state, PlanState::kDecided);
    }
    const auto latest = (*store)->LatestDecided("decode");
    ASSERT_TRUE(latest.ok()) << latest.status();
    // One decision may be on the disk whose acknowledgement the kill cut off.
    EXPECT_GE(latest->id.version, acknowledged.back());
    ExpectLinear(**store);
  }
  EXPECT_GE(acknowledged.size(), kRounds);
}

}  // namespace
}  // namespace ballast
