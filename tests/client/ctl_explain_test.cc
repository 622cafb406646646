// Goal: `ballastctl explain` says in words why a group runs its plan, or why there is none.
// Method: golden files in tests/data/ctl for whole texts, a fake query service for the
// command.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "ballast/v1/query.grpc.pb.h"
#include "client/ctl/explain_text.h"
#include "client/ctl/yaml_writer.h"
#include "tests/client/ctl_runner.h"
#include "tests/client/golden_file.h"

namespace ballast::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

void SetPlanId(v1::PlanId* id, std::uint64_t term, std::uint64_t sequence) {
  id->mutable_version()->set_term(term);
  id->mutable_version()->set_sequence(sequence);
  id->set_digest(std::string("\xa9\x1f\x03\xc2") + std::string(28, '\0'));
}

// The case of the operator's manual: a good plan runs, the next one gains too little.
v1::Decision DeclinedDecision() {
  v1::Decision decision;
  decision.set_number(118);
  decision.set_solved_unix_seconds(1700000000 - 38);
  decision.set_step(8814000);
  SetPlanId(decision.mutable_base(), 7, 42);
  SetPlanId(decision.mutable_plan(), 0, 0);
  decision.set_input_digest("5be00d1f20a1c3d4" + std::string(48, '0'));
  decision.set_planner("eplb");
  decision.set_branch("hierarchical");
  decision.set_straggler_load_now(1080);
  decision.set_straggler_load_new(1062.72);
  decision.set_imbalance_now(1.08);
  decision.set_imbalance_new(1.06);
  decision.set_imbalance_initial(1.31);
  decision.set_balancedness_now(0.926);
  decision.set_balancedness_new(0.943);
  decision.set_lower_bound(1058);
  decision.set_gap(0.0045);
  decision.set_gain(0.016);
  decision.set_required_gain(0.03);
  decision.set_benefit_seconds(0.32);
  decision.set_cost_seconds(0.6);
  decision.set_moved_slots(112);
  decision.set_same_row_bytes(4100000000);
  decision.set_cross_row_bytes(800000000);
  decision.set_busiest_rank_bytes(352000000);
  decision.set_solve_milliseconds(12.46);
  decision.set_reason("no_gain");
  decision.set_outcome("declined");
  return decision;
}

v1::Decision AdoptedDecision() {
  v1::Decision decision = DeclinedDecision();
  decision.set_number(117);
  decision.set_solved_unix_seconds(1700000000 - 671);
  SetPlanId(decision.mutable_base(), 7, 41);
  SetPlanId(decision.mutable_plan(), 7, 42);
  decision.set_imbalance_now(1.31);
  decision.set_imbalance_new(1.05);
  decision.set_gain(0.198);
  decision.set_benefit_seconds(3.96);
  decision.set_reason("adopted");
  decision.set_outcome("done");
  return decision;
}

v1::Explanation BaseExplanation() {
  v1::Explanation explanation;
  explanation.set_ep_group("decode0");
  explanation.set_now_unix_seconds(1700000000);
  SetPlanId(explanation.mutable_decided(), 7, 42);
  explanation.set_decided_unix_seconds(1700000000 - 670);
  explanation.set_hold("not_due");
  explanation.set_ranks(128);
  explanation.set_stale_after_seconds(30);
  explanation.set_coverage(1);
  explanation.set_min_coverage(0.99);
  explanation.set_batches(400);
  explanation.set_min_batches(2);
  explanation.set_phase("idle");
  explanation.set_steps_since_solve(400);
  explanation.set_solve_every_steps(1000);
  explanation.set_seconds_since_solve(38);
  explanation.set_min_interval_seconds(300);
  explanation.set_solves(118);
  *explanation.add_decisions() = DeclinedDecision();
  return explanation;
}

v1::Explanation WithHold(const char* hold) {
  v1::Explanation explanation = BaseExplanation();
  explanation.set_hold(hold);
  return explanation;
}

std::string TextOf(const v1::Explanation& explanation) {
  std::ostringstream out;
  PrintExplanation(explanation, out);
  return out.str();
}

TEST(ExplainTextTest, SaysWhyThereIsNoNewPlan) {
  ExpectGolden("explain_no_gain", TextOf(BaseExplanation()));
}

TEST(ExplainTextTest, TellsDecisionsFromTheNewestOn) {
  v1::Explanation explanation = BaseExplanation();
  *explanation.add_decisions() = AdoptedDecision();
  v1::Decision* aborted = explanation.add_decisions();
  *aborted = AdoptedDecision();
  aborted->set_number(116);
  aborted->set_outcome("aborted: rank 17: NO_MEMORY needs 2.6 GB, has 1.9 GB");
  ExpectGolden("explain_history", TextOf(explanation));
}

TEST(ExplainTextTest, SaysThatNothingWasSolvedYet) {
  v1::Explanation explanation = WithHold("ranks_missing");
  explanation.clear_decisions();
  explanation.set_solves(0);
  explanation.mutable_decided()->mutable_version()->set_sequence(0);
  explanation.set_decided_unix_seconds(0);
  for (const std::uint32_t rank : {17u, 44u}) explanation.add_missing_ranks(rank);
  ExpectGolden("explain_before_the_first_solve", TextOf(explanation));
}

