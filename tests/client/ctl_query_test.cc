// Goal: `ballastctl status` and `plan get` against a daemon.
// Method: a fake query service on a free port of loopback.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "ballast/v1/query.grpc.pb.h"
#include "client/ctl/yaml_writer.h"
#include "tests/client/ctl_runner.h"

namespace ballast::ctl {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

// Answers with what it was given, and keeps the last request.
class FakeQuery final : public v1::Query::Service {
 public:
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest* request,
                         v1::DaemonStatus* response) override {
    status_request = *request;
    *response = status;
    return result;
  }
  grpc::Status GetPlan(grpc::ServerContext*, const v1::GetPlanRequest* request,
                       v1::Plan* response) override {
    plan_request = *request;
    *response = plan;
    return result;
  }

  v1::DaemonStatus status;
  v1::Plan plan;
  grpc::Status result;
  v1::GetStatusRequest status_request;
  v1::GetPlanRequest plan_request;
};

void SetPlanId(v1::PlanId* id, std::uint64_t term, std::uint64_t sequence) {
  id->mutable_version()->set_term(term);
  id->mutable_version()->set_sequence(sequence);
  id->set_digest(std::string("\xa9\x1f\x03\xc2") + std::string(28, '\0'));
}

v1::DaemonStatus HealthyStatus() {
  v1::DaemonStatus status;
  status.set_daemon_id("ballastd-0");
  status.set_version("1.2.3");
  status.set_term(7);
  status.set_uptime_seconds(3 * 86400 + 4 * 3600);
  v1::GroupStatus* group = status.add_groups();
  group->set_ep_group("decode0");
  group->set_ranks(2);
  group->set_ranks_connected(2);
  SetPlanId(group->mutable_decided(), 7, 42);
  group->set_active_everywhere(true);
  group->set_phase("idle");
  group->set_imbalance_measured(1.084);
  group->set_imbalance_planned(1.051);
  group->set_imbalance_initial(1.31);
  for (std::uint32_t rank = 0; rank < 2; ++rank) {
    v1::WorkerStatus* worker = group->add_workers();
    worker->set_rank(rank);
    worker->set_state("synced");
  }
  return status;
}

v1::Plan SmallPlan() {
  v1::Plan plan;
  plan.set_ep_group("decode0");
  SetPlanId(plan.mutable_id(), 7, 42);
  plan.set_state("decided");
  plan.set_planner("eplb");
  plan.mutable_shape()->set_num_experts(300);
  plan.mutable_placement()->set_num_layers(2);
  plan.mutable_placement()->set_num_slots(3);
  const int experts[] = {0, 299, 7, 8, 256, 1};
  std::string bytes;
  for (int expert : experts) {
    bytes.push_back(static_cast<char>(expert % 256));
    bytes.push_back(static_cast<char>(expert / 256));
  }
  plan.mutable_placement()->set_expert_in_slot(bytes);
  return plan;
}

