#include "core/trace/trace_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/base/random.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr ModelShape kShape = {.num_layers = 1, .num_experts = 100, .top_k = 1};

// One id a token: the token's own number, so that a step shows which tokens it took.
std::vector<std::uint8_t> NumberedTokens(int num_tokens) {
  std::vector<std::uint8_t> topk(num_tokens);
  for (int token = 0; token < num_tokens; ++token) topk[token] = static_cast<std::uint8_t>(token);
  return topk;
}

TEST(ParseSamplesTest, FindsTheColumnsByName) {
  auto samples = ParseSamples("sample,token_offset,category,tokens\r\n0,0,a,5\r\n1,5,b,7\r\n");
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT(*samples, ElementsAre(RequestSample{0, 5}, RequestSample{5, 7}));
}

TEST(ParseSamplesTest, NamesLineAndValue) {
  EXPECT_THAT(std::string(ParseSamples("a,tokens\n").status().message()),
              HasSubstr("no column token_offset"));
  EXPECT_THAT(std::string(ParseSamples("token_offset,tokens\n1,2\n3,x\n").status().message()),
              HasSubstr("line 3, column 2: 'x'"));
  EXPECT_THAT(std::string(ParseSamples("token_offset,tokens\n-1,2\n").status().message()),
              HasSubstr("line 2, column 1: '-1'"));
  EXPECT_THAT(std::string(ParseSamples("token_offset,tokens\n1\n").status().message()),
              HasSubstr("line 2, only 1 columns"));
}

TEST(ImportTopKTest, RefillsASlotWithTheNextRequestInFileOrder) {
  const std::vector<RequestSample> samples = {{0, 2}, {2, 3}, {5, 0}, {5, 1}, {6, 2}};
  auto steps = ImportTopK(kShape, NumberedTokens(8), samples,
                          {.num_request_slots = 2, .order = RequestOrder::kFile});
  ASSERT_TRUE(steps.ok()) << steps.status();
  // Slot 0 serves {0, 1}, then the request at 5, then 6 and 7; slot 1 serves 2, 3, 4 and
  // finds nothing more, which ends it.
  ASSERT_EQ(steps->size(), 3u);
  EXPECT_THAT((*steps)[0].request_slot, ElementsAre(0, 1));
  EXPECT_THAT((*steps)[0].experts, ElementsAre(0, 2));
  EXPECT_THAT((*steps)[1].experts, ElementsAre(1, 3));
  EXPECT_THAT((*steps)[2].experts, ElementsAre(5, 4));
}

TEST(ImportTopKTest, KeepsLayersAndGateOrderOfAToken) {
  const ModelShape shape = {.num_layers = 2, .num_experts = 9, .top_k = 2};
  const std::vector<std::uint8_t> topk = {8, 1, 2, 3, 4, 5, 6, 7};
  auto steps = ImportTopK(shape, topk, std::vector<RequestSample>{{0, 2}},
                          {.num_request_slots = 1, .order = RequestOrder::kFile});
  ASSERT_TRUE(steps.ok());
  ASSERT_EQ(steps->size(), 2u);
  EXPECT_THAT((*steps)[0].experts, ElementsAre(8, 1, 2, 3));
  EXPECT_THAT((*steps)[1].experts, ElementsAre(4, 5, 6, 7));
}

TEST(ImportTopKTest, MixedOrderIsTheFisherYatesShuffleOfItsSeed) {
  std::vector<RequestSample> samples;
  for (int i = 0; i < 10; ++i) samples.push_back({i, 1});
  std::vector<int> expected(10);
  for (int i = 0; i < 10; ++i) expected[i] = i;
  Random random(7);
  for (std::size_t i = 10; i > 1; --i) std::swap(expected[i - 1], expected[random.Below(i)]);

  auto steps = ImportTopK(kShape, NumberedTokens(10), samples,
                          {.num_request_slots = 1, .order = RequestOrder::kMixed, .seed = 7});
  ASSERT_TRUE(steps.ok());
  std::vector<int> order;
  for (const TraceStep& step : *steps) order.push_back(step.experts[0]);
  EXPECT_EQ(order, expected);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
}

TEST(ImportTopKTest, SkipsAndLimitsSteps) {
  const std::vector<RequestSample> samples = {{0, 8}};
  auto steps = ImportTopK(kShape, NumberedTokens(8), samples,
                          {.num_request_slots = 1, .skip_steps = 3, .max_steps = 2});
  ASSERT_TRUE(steps.ok());
  ASSERT_EQ(steps->size(), 2u);
  EXPECT_THAT((*steps)[0].experts, ElementsAre(3));
  EXPECT_THAT((*steps)[1].experts, ElementsAre(4));
}

TEST(ImportTopKTest, NamesWhatDoesNotFit) {
  const std::vector<RequestSample> one = {{0, 8}};
  const ImportOptions options = {.num_request_slots = 1};
  const ModelShape two = {.num_layers = 1, .num_experts = 100, .top_k = 2};
  EXPECT_THAT(std::string(ImportTopK(two, NumberedTokens(7), one, options).status().message()),
              HasSubstr("7 ids are no multiple of 2"));
  const ModelShape few = {.num_layers = 1, .num_experts = 4, .top_k = 1};
  EXPECT_THAT(std::string(ImportTopK(few, NumberedTokens(8), one, options).status().message()),
              HasSubstr("token 4, layer 0: expert 4 out of [0, 4)"));
  const std::vector<RequestSample> beyond = {{0, 4}, {5, 4}};
  const absl::Status status = ImportTopK(kShape, NumberedTokens(8), beyond, options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("request 1"));
  EXPECT_EQ(ImportTopK(kShape, NumberedTokens(8), one, {.num_request_slots = 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ImportTopK(ModelShape(), {}, one, options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ImportTopKTest, NeedsARequestForEverySlot) {
  const std::vector<RequestSample> samples = {{0, 4}, {4, 0}};
  EXPECT_EQ(
      ImportTopK(kShape, NumberedTokens(8), samples, {.num_request_slots = 2}).status().code(),
      absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace ballast
