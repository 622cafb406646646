// Goal: `ballastctl check` names what is not well, why it matters and what to do next.
// Method: judged findings against golden files in tests/data/ctl, and the command against a
// fake query service.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "client/ctl/check_report.h"
#include "client/ctl/version_command.h"
#include "client/ctl/yaml_writer.h"
#include "tests/client/ctl_runner.h"
#include "tests/client/fake_query.h"
#include "tests/client/golden_file.h"

namespace ballast::ctl {
namespace {

using testing::HasSubstr;

v1::DaemonHealth GoodHealth() {
  v1::DaemonHealth health;
  health.set_version("1.2.3");
  for (const char* name : {"control/decode0", "draining"}) {
    v1::NamedCheck* check = health.add_checks();
    check->set_name(name);
    check->set_ok(true);
    check->set_detail("fine");
  }
  health.set_store_kind("sqlite");
  health.set_store_path("/var/lib/ballastd/ballast.db");
  health.set_store_bytes(12300000);
  health.set_store_free_bytes(80000000000);
  health.set_store_capacity_bytes(100000000000);
  return health;
}

GroupFindings GoodGroup() {
  GroupFindings group;
  group.status.set_ep_group("decode0");
  group.status.set_ranks(4);
  group.status.set_ranks_connected(4);
  group.status.set_active_everywhere(true);
  group.status.set_phase("idle");
  group.status.mutable_decided()->mutable_version()->set_term(7);
  group.status.mutable_decided()->mutable_version()->set_sequence(42);
  group.status.mutable_decided()->set_digest(std::string("\xa9\x1f\x03\xc2") +
                                             std::string(28, '\0'));
  for (std::uint32_t rank = 0; rank < 4; ++rank) {
    v1::WorkerStatus* worker = group.status.add_workers();
    worker->set_rank(rank);
    worker->set_state("synced");
    worker->set_last_report_age_seconds(0.4);
    worker->set_step(8814002);
    group.coverage.add_lost_with_rank(rank == 2 ? 93 : 0);
  }
  group.explanation.set_coverage(1);
  group.explanation.set_min_coverage(0.99);
  group.explanation.set_stale_after_seconds(30);
  group.explanation.set_batches(400);
  group.explanation.set_solves(118);
  group.coverage.set_layers(58);
  group.coverage.set_experts(256);
  return group;
}

Findings GoodFindings() {
  Findings findings;
  findings.address = "127.0.0.1:7441";
  findings.client_version = "1.2.3";
  findings.health = GoodHealth();
  findings.latency_seconds = 0.0014;
  findings.clock_ahead_seconds = -0.2;
  findings.groups.push_back(GoodGroup());
  return findings;
}

std::string TextOf(const Findings& findings, bool all = false) {
  std::ostringstream out;
  PrintChecks(JudgeFindings(findings, all), out);
  return out.str();
}

// The state of the first line of that name.
CheckState StateOf(const Findings& findings, const std::string& name) {
  for (const CheckLine& line : JudgeFindings(findings, false)) {
    if (line.name == name) return line.state;
  }
  ADD_FAILURE() << "no line " << name;
  return CheckState::kOk;
}

TEST(CheckReportTest, AWellInstallationIsALineForEachThing) {
  EXPECT_TRUE(Passes(JudgeFindings(GoodFindings(), false)));
  ExpectGolden("check_well", TextOf(GoodFindings()));
  ExpectGolden("check_well_all", TextOf(GoodFindings(), true));
}

TEST(CheckReportTest, EachFaultHasItsReasonAndANextStep) {
  Findings findings = GoodFindings();
  findings.latency_seconds = 1.5;
  findings.client_version = "1.2.2";
  findings.clock_ahead_seconds = 90;
  findings.health.mutable_checks(1)->set_ok(false);
  findings.health.mutable_checks(1)->set_detail("the daemon is ending");
  findings.health.set_store_free_bytes(2000000);
  GroupFindings& group = findings.groups[0];
  group.status.set_ranks_connected(3);
  group.status.mutable_workers(1)->set_state("gone");
  group.status.mutable_workers(3)->set_state("nacked");
  group.status.set_paused(true);
  group.status.set_paused_by("uid 0");
  group.status.set_paused_reason("node 3");
  group.explanation.set_coverage(0.75);
  group.explanation.add_silent_ranks(1);
  group.coverage.set_uncovered_now(7);
  EXPECT_FALSE(Passes(JudgeFindings(findings, false)));
  ExpectGolden("check_ill", TextOf(findings));
}

TEST(CheckReportTest, AGroupObservedFromOutsideNeedsNoWorkers) {
  Findings findings = GoodFindings();
  GroupFindings& group = findings.groups[0];
  group.status.set_observe_only(true);
  group.status.set_ranks_connected(0);
  for (v1::WorkerStatus& worker : *group.status.mutable_workers()) worker.set_state("gone");
  group.explanation.set_coverage(0);
  for (std::uint32_t rank = 0; rank < 4; ++rank) group.explanation.add_silent_ranks(rank);
  EXPECT_TRUE(Passes(JudgeFindings(findings, false)));
  ExpectGolden("check_observed", TextOf(findings));
}

TEST(CheckReportTest, StatesFollowTheFigures) {
  Findings findings = GoodFindings();
  findings.latency_seconds = 0.5;
  EXPECT_EQ(StateOf(findings, "reachable"), CheckState::kWarn);
  findings.latency_seconds = 1;
  EXPECT_EQ(StateOf(findings, "reachable"), CheckState::kFail);
  findings.clock_ahead_seconds = -2;
  EXPECT_EQ(StateOf(findings, "clock"), CheckState::kWarn);
  findings.clock_ahead_seconds = -61;
  EXPECT_EQ(StateOf(findings, "clock"), CheckState::kFail);
  findings.health.set_store_free_bytes(200000000);
  EXPECT_EQ(StateOf(findings, "store"), CheckState::kWarn);
  findings.health.set_store_fault("disk I/O error");
  EXPECT_EQ(StateOf(findings, "store"), CheckState::kFail);
  findings.health.clear_store_fault();
  findings.health.set_store_kind("memory");
  EXPECT_EQ(StateOf(findings, "store"), CheckState::kWarn);
  EXPECT_EQ(StateOf(findings, "reports decode0"), CheckState::kOk);
  findings.groups[0].explanation.add_silent_ranks(3);
  EXPECT_EQ(StateOf(findings, "reports decode0"), CheckState::kWarn);
  findings.groups[0].explanation.set_coverage(0.5);
  EXPECT_EQ(StateOf(findings, "reports decode0"), CheckState::kFail);
  for (const char* state : {"stale", "nacked", "lagging", "ahead"}) {
    EXPECT_EQ(StateOf(findings, "workers decode0"), CheckState::kOk);
    findings.groups[0].status.mutable_workers(2)->set_state(state);
    EXPECT_EQ(StateOf(findings, "workers decode0"), CheckState::kFail) << state;
    findings.groups[0].status.mutable_workers(2)->set_state("prepared");
  }
}

TEST(CheckReportTest, APlanOnItsWayIsNoFault) {
  Findings findings = GoodFindings();
  findings.groups[0].status.set_phase("preparing");
  findings.groups[0].status.set_phase_age_seconds(38);
  EXPECT_TRUE(Passes(JudgeFindings(findings, false)));
  EXPECT_THAT(TextOf(findings), HasSubstr("plan 7.42 (a91f03c2); another is preparing for 38s"));
}

class CtlCheckTest : public testing::Test {
 protected:
  CtlCheckTest() {
    const GroupFindings group = GoodGroup();
    daemon_.query.health = GoodHealth();
    daemon_.query.health.set_version(ProgramVersion());
    daemon_.query.health.set_now_unix_seconds(
        absl::ToDoubleSeconds(SimulatedClock().WallNow() - absl::UnixEpoch()));
    *daemon_.query.status.add_groups() = group.status;
    daemon_.query.explanation = group.explanation;
    daemon_.query.coverage = group.coverage;
  }