class CtlQueryTest : public testing::Test {
 protected:
  void SetUp() override {
    fake_.status = HealthyStatus();
    fake_.plan = SmallPlan();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&fake_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  CtlRun Run(std::vector<std::string> words) {
    words.insert(words.end(), {"--daemon", address_});
    return RunCtl(words);
  }

  void AddAlarm(const char* name, const char* detail) {
    v1::Alarm* alarm = fake_.status.mutable_groups(0)->add_alarms();
    alarm->set_name(name);
    alarm->set_detail(detail);
  }

  FakeQuery fake_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(CtlQueryTest, StatusShowsOneLineForAHealthyGroup) {
  const CtlRun run = Run({"status"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("LEADER  ballastd-0  term 7  up 3d4h  version 1.2.3"));
  EXPECT_THAT(run.out, HasSubstr("IMBALANCE now/planned/before"));
  EXPECT_THAT(run.out, testing::ContainsRegex(
                           "decode0 +2/2 +7.42 \\(a91f03c2\\) +all +1.08 / 1.05 / 1.31 +idle"));
  EXPECT_THAT(run.out, Not(HasSubstr("NEXT")));
}

TEST_F(CtlQueryTest, StatusOfADeposedDaemonIsUnhealthyAndSaysSo) {
  fake_.status = HealthyStatus();
  fake_.status.set_deposed("term 7 is not the store's, 8");
  const CtlRun run = Run({"status"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, HasSubstr("DEPOSED  ballastd-0  term 7"));
  EXPECT_THAT(run.out, HasSubstr("NEXT  a later daemon has the store of this one (term 7 is not "));
  EXPECT_THAT(run.out, Not(HasSubstr("LEADER")));
}

TEST_F(CtlQueryTest, WhatAWorkerSaysDoesNotSteerTheTerminal) {
  fake_.status = HealthyStatus();
  v1::Alarm* alarm = fake_.status.mutable_groups(0)->add_alarms();
  alarm->set_name("ranks_left");
  alarm->set_detail("rank 3 left: \x1b[2J\x7f");
  const std::string out = Run({"status"}).out;
  EXPECT_THAT(out, HasSubstr("rank 3 left: \\x1b[2J\\x7f"));
  EXPECT_THAT(out, Not(HasSubstr("\x1b")));
  fake_.result = grpc::Status(grpc::StatusCode::NOT_FOUND, "no \x1b[2J");
  EXPECT_THAT(Run({"status"}).err, HasSubstr("no \\x1b[2J"));
}

TEST_F(CtlQueryTest, StatusIsUnhealthyWithRanksMissing) {
  fake_.status.mutable_groups(0)->set_ranks_connected(1);
  AddAlarm("ranks_missing", "rank 1 missing");
  const CtlRun run = Run({"status"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, HasSubstr("1/2"));
  EXPECT_THAT(run.out, HasSubstr("rank 1 missing"));
}

TEST_F(CtlQueryTest, StatusIsUnhealthyUntilAllRanksRunThePlan) {
  fake_.status.mutable_groups(0)->set_active_everywhere(false);
  EXPECT_EQ(Run({"status"}).exit_code, 1);
  EXPECT_EQ(Run({"status", "-o", "json"}).exit_code, 1);
}

TEST_F(CtlQueryTest, StatusShowsTheWorstAlarmAndHowManyMoreThereAre) {
  AddAlarm("ranks_nacked", "rank 1 NO_MEMORY: needs 2.6 GB");
  AddAlarm("plan_stuck", "preparing for 6m0s");
  const CtlRun run = Run({"status"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, HasSubstr("idle   rank 1 NO_MEMORY: needs 2.6 GB (+1)\n"));
}

// Each alarm leads to the command that shows what it is about.
TEST_F(CtlQueryTest, StatusNamesTheCommandToRunNext) {
  const std::pair<const char*, const char*> kCases[] = {
      {"ranks_missing", "See: ballastctl workers --group decode0 --state gone\n"},
      {"ranks_silent", "See: ballastctl workers --group decode0 --state stale\n"},
      {"ranks_nacked", "See: ballastctl workers --group decode0 --state nacked\n"},
      {"ranks_lagging", "See: ballastctl workers --group decode0 --state lagging\n"},
      {"ranks_stale", "See: ballastctl workers --group decode0 --state stale\n"},
      {"reports_missing", "See: ballastctl explain decode0\n"},
      {"plan_stuck", "See: ballastctl workers --group decode0\n"},
  };
  for (const auto& [name, command] : kCases) {
    fake_.status.mutable_groups(0)->clear_alarms();
    AddAlarm(name, "so and so");
    EXPECT_THAT(Run({"status"}).out, HasSubstr("NEXT  decode0: so and so; no new plan before"));
    EXPECT_THAT(Run({"status"}).out, testing::EndsWith(command)) << name;
  }
}

TEST_F(CtlQueryTest, StatusSaysWhetherThePlanOnItsWayMayStillBeAborted) {
  v1::GroupStatus* group = fake_.status.mutable_groups(0);
  group->set_phase("preparing");
  group->set_prepare_timeout_seconds(60);
  group->set_waiting_for("rank 1 preparing");
  SetPlanId(group->mutable_candidate(), 7, 43);
  EXPECT_THAT(Run({"status"}).out,
              HasSubstr("NEXT  decode0: plan 7.43 (a91f03c2) is preparing; it is aborted after "
                        "1m0s without progress; waits for rank 1 preparing.  See: "));
  group->set_phase("committing");
  group->clear_candidate();
  AddAlarm("ranks_lagging", "rank 1 has not switched");
  EXPECT_THAT(Run({"status"}).out,
              HasSubstr("NEXT  decode0: rank 1 has not switched; plan 7.42 (a91f03c2) is "
                        "committing; it is decided and only goes forward.  See: "));
}

TEST_F(CtlQueryTest, StatusSaysWhatHoldsAGroupThatIsWellBack) {
  v1::GroupStatus* group = fake_.status.mutable_groups(0);
  group->set_hold("window_young");
  EXPECT_THAT(Run({"status"}).out,
              HasSubstr("waits for more batches of load.  See: ballastctl exp"));
  group->set_observe_only(true);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("NEXT  decode0: observes only, adopts no plan"));
  group->set_paused(true);
  group->set_paused_by("uid 0");
  group->set_paused_reason("node 3");
  const CtlRun run = Run({"status"});
  EXPECT_THAT(run.out, HasSubstr("idle, paused, observes"));
  EXPECT_THAT(run.out, HasSubstr("NEXT  decode0: paused by uid 0: node 3.  Go on with: ballastctl "
                                 "plan resume --group decode0\n"));
  EXPECT_EQ(run.exit_code, 0);
}

TEST_F(CtlQueryTest, StatusShowsSinceWhenThePlanRunsOrWhoRunsIt) {
  v1::GroupStatus* group = fake_.status.mutable_groups(0);
  fake_.status.set_now_unix_seconds(1700000660);
  group->set_decided_unix_seconds(1700000000);
  EXPECT_THAT(Run({"status"}).out, testing::ContainsRegex("7.42 .a91f03c2. +11m0s +1.08"));
  group->set_active_everywhere(false);
  group->set_ranks_active(1);
  EXPECT_THAT(Run({"status"}).out, testing::ContainsRegex("7.42 .a91f03c2. +1/2 +1.08"));
}

TEST_F(CtlQueryTest, StatusShowsUnmeasuredValuesAsDashes) {
  fake_.status.mutable_groups(0)->set_imbalance_measured(0);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("- / 1.05 / 1.31"));
}

TEST_F(CtlQueryTest, StatusShowsThePhaseWithItsAge) {
  fake_.status.mutable_groups(0)->set_phase("preparing");
  fake_.status.mutable_groups(0)->set_phase_age_seconds(38.4);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("preparing 38s"));
}

TEST_F(CtlQueryTest, StatusInJsonHasTheNamesOfTheProtoAndAllPlainFields) {
  const CtlRun run = Run({"status", "-o", "json"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.err, "");
  const json group = run.json()["groups"][0];
  EXPECT_EQ(group["ep_group"], "decode0");
  EXPECT_EQ(group["ranks_connected"], 2);
  EXPECT_EQ(group["waiting_for"], "");
  EXPECT_EQ(group["observe_only"], false);
}

TEST_F(CtlQueryTest, StatusInYamlIsTheSameDocument) {
  EXPECT_EQ(Run({"status", "-o", "yaml"}).out, ToYaml(Run({"status", "-o", "json"}).json()));
}

// Sleeps not at all, and keeps how long it should have.
class InstantClock final : public Clock {
 public:
  absl::Time WallNow() const override { return absl::UnixEpoch(); }
  absl::Duration Uptime() const override { return absl::ZeroDuration(); }
  bool WaitUntil(absl::Mutex&, const absl::Condition&, absl::Duration deadline) override {
    sleeps.push_back(deadline);
    if (on_sleep) on_sleep();
    return false;
  }

  std::vector<absl::Duration> sleeps;
  std::function<void()> on_sleep;
};

TEST_F(CtlQueryTest, WatchShowsAScreenEverySecondUntilItsOutputEnds) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  InstantClock clock;
  clock.on_sleep = [&] {
    if (clock.sleeps.size() == 2) server_->Shutdown();
    if (clock.sleeps.size() == 3) out.setstate(std::ios::badbit);
  };
  const char* const argv[] = {"ballastctl", "status", "-w", "--daemon", address_.c_str()};
  EXPECT_EQ(RunBallastctl(5, argv, {in, {out, err}, clock}), 0);
  EXPECT_THAT(clock.sleeps,
              testing::ElementsAre(absl::Seconds(1), absl::Seconds(1), absl::Seconds(1)));
  const std::string screens = out.str();
  EXPECT_NE(screens.find("LEADER"), screens.rfind("LEADER"));
  EXPECT_THAT(err.str(), HasSubstr("cannot reach the daemon"));
}

TEST_F(CtlQueryTest, StatusAsksForOneGroup) {
  Run({"status", "--group", "prefill0"});
  EXPECT_EQ(fake_.status_request.ep_group(), "prefill0");
}

TEST_F(CtlQueryTest, PlanShowsTheExpertInEachSlot) {
  const CtlRun run = Run({"plan", "get"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("decode0 7.42 (a91f03c2), decided"));
  EXPECT_THAT(run.out, testing::ContainsRegex("layer 0 +0 \\| +0 +299 +7\n"));
  EXPECT_THAT(run.out, testing::ContainsRegex("layer 1 +0 \\| +8 +256 +1\n"));
}

TEST_F(CtlQueryTest, PlanShowsOneLayerOnRequest) {
  const CtlRun run = Run({"plan", "get", "--layer", "1"});
  EXPECT_THAT(run.out, Not(HasSubstr("layer 0")));
  EXPECT_THAT(run.out, HasSubstr("layer 1"));
}

TEST_F(CtlQueryTest, PlanRefusesALayerThatIsNotThere) {
  const CtlRun run = Run({"plan", "get", "--layer", "2"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.err, HasSubstr("layer 2 out of [0, 2)"));
}

TEST_F(CtlQueryTest, PlanAsksForGroupAndVersion) {
  Run({"plan", "get", "--group", "decode0", "--version", "7.41"});
  EXPECT_EQ(fake_.plan_request.ep_group(), "decode0");
  EXPECT_EQ(fake_.plan_request.version().term(), 7u);
  EXPECT_EQ(fake_.plan_request.version().sequence(), 41u);
}

TEST_F(CtlQueryTest, PlanAsksForTheNewestWithoutVersion) {
  Run({"plan", "get"});
  EXPECT_FALSE(fake_.plan_request.has_version());
}

TEST_F(CtlQueryTest, PlanVersionMustBeTermAndSequence) {
  for (const std::string version : {"7", "7.x", "7.4.1", "."}) {
    const CtlRun run = Run({"plan", "get", "--version", version, "-o", "json"});
    EXPECT_EQ(run.exit_code, 2) << version;
    EXPECT_THAT(run.json()["error"]["message"].get<std::string>(), HasSubstr("TERM.SEQUENCE"));
  }
}

TEST_F(CtlQueryTest, PlanRefusesBytesThatDoNotFit) {
  fake_.plan.mutable_placement()->set_num_slots(4);
  const CtlRun run = Run({"plan", "get"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("12 bytes for 2 layers x 4 slots"));
}

TEST_F(CtlQueryTest, PlanInJsonIsTheAnswer) {
  const json plan = Run({"plan", "get", "-o", "json"}).json();
  EXPECT_EQ(plan["id"]["version"]["sequence"], "42");
  EXPECT_EQ(plan["moved_slots"], 0);
}

TEST_F(CtlQueryTest, RefusesWhatTheDaemonRefuses) {
  fake_.result = grpc::Status(grpc::StatusCode::NOT_FOUND, "no EP group \"x\"");
  const CtlRun run = Run({"plan", "get", "-o", "json"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_EQ(run.json()["error"]["code"], "NOT_FOUND");
  EXPECT_THAT(run.err, HasSubstr("no EP group \"x\""));
}

TEST_F(CtlQueryTest, SaysWhereNobodyAnswers) {
  server_->Shutdown();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"status"}, {"plan", "get"}}) {
    const CtlRun run = Run(words);
    EXPECT_EQ(run.exit_code, 3);
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, HasSubstr("cannot reach the daemon at " + address_));
  }
}

TEST_F(CtlQueryTest, TakesTheAddressFromTheEnvironment) {
  ASSERT_EQ(setenv("BALLAST_DAEMON", address_.c_str(), 1), 0);
  const CtlRun run = RunCtl({"status"});
  ASSERT_EQ(unsetenv("BALLAST_DAEMON"), 0);
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

}  // namespace
}  // namespace ballast::ctl
