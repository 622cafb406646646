// Goal: `ballastctl solve` and `bound` as scripts see them.
// Method: the command line in this process, with strings for the three streams.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/client/ctl_runner.h"
#include "tests/client/golden_file.h"
#include "tests/golden/eplb_vectors.h"

namespace ballast::ctl {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

// Two layers; one has no load.
const std::string kRequest = R"({"weight": [[8, 1, 1, 2], [0, 0, 0, 0]], "num_replicas": 6,
                                 "num_gpus": 2, "num_nodes": 1, "num_groups": 1})";

json SolveTheRequest(const std::string& router = "") {
  json document = json::parse(kRequest);
  if (!router.empty()) document["router"] = router;
  const CtlRun run = RunCtl({"solve", "--input", "-", "-o", "json"}, document.dump());
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return run.json();
}

TEST(CtlSolveTest, TakesEveryStoredVectorAsItIs) {
  for (const std::string& line : ReadEplbVectors()) {
    const json vector = json::parse(line);
    for (const std::string ties : {"stable", "libstdcxx"}) {
      const CtlRun run = RunCtl(
          {"solve", "--planner", "eplb", "--ties", ties, "--input", "-", "-o", "json"}, line);
      ASSERT_EQ(run.exit_code, 0) << vector["name"] << ": " << run.err;
      const json answer = run.json();
      for (const std::string key : {"phy2log", "log2phy", "logcnt"}) {
        const std::string suffix =
            ties == "stable" && vector.contains(key + "_stable") ? "_stable" : "";
        ASSERT_TRUE(answer[key] == vector[key + suffix]) << vector["name"] << " " << key;
      }
      EXPECT_EQ(answer["policy"], vector["policy"]);
    }
  }
}

TEST(CtlSolveTest, PrintsTheAnswerInAllForms) {
  for (const char* command : {"solve", "bound"}) {
    ExpectGoldens(command, {command, "--input", "-"}, 0,
                  [](const auto& words) { return RunCtl(words, kRequest); });
  }
}

TEST(CtlSolveTest, PrintsAllKeysOfTheAnswer) {
  const json answer = SolveTheRequest();
  for (const char* key :
       {"planner", "policy", "router", "seed", "reproducible", "solve_ms", "phy2log", "log2phy",
        "logcnt", "shares", "imbalance", "values", "wasted_slots", "certificate"}) {
    EXPECT_TRUE(answer.contains(key)) << key;
  }
  EXPECT_FALSE(answer.contains("moved_slots"));
  EXPECT_FALSE(answer.contains("fallback"));
  EXPECT_EQ(answer["planner"], "eplb");
  EXPECT_EQ(answer["router"], "even");
  EXPECT_EQ(answer["reproducible"], true);
}

TEST(CtlSolveTest, ImbalanceOfALayerWithoutLoadIsOne) {
  EXPECT_EQ(SolveTheRequest()["imbalance"][1], 1.0);
}

TEST(CtlSolveTest, SharesUnderEvenAreOneOverCopies) {
  const json answer = SolveTheRequest();
  for (int layer = 0; layer < 2; ++layer) {
    for (int slot = 0; slot < 6; ++slot) {
      const int expert = answer["phy2log"][layer][slot];
      EXPECT_DOUBLE_EQ(answer["shares"][layer][slot],
                       1.0 / answer["logcnt"][layer][expert].get<int>());
    }
  }
}

// Max rank load of layer 0 under the printed shares.
double ValueOf(const json& answer) {
  const json weight = json::parse(kRequest)["weight"][0];
  double rank[2] = {0, 0};
  for (int slot = 0; slot < 6; ++slot) {
    rank[slot / 3] += weight[answer["phy2log"][0][slot].get<int>()].get<double>() *
                      answer["shares"][0][slot].get<double>();
  }
  return std::max(rank[0], rank[1]);
}

TEST(CtlSolveTest, ValueIsTheMaxRankLoadUnderTheShares) {
  for (const std::string router : {"even", "local", "row", "exact"}) {
    const json answer = SolveTheRequest(router);
    const json layer = answer["certificate"]["per_layer"][0];
    EXPECT_EQ(answer["router"], router);
    EXPECT_NEAR(layer["value"], ValueOf(answer), 1e-9);
    EXPECT_EQ(layer["value"], answer["values"][0][router == "even" ? "even" : "exact"]);
    EXPECT_LE(layer["lower_bound"], layer["value"]);
    EXPECT_LE(layer["split_bound"], layer["value"]);
  }
}

