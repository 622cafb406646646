// Goal: parity with the published EPLB, bit for bit, in both tie orders.
// Method: 85 stored inputs and outputs; all three outputs of each are compared.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/solver/eplb_planner.h"
#include "tests/golden/eplb_vectors.h"

namespace ballast {
namespace {

using nlohmann::json;

LoadMatrix LoadOf(const json& vector) {
  const auto weight = vector.at("weight").get<std::vector<std::vector<double>>>();
  LoadMatrix load(static_cast<int>(weight.size()), static_cast<int>(weight.front().size()));
  for (int layer = 0; layer < load.num_layers(); ++layer) {
    for (int expert = 0; expert < load.num_experts(); ++expert) {
      load.Set(LayerId(layer), ExpertId(expert), weight[layer][expert]);
    }
  }
  return load;
}

EplbSize SizeOf(const json& vector) {
  return {.num_slots = vector.at("num_replicas"),
          .num_ranks = vector.at("num_gpus"),
          .num_rows = vector.at("num_nodes"),
          .num_expert_groups = vector.at("num_groups")};
}

template <typename T>
json Rows(const std::vector<T>& values, std::size_t width) {
  json rows = json::array();
  for (std::size_t begin = 0; begin < values.size(); begin += width) {
    json row = json::array();
    for (std::size_t i = begin; i < begin + width; ++i) {
      if constexpr (std::is_same_v<T, ExpertId>) {
        row.push_back(values[i].value);
      } else {
        row.push_back(values[i]);
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// {phy2log, log2phy, logcnt} as eplb.py prints them.
json Answer(const json& vector, const EplbLayout& layout) {
  const int num_layers = static_cast<int>(vector.at("weight").size());
  const std::size_t num_experts = vector.at("weight").front().size();
  int width = 0;
  const std::vector<std::int32_t> slots = SlotsOfReplicas(layout, num_layers, &width);
  json log2phy = json::array();
  for (std::size_t layer = 0; layer < static_cast<std::size_t>(num_layers); ++layer) {
    const auto begin = slots.begin() + static_cast<std::ptrdiff_t>(layer * num_experts * width);
    log2phy.push_back(Rows(
        std::vector<std::int32_t>(begin, begin + static_cast<std::ptrdiff_t>(num_experts * width)),
        width));
  }
  return {{"phy2log", Rows(layout.expert_in_slot, vector.at("num_replicas"))},
          {"log2phy", log2phy},
          {"logcnt", Rows(layout.replica_count, num_experts)}};
}

json Expected(const json& vector, const std::string& suffix) {
  json expected;
  for (const std::string key : {"phy2log", "log2phy", "logcnt"}) {
    expected[key] = vector.contains(key + suffix) ? vector[key + suffix] : vector[key];
  }
  return expected;
}

TEST(EplbGoldenTest, HasAllVectors) { EXPECT_EQ(ReadEplbVectors().size(), 85u); }

TEST(EplbGoldenTest, StableOrderReproducesThePublishedCodeWithAStableSort) {
  for (const std::string& line : ReadEplbVectors()) {
    const json vector = json::parse(line);
    const auto layout =
        SolveEplb(SizeOf(vector), LoadOf(vector), EplbPolicy::kAuto, TieOrder::kStable);
    ASSERT_TRUE(layout.ok()) << vector["name"] << ": " << layout.status();
    EXPECT_TRUE(Answer(vector, *layout) == Expected(vector, "_stable")) << vector["name"];
  }
}

TEST(EplbGoldenTest, LibraryOrderReproducesThePublishedCode) {
  for (const std::string& line : ReadEplbVectors()) {
    const json vector = json::parse(line);
    const auto layout =
        SolveEplb(SizeOf(vector), LoadOf(vector), EplbPolicy::kAuto, TieOrder::kLibstdcxx);
    ASSERT_TRUE(layout.ok()) << vector["name"] << ": " << layout.status();
    EXPECT_TRUE(Answer(vector, *layout) == Expected(vector, "")) << vector["name"];
  }
}

TEST(EplbGoldenTest, TakesTheBranchOfThePublishedCode) {
  for (const std::string& line : ReadEplbVectors()) {
    const json vector = json::parse(line);
    const auto layout =
        SolveEplb(SizeOf(vector), LoadOf(vector), EplbPolicy::kAuto, TieOrder::kStable);
    ASSERT_TRUE(layout.ok()) << layout.status();
    EXPECT_EQ(layout->hierarchical ? "hierarchical" : "global", vector["policy"]) << vector["name"];
  }
}

}  // namespace
}  // namespace ballast
