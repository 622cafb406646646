#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/ctl/nearest_name.h"
#include "client/ctl/solve_request.h"

namespace ballast::ctl {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json GoodRequest() {
  return {{"weight", {{1, 2.5, 3, 4}, {0, 0, 0, 0}}},
          {"num_replicas", 6},
          {"num_gpus", 2},
          {"num_nodes", 1},
          {"num_groups", 2}};
}

std::optional<CtlError> Read(const std::string& text, SolveRequest* request) {
  return ReadSolveRequest(text, "eplb", request);
}

CtlError ErrorOf(const std::string& text) {
  SolveRequest request;
  const std::optional<CtlError> error = Read(text, &request);
  EXPECT_TRUE(error.has_value()) << text;
  return error.value_or(CtlError{});
}

TEST(SolveRequestTest, ReadsFleetAndLoad) {
  SolveRequest request;
  ASSERT_FALSE(Read(GoodRequest().dump(), &request).has_value());
  EXPECT_EQ(request.shape.num_layers, 2);
  EXPECT_EQ(request.shape.num_experts, 4);
  EXPECT_EQ(request.shape.num_expert_groups, 2);
  EXPECT_EQ(request.topology->num_slots(), 6);
  EXPECT_EQ(request.topology->num_ranks(), 2);
  EXPECT_EQ(request.topology->num_rows(), 1);
  EXPECT_EQ(request.load.at(LayerId(0), ExpertId(1)), 2.5);
  EXPECT_EQ(request.router, "even");
  EXPECT_EQ(request.rule(), SplitRule::kEqual);
}

TEST(SolveRequestTest, AssumesTheRegimeThePlannerIsMadeFor) {
  SolveRequest request;
  ASSERT_FALSE(ReadSolveRequest(GoodRequest().dump(), "ring", &request).has_value());
  EXPECT_EQ(request.router, "exact");
}

TEST(SolveRequestTest, TakesEachRouter) {
  for (const std::string& router : RouterNames()) {
    json document = GoodRequest();
    document["router"] = router;
    SolveRequest request;
    ASSERT_FALSE(Read(document.dump(), &request).has_value());
    EXPECT_EQ(request.router, router);
    EXPECT_EQ(request.rule(), router == "even" ? SplitRule::kEqual : SplitRule::kBest);
  }
}

TEST(SolveRequestTest, IgnoresKeysOfAnswersAndVectors) {
  json document = GoodRequest();
  for (const char* key : {"phy2log", "certificate", "policy", "ties", "generator", "name",
                          "stable_sort_same", "log2phy_stable", "moved_slots"}) {
    document[key] = "anything";
  }
  SolveRequest request;
  EXPECT_FALSE(Read(document.dump(), &request).has_value());
}

struct BadInput {
  const char* name;
  const char* key;      // Replaced in the good request by
  const char* value;    // this text; empty: removed.
  const char* message;  // Part of the error's.
};

const BadInput kBadInputs[] = {
    {"MissingWeight", "weight", "", "key \"weight\" is missing"},
    {"MissingReplicas", "num_replicas", "", "key \"num_replicas\" is missing"},
    {"MissingGpus", "num_gpus", "", "key \"num_gpus\" is missing"},
    {"MissingNodes", "num_nodes", "", "key \"num_nodes\" is missing"},
    {"MissingGroups", "num_groups", "", "key \"num_groups\" is missing"},
    {"NullWeight", "weight", "null", "weight is null"},
    {"NumberForWeight", "weight", "3", "weight is a number"},
    {"NoLayers", "weight", "[]", "weight has 0 layers"},
    {"OneDimension", "weight", "[1,2]", "layer 0: weight is a number, not a list of experts"},
    {"ThreeDimensions", "weight", "[[[1],[2]]]", "layer 0, expert 0: weight [1] is a list"},
    {"NoExperts", "weight", "[[],[]]", "layer 0: weight has no experts"},
    {"Ragged", "weight", "[[1,2],[1]]", "layer 1: weight has 1 experts, layer 0 has 2"},
    {"NullLayer", "weight", "[[1,2],null]", "layer 1: weight is null"},
    {"Null", "weight", "[[1,null]]", "layer 0, expert 1: weight null is not a number"},
    {"String", "weight", "[[1,\"2\"]]", "layer 0, expert 1: weight \"2\" is a string"},
    {"Boolean", "weight", "[[true,2]]", "layer 0, expert 0: weight true is a boolean"},
    {"Negative", "weight", "[[1,2],[3,-2]]", "layer 1, expert 1: weight -2 is negative"},
    {"AboveFloat", "weight", "[[1e39,2]]", "layer 0, expert 0: weight 1e+39 is above"},
    {"AboveDouble", "weight", "[[1,1e400]]", "layer 0, expert 1: weight 1e400 is too large"},
    {"NotANumber", "weight", "[[1,2],[3,NaN]]", "layer 1, expert 1: weight NaN is not finite"},
    {"Infinite", "weight", "[[1, Infinity]]", "layer 0, expert 1: weight Infinity is not"},
    {"MinusInfinite", "weight", "[[-Infinity,1]]", "layer 0, expert 0: weight -Infinity is"},
    {"Decimal", "num_replicas", "6.5", "num_replicas 6.5 is no integer"},
    {"WholeDecimal", "num_replicas", "6.0", "num_replicas 6.0 is no integer"},
    {"StringCount", "num_gpus", "\"2\"", "num_gpus \"2\" is a string, no integer"},
    {"NullCount", "num_gpus", "null", "num_gpus null is null, no integer"},
    {"NoGpus", "num_gpus", "0", "num_gpus 0 is not in [1, 4096]"},
    {"NoNodes", "num_nodes", "0", "num_nodes 0 is not in"},
    {"NegativeNodes", "num_nodes", "-2", "num_nodes -2 is not in"},
    {"NoGroups", "num_groups", "0", "num_groups 0 is not in"},
    {"HugeCount", "num_replicas", "18446744073709551615", "is not in [1, 65536]"},
    {"UnevenSlots", "num_replicas", "7", "num_replicas 7 is no multiple of num_gpus 2"},
    {"UnevenRows", "num_nodes", "3", "num_gpus 2 is no multiple of num_nodes 3"},
    {"TooFewSlots", "num_replicas", "2", "num_replicas 2 is below the number of experts 4"},
    {"UnknownRouter", "router", "\"evne\"", "there are: even, local, row, exact"},
    {"RouterOfAnotherType", "router", "3", "router 3 is unknown"},
    {"UnknownKey", "num_replica", "6",
     "unknown key \"num_replica\"; did you mean \"num_replicas\""},
    {"SlotsPerRank", "slots_per_rank", "[3,3]", "\"slots_per_rank\" belongs to other planners"},
    {"Scenarios", "scenarios", "[]", "\"scenarios\" belongs to other planners: eplb plans for"},
    {"RingOrder", "ring_order", "\"strided\"", "\"ring_order\" belongs to other planners"},
    {"Locality", "locality", "0", "\"locality\" belongs to other planners: eplb has no ring"},
    {"Current", "current", "[[0]]", "\"current\" belongs to other planners"},
    {"MaxSlotChanges", "max_slot_changes", "1", "\"max_slot_changes\" belongs to other planners"},
    {"Speed", "speed", "[1,1]", "\"speed\" belongs to other planners"},
    {"SharedExperts", "shared_experts", "[]", "\"shared_experts\" belongs to other planners"},
    {"MinRows", "min_rows_per_expert", "1", "\"min_rows_per_expert\" belongs to other planners"},
    {"MaxRows", "max_rows_per_group", "1", "\"max_rows_per_group\" belongs to other planners"},
    {"Forbidden", "forbidden", "[]", "\"forbidden\" belongs to other planners"},
    {"Pinned", "pinned", "null", "\"pinned\" belongs to other planners"},
};

class BadInputTest : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, IsRefusedByName) {
  const BadInput& bad = GetParam();
  const json good = GoodRequest();
  std::string text = "{";
  for (const auto& [key, value] : good.items()) {
    if (key != bad.key) text += "\"" + key + "\":" + value.dump() + ",";
  }
  if (*bad.value != '\0') text += "\"" + std::string(bad.key) + "\":" + bad.value + ",";
  text.back() = '}';
  const CtlError error = ErrorOf(text);
  EXPECT_EQ(error.exit_code, kExitRefused);
  EXPECT_THAT(error.message, HasSubstr(bad.message));
}