TEST(CtlSolveTest, SplitBoundMeetsTheValueForExact) {
  const json layer = SolveTheRequest("exact")["certificate"]["per_layer"][0];
  EXPECT_NEAR(layer["split_bound"], layer["value"], 1e-6);
}

TEST(CtlSolveTest, ProofsAreTwoSums) {
  const json answer = SolveTheRequest();
  for (const json& layer : answer["certificate"]["per_layer"]) {
    EXPECT_NEAR(layer["proof"]["load"].get<double>() / layer["proof"]["capacity"].get<double>(),
                layer["lower_bound"], 1e-9);
    EXPECT_NEAR(
        layer["split_proof"]["load"].get<double>() / layer["split_proof"]["capacity"].get<double>(),
        layer["split_bound"], 1e-9);
  }
}

TEST(CtlSolveTest, TotalsAreSumsOverLayers) {
  const json certificate = SolveTheRequest()["certificate"];
  double value = 0;
  double bound = 0;
  for (const json& layer : certificate["per_layer"]) {
    value += layer["value"].get<double>();
    bound += layer["lower_bound"].get<double>();
  }
  EXPECT_DOUBLE_EQ(certificate["total"]["value"], value);
  EXPECT_DOUBLE_EQ(certificate["total"]["lower_bound"], bound);
  EXPECT_DOUBLE_EQ(certificate["total"]["gap"], value / bound - 1);
}

TEST(CtlSolveTest, AnswerIsValidInput) {
  json document = SolveTheRequest();
  document.merge_patch(json::parse(kRequest));
  const CtlRun run = RunCtl({"solve", "--input", "-", "-o", "json"}, document.dump());
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.json()["phy2log"], document["phy2log"]);
}

TEST(CtlSolveTest, PolicyFlagChoosesTheBranch) {
  json document = json::parse(kRequest);
  document["num_nodes"] = 2;
  document["num_groups"] = 2;
  const auto policy = [&](const std::string& flag) {
    return RunCtl({"solve", "--policy", flag, "--input", "-", "-o", "json"}, document.dump())
        .json();
  };
  EXPECT_EQ(policy("auto")["policy"], "hierarchical");
  EXPECT_EQ(policy("global")["policy"], "global");
  document["num_groups"] = 1;
  const json fallen = policy("hierarchical");
  EXPECT_EQ(fallen["policy"], "global");
  EXPECT_THAT(fallen["fallback"].get<std::string>(), HasSubstr("solved globally"));
}

TEST(CtlSolveTest, KeepsTheSeedInTheAnswer) {
  const CtlRun run = RunCtl({"solve", "--seed", "42", "--input", "-", "-o", "json"}, kRequest);
  EXPECT_EQ(run.json()["seed"], 42);
}

TEST(CtlSolveTest, PrintsATableByDefault) {
  const CtlRun run = RunCtl({"solve", "--input", "-"}, kRequest);
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("LAYER  MAX/MEAN"));
  EXPECT_THAT(run.out, HasSubstr("total"));
  EXPECT_THAT(run.out, Not(HasSubstr(" \n")));
  EXPECT_EQ(run.err, "");
}

TEST(CtlSolveTest, PrintsYaml) {
  const CtlRun run = RunCtl({"solve", "--input", "-", "-o", "yaml"}, kRequest);
  EXPECT_THAT(run.out, HasSubstr("planner: \"eplb\"\n"));
  EXPECT_THAT(run.out, HasSubstr("imbalance: [1"));
}

TEST(CtlSolveTest, RefusesOnBothStreamsWithJson) {
  json document = json::parse(kRequest);
  document["weight"][0][1] = -2;
  const CtlRun run = RunCtl({"solve", "--input", "-", "-o", "json"}, document.dump());
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_EQ(run.err, "ballastctl: layer 0, expert 1: weight -2 is negative\n");
  EXPECT_EQ(run.json(), json::parse(R"({"error": {"code": "INVALID_ARGUMENT", "layer": 0,
      "expert": 1, "value": -2, "message": "layer 0, expert 1: weight -2 is negative"}})"));
}

TEST(CtlSolveTest, RefusesOnStderrOnlyWithoutJson) {
  for (const std::string form : {"table", "yaml"}) {
    const CtlRun run = RunCtl({"solve", "--input", "-", "-o", form}, R"({"weight": 1})");
    EXPECT_EQ(run.exit_code, 4);
    EXPECT_EQ(run.out, "");
    EXPECT_NE(run.err, "");
  }
}

