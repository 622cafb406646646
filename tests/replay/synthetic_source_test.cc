#include "core/replay/synthetic_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "tests/trace/random_trace.h"

namespace ballast {
namespace {

SyntheticOptions SmallOptions() {
  SyntheticOptions options;
  options.shape = {.num_layers = 3, .num_experts = 32, .num_expert_groups = 1, .top_k = 4};
  options.num_request_slots = 6;
  options.seed = TestSeed();
  options.request_steps = 40;
  return options;
}

TEST(SyntheticSourceTest, ATokenChoosesDifferentExperts) {
  // A tight shape: with 8 of 10 experts chosen many probabilities are at their limit.
  SyntheticOptions tight = SmallOptions();
  tight.shape.num_experts = 10;
  tight.shape.top_k = 8;
  for (const SyntheticOptions& options : {SmallOptions(), tight}) {
    auto source = SyntheticSource::Create(options);
    ASSERT_TRUE(source.ok()) << source.status();
    const int top_k = options.shape.top_k;
    for (std::uint64_t number = 0; number < 200; ++number) {
      auto step = (*source)->TokensOfStep(number);
      ASSERT_TRUE(step.ok()) << step.status();
      ASSERT_EQ(step->num_tokens(), 6);
      ASSERT_EQ(step->experts.size(), 6u * 3 * top_k);
      for (std::size_t pick = 0; pick < step->experts.size(); pick += top_k) {
        const auto begin = step->experts.begin() + static_cast<std::ptrdiff_t>(pick);
        const std::set<int> chosen(begin, begin + top_k);
        ASSERT_EQ(chosen.size(), static_cast<std::size_t>(top_k));
        ASSERT_LT(*chosen.rbegin(), options.shape.num_experts);
      }
    }
  }
}

TEST(SyntheticSourceTest, PicksMeetTheProbabilitiesOfTheRequestsExactly) {
  SyntheticOptions options = SmallOptions();
  options.num_domains = 1;
  options.request_steps = 1;  // A new request in every step: counts average over requests.
  auto source = SyntheticSource::Create(options);
  ASSERT_TRUE(source.ok());
  const int num_steps = 4000;
  std::vector<double> counts(32);
  for (std::uint64_t number = 0; number < num_steps; ++number) {
    auto step = (*source)->TokensOfStep(number);
    for (int token = 0; token < 6; ++token) {
      for (int k = 0; k < 4; ++k) counts[step->experts[token * 12 + 4 + k]] += 1;
    }
  }
  // What requests of the only domain have on average in layer 1.
  std::vector<double> expected(32);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    const auto request = (*source)->load().Request(0, seed, LayerId(1));
    for (int expert = 0; expert < 32; ++expert) expected[expert] += request[expert] / 4000;
  }
  for (int expert = 0; expert < 32; ++expert) {
    const double mean = expected[expert] * 4 * num_steps * 6;
    EXPECT_NEAR(counts[expert], mean, 6 * std::sqrt(mean) + 0.03 * mean) << "expert " << expert;
  }
}

TEST(SyntheticSourceTest, IsAFunctionOfSeedStepAndSlots) {
  auto forwards = SyntheticSource::Create(SmallOptions());
  auto backwards = SyntheticSource::Create(SmallOptions());
  std::vector<TraceStep> steps;
  for (std::uint64_t number = 0; number < 120; ++number) {
    steps.push_back(*(*forwards)->TokensOfStep(number));
  }
  for (int number = 119; number >= 0; --number) {
    EXPECT_EQ(*(*backwards)->TokensOfStep(number), steps[number]) << "step " << number;
  }
  auto part = (*backwards)->TokensOfStep(7, {2, 3});
  ASSERT_TRUE(part.ok());
  EXPECT_THAT(part->request_slot, ::testing::ElementsAre(2, 3, 4));
  EXPECT_EQ(part->experts, std::vector<std::uint16_t>(steps[7].experts.begin() + 24,
                                                      steps[7].experts.begin() + 60));
  SyntheticOptions other = SmallOptions();
  other.seed += 1;
  EXPECT_NE(*(*SyntheticSource::Create(other))->TokensOfStep(7), steps[7]);
}

TEST(SyntheticSourceTest, TokensOfOneRequestAreMoreAlikeThanThoseOfAnother) {
  SyntheticOptions options;
  options.shape.num_layers = 8;
  options.num_request_slots = 16;
  options.seed = TestSeed();
  auto source = SyntheticSource::Create(options);
  ASSERT_TRUE(source.ok());
  double same = 0;
  double other = 0;
  for (std::uint64_t number = 0; number < 60; ++number) {
    auto now = (*source)->TokensOfStep(number);
    auto next = (*source)->TokensOfStep(number + 1);
    for (int slot = 0; slot < 16; ++slot) {
      for (int layer = 0; layer < 8; ++layer) {
        const auto chosen = [&](const TraceStep& step, int of) {
          const auto begin = step.experts.begin() + (of * 8 + layer) * 8;
          return std::set<int>(begin, begin + 8);
        };
        const auto here = chosen(*now, slot);
        for (const int expert : chosen(*next, slot)) same += here.contains(expert);
        for (const int expert : chosen(*next, (slot + 1) % 16)) other += here.contains(expert);
      }
    }
  }
  EXPECT_GT(same, 1.2 * other);
}

TEST(SyntheticSourceTest, NamesBadOptionsAndSlots) {
  SyntheticOptions bad = SmallOptions();
  bad.num_domains = 0;
  EXPECT_EQ(SyntheticSource::Create(bad).status().code(), absl::StatusCode::kInvalidArgument);
  auto source = SyntheticSource::Create(SmallOptions());
  EXPECT_EQ((*source)->TokensOfStep(0, {5, 2}).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace ballast