  CtlRun Run(std::vector<std::string> words) {
    words.insert(words.begin(), "check");
    words.insert(words.end(), {"--daemon", daemon_.address});
    return RunCtl(words);
  }

  FakeDaemon daemon_;
};

TEST_F(CtlCheckTest, ExitsWithZeroIfAllIsWell) {
  const CtlRun run = Run({});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("ok    reachable         " + daemon_.address));
  EXPECT_EQ(daemon_.query.coverage_request.ep_group(), "decode0");
  EXPECT_THAT(Run({"--all"}).out, HasSubstr("rank decode0 3"));
}

TEST_F(CtlCheckTest, PrintsTheLinesInAllForms) {
  daemon_.query.health.mutable_checks(0)->set_ok(false);
  ExpectGoldens("check", {}, 1, [&](const auto& words) {
    CtlRun run = Run(words);
    run.out = absl::StrReplaceAll(
        run.out, {{daemon_.address, "127.0.0.1:7441"}, {ProgramVersion(), "VERSION"}});
    return run;
  });
}

TEST_F(CtlCheckTest, ExitsWithOneIfSomethingFails) {
  daemon_.query.health.mutable_checks(0)->set_ok(false);
  const CtlRun run = Run({"-o", "json"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.json()["healthy"], false);
  EXPECT_EQ(run.json()["checks"][3]["state"], "FAIL");
  EXPECT_NE(run.json()["checks"][3]["next"], "");
  EXPECT_EQ(Run({"-o", "yaml"}).out, ToYaml(run.json()));
}

TEST_F(CtlCheckTest, ADaemonWithAnotherClockIsNamed) {
  daemon_.query.health.set_now_unix_seconds(daemon_.query.health.now_unix_seconds() - 5);
  const CtlRun run = Run({});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("WARN  clock"));
  EXPECT_THAT(run.out, HasSubstr("5.0 s behind this one"));
}

TEST_F(CtlCheckTest, ExitsWithThreeIfNobodyAnswers) {
  daemon_.server->Shutdown();
  const CtlRun run = Run({});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("cannot reach the daemon at " + daemon_.address));
}

}  // namespace
}  // namespace ballast::ctl