// One line for each reason of core/policy, with what an operator would have to change.
TEST(ExplainTextTest, HasAReasonForEveryDecision) {
  std::string text;
  for (const char* reason : {"adopted", "no_moves", "no_gain", "cost_exceeds_gain", "min_interval",
                             "observe_only", "solve_failed", "a reason of tomorrow"}) {
    v1::Explanation explanation = BaseExplanation();
    v1::Decision* decision = explanation.mutable_decisions(0);
    decision->set_reason(reason);
    if (decision->reason() == "adopted") {
      SetPlanId(decision->mutable_plan(), 7, 43);
      decision->set_outcome("offered");
    }
    if (decision->reason() == "solve_failed") {
      decision->set_outcome("failed: 254 slots, 256 experts");
      decision->clear_branch();
    }
    text += std::string("## ") + reason + "\n" + TextOf(explanation) + "\n";
  }
  ExpectGolden("explain_reasons", text);
}

TEST(ExplainTextTest, SaysThatAnOperatorAskedForThePlan) {
  for (const char* reason : {"forced", "rollback"}) {
    v1::Explanation explanation = BaseExplanation();
    v1::Decision* decision = explanation.mutable_decisions(0);
    decision->set_reason(reason);
    SetPlanId(decision->mutable_plan(), 7, 43);
    decision->set_outcome("done");
    const std::string text = TextOf(explanation);
    EXPECT_THAT(text, HasSubstr("new plan 7.43"));
    EXPECT_THAT(text, HasSubstr("Why: an operator"));
    EXPECT_THAT(text, Not(HasSubstr("Why not")));
  }
}

TEST(ExplainTextTest, HasASentenceForEveryHold) {
  std::string text;
  for (const char* hold : {"none", "paused", "ranks_missing", "coverage_low", "window_young",
                           "rollout_busy", "not_due", "a hold of tomorrow"}) {
    v1::Explanation explanation = WithHold(hold);
    explanation.set_coverage(0.9765625);
    for (const std::uint32_t rank : {3u, 17u, 18u, 19u, 20u, 44u, 45u}) {
      explanation.add_missing_ranks(rank);
      explanation.add_silent_ranks(rank);
    }
    explanation.set_batches(1);
    explanation.set_phase("preparing");
    explanation.set_phase_age_seconds(38);
    explanation.set_waiting_for("rank 17 missing");
    text += HoldText(explanation) + "\n";
  }
  ExpectGolden("explain_holds", text);
}

TEST(ExplainTextTest, ASolveThatIsDueByTimeIsToldByTime) {
  v1::Explanation explanation = BaseExplanation();
  explanation.set_solve_every_seconds(120);
  EXPECT_THAT(HoldText(explanation), HasSubstr("400 of 1000 steps (planning.solve_every_steps) and "
                                               "38s of 2m0s (planning.solve_every)"));
  explanation.set_solve_every_steps(0);
  EXPECT_THAT(HoldText(explanation), Not(HasSubstr("steps")));
  explanation.set_solves(0);
  EXPECT_THAT(HoldText(explanation), HasSubstr("since the start"));
}

TEST(ExplainTextTest, ManyMissingRanksEndInDots) {
  v1::Explanation explanation = WithHold("ranks_missing");
  for (std::uint32_t rank = 0; rank < 100; rank += 2) explanation.add_missing_ranks(rank);
  EXPECT_THAT(HoldText(explanation), HasSubstr("50 of 128 ranks are missing: 0, 2, 4"));
  EXPECT_THAT(HoldText(explanation), testing::EndsWith("20, 22, ...."));
}

class FakeQuery final : public v1::Query::Service {
 public:
  grpc::Status Explain(grpc::ServerContext*, const v1::ExplainRequest* wanted,
                       v1::Explanation* response) override {
    request = *wanted;
    *response = BaseExplanation();
    return result;
  }

  v1::ExplainRequest request;
  grpc::Status result;
};

class CtlExplainTest : public testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&fake_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  CtlRun Run(std::vector<std::string> words) {
    words.insert(words.begin(), "explain");
    words.insert(words.end(), {"--daemon", address_});
    return RunCtl(words);
  }

  FakeQuery fake_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(CtlExplainTest, PrintsTheExplanation) {
  const CtlRun run = Run({});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, TextOf(BaseExplanation()));
  EXPECT_EQ(fake_.request.ep_group(), "");
  EXPECT_EQ(fake_.request.limit(), 1u);
}

TEST_F(CtlExplainTest, AsksForAGroupByPlaceOrByNameAndForTheLastDecisions) {
  Run({"decode0", "--last", "5"});
  EXPECT_EQ(fake_.request.ep_group(), "decode0");
  EXPECT_EQ(fake_.request.limit(), 5u);
  Run({"--group", "prefill0"});
  EXPECT_EQ(fake_.request.ep_group(), "prefill0");
}

TEST_F(CtlExplainTest, LastMustBeANumberFromOneToAThousand) {
  for (const char* last : {"0", "-1", "1001", "many"}) {
    EXPECT_EQ(Run({"--last", last}).exit_code, 2) << last;
  }
}

TEST_F(CtlExplainTest, JsonAndYamlAreTheAnswer) {
  const CtlRun run = Run({"-o", "json"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.json()["hold"], "not_due");
  EXPECT_EQ(run.json()["decisions"][0]["reason"], "no_gain");
  EXPECT_EQ(run.json()["decisions"][0]["moved_slots"], 112);
  EXPECT_EQ(Run({"-o", "yaml"}).out, ToYaml(run.json()));
}

TEST_F(CtlExplainTest, RefusesWhatTheDaemonRefuses) {
  fake_.result = grpc::Status(grpc::StatusCode::DATA_LOSS, "EP group decode0, decision 7: damaged");
  const CtlRun run = Run({"-o", "json"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_EQ(run.json()["error"]["code"], "DATA_LOSS");
}

TEST_F(CtlExplainTest, SaysWhereNobodyAnswers) {
  server_->Shutdown();
  const CtlRun run = Run({});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("cannot reach the daemon at " + address_));
}

}  // namespace
}  // namespace ballast::ctl
