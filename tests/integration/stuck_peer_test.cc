// Goal: a worker that hangs, or whose network is gone, is named, loses its session, and
// costs nobody else anything. Method: real daemons and workers; one worker process is
// stopped (its kernel keeps the connection open), or a proxy stops forwarding the bytes of
// one connection without a word to either end. gRPC keepalive ends such a session within
// 15 s; what others do meanwhile is counted in plans and steps.

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/base/patience.h"
#include "tests/integration/tcp_proxy.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::string Text(const json& value) { return value.get<std::string>(); }

const std::vector<std::string> kGroups = {"g0", "g1", "g2", "g3"};

// Four groups of four workers each.
DaemonConfig FourGroups(const std::string& more = "") {
  DaemonConfig config = DaemonConfig::Eager();
  config.groups.clear();
  for (const std::string& group : kGroups) config.groups.push_back(TestGroup::Of4(group));
  config.more = more;
  return config;
}

TEST(StuckPeerTest, AStoppedWorkerWedgesItsOwnGroupAndNoOther) {
  TestDaemon daemon("stopped_worker", FourGroups());
  ASSERT_TRUE(daemon.Start());
  std::vector<std::unique_ptr<ChildProcess>> fleets;
  for (const std::string& group : kGroups) fleets.push_back(daemon.StartFleet({.group = group}));
  for (const std::string& group : kGroups) {
    ASSERT_TRUE(daemon.AwaitInLog(absl::StrCat("event=plan.active group=", group)));
  }

  const std::vector<pid_t> workers = WorkerPids(*fleets[1]);
  ASSERT_EQ(workers.size(), 4u);
  const pid_t stopped = workers[2];
  const std::size_t since = daemon.Log().size();
  ASSERT_EQ(kill(stopped, SIGSTOP), 0);
  ASSERT_TRUE(daemon.AwaitInLog("event=worker.silent group=g1 rank=2", 1, since));
  const json wedged = daemon.GroupWhen("g1", "the rank is named", [](const json& group) {
    return Text(group["waiting_for"]).find("rank 2 ") != std::string::npos;
  });
  EXPECT_EQ(wedged["ranks_connected"], 4) << "the session was closed at once";
  EXPECT_EQ(wedged["workers"][2]["state"], "stale");
  EXPECT_THAT(Text(wedged["workers"][2]["detail"]), HasSubstr("no heartbeat for"));

  const std::size_t named = daemon.Log().size();
  for (const char* group : {"g0", "g2", "g3"}) {
    ASSERT_TRUE(daemon.AwaitInLog(absl::StrCat("event=plan.active group=", group), 3, named));
  }
  ASSERT_TRUE(daemon.AwaitInLog("event=worker.disconnected group=g1 rank=2", 1, since));
  EXPECT_EQ(daemon.CountInLog("event=plan.active group=g1", named), 0);
  EXPECT_THAT(Text(daemon.Group("g1")["waiting_for"]), HasSubstr("rank 2 missing"));
  for (int rank : {0, 1, 3}) {
    EXPECT_EQ(daemon.CountInLog(absl::StrCat("event=worker.disconnected group=g1 rank=", rank)), 0);
  }

  const std::size_t continued = daemon.Log().size();
  ASSERT_EQ(kill(stopped, SIGCONT), 0);
  ASSERT_TRUE(daemon.AwaitInLog("event=worker.connected group=g1 rank=2", 1, continued));
  ASSERT_TRUE(daemon.AwaitInLog("event=plan.active group=g1", 1, continued));
  for (auto& fleet : fleets) EXPECT_EQ(fleet->End(SIGINT), 0);
}