TEST(CtlSolveTest, RefusesWhatThePlannerRefuses) {
  json document = json::parse(kRequest);
  document["num_groups"] = 3;
  const CtlRun run = RunCtl({"solve", "--input", "-", "-o", "json"}, document.dump());
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_THAT(run.err, HasSubstr("4 experts are no multiple of 3 groups"));
}

TEST(CtlSolveTest, MissingFileIsAUsageErrorByName) {
  const CtlRun run = RunCtl({"solve", "--input", "/no/such/file", "-o", "json"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_EQ(run.json()["error"]["message"], "cannot read /no/such/file");
}

TEST(CtlSolveTest, AFolderIsAUsageErrorToo) {
  for (const char* command : {"solve", "bound"}) {
    const CtlRun run = RunCtl({command, "--input", "/tmp", "-o", "json"});
    EXPECT_EQ(run.exit_code, 2) << command;
    EXPECT_EQ(run.json()["error"]["message"], "cannot read /tmp") << command;
  }
}

TEST(CtlSolveTest, BadCommandLinesAreUsageErrors) {
  const std::vector<std::vector<std::string>> lines = {
      {"solve"},
      {"solve", "--input"},
      {"solve", "--input", "-", "--planner", "magic"},
      {"solve", "--input", "-", "--policy", "1"},
      {"solve", "--input", "-", "--ties", "none"},
      {"solve", "--input", "-", "--seed", "x"},
      {"solve", "--input", "-", "--frobnicate"},
      {"solve", "--input", "-", "-o", "xml"},
      {"dissolve"},
      {}};
  for (const std::vector<std::string>& line : lines) {
    const CtlRun run = RunCtl(line, kRequest);
    EXPECT_EQ(run.exit_code, 2) << testing::PrintToString(line);
    EXPECT_EQ(run.out, "");
    EXPECT_NE(run.err, "");
  }
}

TEST(CtlSolveTest, UsageErrorsAreJsonOnRequest) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"solve", "-o", "json"},
                                                {"solve", "--output=json"},
                                                {"solve", "--frobnicate", "-ojson"}}) {
    const CtlRun run = RunCtl(words);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_TRUE(run.json()["error"].contains("message"));
  }
}

TEST(CtlSolveTest, AnUnknownPlannerPrintsTheNames) {
  const CtlRun run = RunCtl({"solve", "--input", "-", "--planner", "magic"}, kRequest);
  EXPECT_THAT(run.err, HasSubstr("eplb"));
}

TEST(CtlBoundTest, PrintsTheCertificateWithoutValue) {
  const CtlRun run = RunCtl({"bound", "--input", "-", "-o", "json"}, kRequest);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  const json solved = SolveTheRequest()["certificate"];
  const json certificate = run.json()["certificate"];
  EXPECT_TRUE(certificate["total"]["value"].is_null());
  EXPECT_EQ(certificate["total"]["lower_bound"], solved["total"]["lower_bound"]);
  const json layer = certificate["per_layer"][0];
  EXPECT_TRUE(layer["value"].is_null() && layer["gap"].is_null() &&
              layer["split_bound"].is_null() && layer["split_proof"].is_null());
  EXPECT_EQ(layer["bound"], solved["per_layer"][0]["bound"]);
  EXPECT_EQ(layer["proof"], solved["per_layer"][0]["proof"]);
}

TEST(CtlBoundTest, PrintsATableByDefault) {
  EXPECT_THAT(RunCtl({"bound", "--input", "-"}, kRequest).out, HasSubstr("LOWER BOUND"));
}

TEST(CtlVersionTest, PrintsTheVersion) {
  EXPECT_THAT(RunCtl({"version"}).out, testing::StartsWith("ballastctl "));
  EXPECT_TRUE(RunCtl({"version", "-o", "json"}).json().contains("ballastctl"));
}

TEST(CtlHelpTest, ListsTheCommands) {
  const CtlRun run = RunCtl({"--help"});
  EXPECT_EQ(run.exit_code, 0);
  for (const char* command : {"solve", "bound", "status", "plan", "version"}) {
    EXPECT_THAT(run.out, HasSubstr(command));
  }
}

}  // namespace
}  // namespace ballast::ctl
