#include "core/trace/trace_blob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/trace/expert_ranking.h"
#include "tests/trace/random_trace.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<TraceStep> RandomSteps(const TraceInfo& info, int num_steps) {
  Random random(TestSeed());
  std::vector<TraceStep> steps;
  for (int i = 0; i < num_steps; ++i) steps.push_back(RandomStep(info, 30, random));
  return steps;
}

TEST(ExpertRankingTest, OrdersExpertsByCountGivenTheFirstChoiceBefore) {
  const ModelShape shape = {.num_layers = 2, .num_experts = 3, .top_k = 1};
  TraceStep step;
  step.request_slot = {0, 0, 0, 0};
  step.experts = {1, 2, 1, 2, 1, 0, 0, 1};  // After choice 1: twice 2, once 0.
  const ExpertRanking ranking = ExpertRanking::Build(shape, {step});
  const auto orders = ranking.orders();
  ASSERT_EQ(orders.size(), 2u * 3 * 3);
  EXPECT_THAT(orders.subspan(0, 3), ElementsAre(1, 0, 2));   // Layer 0: no choice before.
  EXPECT_THAT(orders.subspan(12, 3), ElementsAre(2, 0, 1));  // Layer 1 after choice 1.
  EXPECT_THAT(orders.subspan(15, 3), ElementsAre(0, 1, 2));  // Never seen: by id.
}

TEST(ExpertRankingTest, PlacesTurnBackIntoExperts) {
  const TraceInfo info = SmallTraceInfo();
  const std::vector<TraceStep> steps = RandomSteps(info, 5);
  const ExpertRanking ranking = ExpertRanking::Build(info.shape, steps);
  for (const TraceStep& step : steps) {
    std::vector<std::uint16_t> picks(step.experts.begin(), step.experts.begin() + 6);
    const std::vector<std::uint16_t> before = picks;
    ranking.ToPlaces(info.shape, absl::MakeSpan(picks));
    ASSERT_TRUE(ranking.ToExperts(info.shape, absl::MakeSpan(picks)));
    EXPECT_EQ(picks, before);
  }
}

TEST(ExpertRankingTest, RefusesOrdersThatAreNoPermutation) {
  const ModelShape shape = {.num_layers = 1, .num_experts = 2, .top_k = 1};
  EXPECT_TRUE(ExpertRanking::FromOrders(shape, {0, 1, 1, 0}).ok());
  EXPECT_THAT(std::string(ExpertRanking::FromOrders(shape, {0, 1, 1, 1}).status().message()),
              HasSubstr("layer 0, first choice 1"));
  EXPECT_EQ(ExpertRanking::FromOrders(shape, {0, 2, 1, 0}).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(ExpertRanking::FromOrders(shape, {0, 1}).status().code(), absl::StatusCode::kDataLoss);
}

TEST(ExpertRankingTest, MakesSkewedStepsSmaller) {
  const TraceInfo info = SmallTraceInfo();
  TraceStep step;
  Random random(TestSeed());
  for (int token = 0; token < 400; ++token) {
    step.request_slot.push_back(0);
    auto previous = static_cast<std::uint16_t>(random.Below(8));
    for (int layer = 0; layer < 3; ++layer) {
      // A follower that depends on the choice before: uniform on its own.
      const auto first = static_cast<std::uint16_t>((3 * previous + layer) % 8);
      step.experts.insert(step.experts.end(), {first, static_cast<std::uint16_t>(7 - first)});
      previous = first;
    }
  }
  const ExpertRanking ranking = ExpertRanking::Build(info.shape, {step});
  EXPECT_LT(EncodeStep(info, ranking, step).size(),
            EncodeStep(info, ExpertRanking(), step).size() * 3 / 4);
}

TEST(TraceBlobTest, RoundTripsWithAndWithoutRanking) {
  SCOPED_TRACE(testing::Message() << "BALLAST_TEST_SEED=" << TestSeed());
  const TraceInfo info = SmallTraceInfo();
  const std::vector<TraceStep> steps = RandomSteps(info, 5);
  for (const ExpertRanking& ranking : {ExpertRanking(), ExpertRanking::Build(info.shape, steps)}) {
    for (const TraceStep& step : steps) {
      const std::string blob = EncodeStep(info, ranking, step);
      auto decoded = DecodeStep(info, ranking, {step.num_tokens(), blob});
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(*decoded, step);
    }
  }
}

TEST(TraceBlobTest, RankingRoundTrips) {
  const TraceInfo info = SmallTraceInfo();
  const ExpertRanking ranking = ExpertRanking::Build(info.shape, RandomSteps(info, 3));
  auto decoded = DecodeRanking(info.shape, EncodeRanking(info.shape, ranking));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->orders(), ranking.orders());
}

TEST(TraceBlobTest, RefusesEveryCutBlob) {
  const TraceInfo info = SmallTraceInfo();
  const TraceStep step = RandomSteps(info, 1).front();
  const std::string blob = EncodeStep(info, ExpertRanking(), step);
  for (std::size_t size = 0; size < blob.size(); ++size) {
    EXPECT_EQ(DecodeStep(info, ExpertRanking(),
                         {step.num_tokens(), absl::string_view(blob).substr(0, size)})
                  .status()
                  .code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
}

TEST(TraceBlobTest, RefusesAPlaceOutsideTheRanking) {
  TraceInfo wide = SmallTraceInfo();
  wide.shape.num_experts = 9;
  TraceStep step;
  step.request_slot = {0};
  step.experts = {0, 0, 0, 0, 0, 8};
  const std::string blob = EncodeStep(wide, ExpertRanking(), step);
  const TraceInfo info = SmallTraceInfo();
  const ExpertRanking ranking = ExpertRanking::Build(info.shape, RandomSteps(info, 1));
  const absl::Status status = DecodeStep(info, ranking, {1, blob}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("token 0"));
}

TEST(TraceBlobTest, RefusesAStepThatIsTooLarge) {
  TraceInfo info = SmallTraceInfo();
  const std::int64_t too_many = kMaxStepBytes / RawStepBytes(info.shape, 1) + 1;
  TraceStep step;
  step.request_slot.assign(static_cast<std::size_t>(too_many), 0);
  step.experts.assign(static_cast<std::size_t>(too_many) * 6, 0);
  EXPECT_THAT(std::string(CheckStep(info, step).message()), HasSubstr("more than fit"));
  EXPECT_EQ(DecodeStep(info, ExpertRanking(), {too_many, "x"}).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace ballast