// It hears, serves and reports as ever; only the answer to the Prepare does not come.
TEST(StuckPeerTest, AWorkerThatNeverAnswersAPrepareWedgesItsOwnGroupAndNoOther) {
  TestDaemon daemon(
      "silent_prepare",
      FourGroups(absl::StrCat(
          "rollout: {prepare_timeout: ", absl::FormatDuration(Patience(absl::Seconds(3))), "}\n")));
  const std::string stall = daemon.File("stall");
  ASSERT_TRUE(daemon.Start());
  std::vector<std::unique_ptr<ChildProcess>> fleets;
  for (const std::string& group : kGroups) {
    fleets.push_back(daemon.StartFleet(
        {.group = group, .words = {"--stall-worker", "2@" + stall + "_" + group}}));
  }
  for (const std::string& group : kGroups) {
    ASSERT_TRUE(daemon.AwaitInLog(absl::StrCat("event=plan.active group=", group)));
  }

  std::ofstream(stall + "_g1") << "here";
  const std::size_t since = daemon.Log().size();
  const std::string kGivenUp = "outcome=\"aborted: ";
  const std::string kRank2 = kGivenUp + "rank 2 preparing, no progress for ";
  ASSERT_TRUE(daemon.AwaitInLog(kRank2, 1, since));
  const std::size_t hangs = daemon.Log().size();
  const json wedged = daemon.GroupWhen("g1", "the rank is waited for", [](const json& group) {
    return Text(group["phase"]) == "preparing" && Text(group["waiting_for"]) == "rank 2 preparing";
  });
  for (const char* group : {"g0", "g2", "g3"}) {
    ASSERT_TRUE(daemon.AwaitInLog(absl::StrCat("event=plan.active group=", group), 3, hangs));
  }
  ASSERT_TRUE(daemon.AwaitInLog(kRank2, 1, hangs)) << "the next plan comes to the same end";
  const json later = daemon.GroupAfterSteps("g1", 100);
  EXPECT_EQ(later["decided"], wedged["decided"]);
  for (const json& worker : later["workers"]) {
    EXPECT_EQ(worker["active"], wedged["decided"]) << worker;
  }
  daemon.GroupWhen("g1", "its heartbeats go on",
                   [](const json& group) { return group["workers"][2]["state"] != "stale"; });
  // Two timeouts have passed since.
  daemon.GroupWhen("g1", "its reports go on", [](const json& group) {
    const double age = group["workers"][2]["last_report_age_seconds"];
    return age >= 0 && age < 3;
  });
  // A busy machine may make it silent for a moment; then it is heard again.
  EXPECT_LE(daemon.CountInLog("event=worker.silent group=g1 rank=2"),
            daemon.CountInLog("event=worker.speaks_again group=g1 rank=2"));
  EXPECT_EQ(daemon.CountInLog("event=worker.disconnected"), 0);
  EXPECT_EQ(daemon.CountInLog("event=plan.active group=g1", hangs), 0);
  const int given_up = daemon.CountInLog(kGivenUp);
  EXPECT_GE(daemon.CountInLog(kRank2), given_up) << "somebody else was blamed, or aborted";

  const std::size_t answers = daemon.Log().size();
  ASSERT_TRUE(std::filesystem::remove(stall + "_g1"));
  ASSERT_TRUE(daemon.AwaitInLog("event=plan.active group=g1", 2, answers));
  for (auto& fleet : fleets) EXPECT_EQ(fleet->End(SIGINT), 0);
}

TEST(StuckPeerTest, AWorkerBehindADeadNetworkServesOnAndComesBack) {
  TestDaemon daemon("half_open", DaemonConfig::Eager());
  ASSERT_TRUE(daemon.Start());
  TcpProxy network(daemon.grpc_port());
  auto fleet = daemon.StartFleet({.port = network.port()});
  ASSERT_TRUE(daemon.AwaitInLog("event=plan.active"));

  const std::size_t since = daemon.Log().size();
  const int connections = network.connections();
  network.Freeze(5);
  ASSERT_TRUE(daemon.AwaitInLog("event=worker.silent group=demo rank=", 1, since));
  const std::string log = daemon.Log();
  constexpr char kRank[] = "event=worker.silent group=demo rank=";
  const int rank = std::stoi(log.substr(log.find(kRank, since) + sizeof(kRank) - 1));
  const std::string of_rank = absl::StrCat(" group=demo rank=", rank, " ");

  // Its step is known from before only; the others count on, and so does serving.
  const json silent = daemon.GroupWhen("demo", "the rank is named", [&](const json& group) {
    return Text(group["waiting_for"]).find(absl::StrCat("rank ", rank, " ")) != std::string::npos;
  });
  const int other = (rank + 1) % 16;
  const std::uint64_t step = Number(silent["workers"][other]["step"]);
  const json later = daemon.GroupWhen("demo", "serving goes on", [&](const json& group) {
    return Number(group["workers"][other]["step"]) >= step + 100;
  });
  EXPECT_EQ(later["decided"], silent["decided"]) << "a plan without all ranks";

  // Both ends give the connection up by themselves; the worker makes a new one.
  ASSERT_TRUE(daemon.AwaitInLog(absl::StrCat("event=worker.connected", of_rank), 1, since));
  EXPECT_GT(network.connections(), connections);
  const std::size_t back = daemon.Log().size();
  ASSERT_TRUE(daemon.AwaitInLog("event=plan.active", 1, back));
  for (int i = 0; i < 16; ++i) {
    if (i == rank) continue;
    EXPECT_EQ(daemon.CountInLog(absl::StrCat("event=worker.disconnected group=demo rank=", i, " ")),
              0);
  }
  EXPECT_EQ(fleet->End(SIGINT), 0);
}

}  // namespace
}  // namespace ballast
