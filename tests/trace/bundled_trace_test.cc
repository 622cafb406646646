// Goal: the trace that ships with the sources is what its NOTICE says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "core/model/topology.h"
#include "core/trace/trace_file.h"

namespace ballast {
namespace {

const char kPath[] = BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace";

TEST(BundledTraceTest, IsSmallAndNamesItsOrigin) {
  EXPECT_LT(std::filesystem::file_size(kPath), 1u << 20);
  auto reader = TraceReader::Open(kPath);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const TraceInfo& info = (*reader)->info();
  EXPECT_EQ(info.model, "gpt-oss-20b");
  EXPECT_EQ(info.source, "AmanPriyanshu/GPT-OSS-MoE-ExpertFingerprinting @ 72b368f");
  EXPECT_EQ(info.licence, "Apache-2.0");
  EXPECT_TRUE(std::filesystem::exists(BALLAST_TEST_DATA "/traces/NOTICE.md"));
}

TEST(BundledTraceTest, HasTheShapeAndTopologyOfTheQuickStart) {
  auto reader = TraceReader::Open(kPath);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const TraceInfo& info = (*reader)->info();
  EXPECT_EQ(info.shape, (ModelShape{.num_layers = 24,
                                    .num_experts = 32,
                                    .num_expert_groups = 1,
                                    .top_k = 4,
                                    .expert_bytes = 13219200}));
  EXPECT_EQ(info.num_request_slots, 64);
  EXPECT_EQ(info.num_steps, 300);
  auto topology = Topology::Create(info.ranks);
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->fingerprint(), Topology::Uniform(16, 4, 3)->fingerprint());
}

TEST(BundledTraceTest, EveryTokenChoosesFourDifferentExpertsInEachLayer) {
  auto reader = TraceReader::Open(kPath);
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (int number = 0; number < 300; ++number) {
    auto step = (*reader)->Read(number);
    ASSERT_TRUE(step.ok()) << step.status();
    ASSERT_EQ(step->num_tokens(), 64);
    for (int token = 0; token < 64; ++token) EXPECT_EQ(step->request_slot[token], token);
    for (std::size_t pick = 0; pick < step->experts.size(); pick += 4) {
      const auto begin = step->experts.begin() + static_cast<std::ptrdiff_t>(pick);
      ASSERT_EQ(std::set<int>(begin, begin + 4).size(), 4u) << "step " << number;
    }
  }
}

TEST(BundledTraceTest, IsSkewedEnoughToBeWorthBalancing) {
  auto reader = TraceReader::Open(kPath);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::vector<std::vector<double>> load(24, std::vector<double>(32));
  for (int number = 0; number < 300; ++number) {
    auto step = (*reader)->Read(number);
    ASSERT_TRUE(step.ok()) << step.status();
    for (std::size_t pick = 0; pick < step->experts.size(); ++pick) {
      load[pick / 4 % 24][step->experts[pick]] += 1;
    }
  }
  double sum = 0;
  for (const auto& layer : load) {
    sum += *std::max_element(layer.begin(), layer.end()) / (300.0 * 64 * 4 / 32);
  }
  // 3.6 on these steps; an even load would give 1.
  EXPECT_GT(sum / 24, 2.5);
}

}  // namespace
}  // namespace ballast