INSTANTIATE_TEST_SUITE_P(SolveRequestTest, BadInputTest, testing::ValuesIn(kBadInputs),
                         [](const auto& test) { return test.param.name; });

TEST(SolveRequestTest, GivesPlaceAndValueOfABadWeight) {
  json document = GoodRequest();
  document["weight"][1][2] = -7;
  const CtlError error = ErrorOf(document.dump());
  EXPECT_EQ(error.layer, 1);
  EXPECT_EQ(error.expert, 2);
  EXPECT_EQ(*error.value, json(-7));
  EXPECT_EQ(error.code, "INVALID_ARGUMENT");
}

TEST(SolveRequestTest, RefusesAKeyThatStandsTwice) {
  const CtlError error = ErrorOf(R"({"weight": [[1]], "num_gpus": 1, "num_gpus": 2})");
  EXPECT_EQ(error.exit_code, kExitRefused);
  EXPECT_EQ(error.message, "key \"num_gpus\" stands twice");
}

TEST(SolveRequestTest, RefusesEndlessNesting) {
  EXPECT_THAT(ErrorOf(std::string(100000, '[')).message, HasSubstr("nested"));
}

TEST(SolveRequestTest, RefusesOtherDocumentsThanObjects) {
  EXPECT_EQ(ErrorOf("[1]").message, "input is a list, not an object");
  EXPECT_EQ(ErrorOf("3").message, "input is a number, not an object");
}

TEST(SolveRequestTest, PlacesWhatIsNoJson) {
  const CtlError error = ErrorOf("{\"weight\": [[1]],\n  \"num_gpus\": x}");
  EXPECT_EQ(error.exit_code, kExitUsage);
  EXPECT_EQ(error.message, "input is no JSON: line 2, column 15");
}

TEST(SolveRequestTest, SaysThatTheInputEndsTooEarly) {
  for (const std::string text : {"", "{", "{\"weight\": [[1, 2]"}) {
    const CtlError error = ErrorOf(text);
    EXPECT_EQ(error.exit_code, kExitUsage);
    EXPECT_THAT(error.message, HasSubstr("ends too early")) << text;
  }
}

TEST(NearestNameTest, TakesTheNameWithTheFewestEdits) {
  const std::vector<std::string> names = {"weight", "num_gpus", "num_groups", "num_nodes"};
  EXPECT_EQ(NearestName("weigth", names), "weight");
  EXPECT_EQ(NearestName("num_group", names), "num_groups");
  EXPECT_EQ(NearestName("gpus", names), "num_gpus");
}

}  // namespace
}  // namespace ballast::ctl
