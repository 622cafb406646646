#include "core/model/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

namespace ballast {
namespace {

using ::testing::HasSubstr;

RankSpec Rank(int row, int num_slots, double speed = 1.0) {
  return {.row = RowId(row), .num_slots = num_slots, .relative_speed = speed};
}

TEST(TopologyTest, NumbersSlotsByRankWithUnevenSlots) {
  const Topology topology = Topology::Create({Rank(0, 2), Rank(0, 3, 0.5), Rank(1, 1)}).value();
  EXPECT_EQ(topology.num_ranks(), 3);
  EXPECT_EQ(topology.num_rows(), 2);
  EXPECT_EQ(topology.num_slots(), 6);
  EXPECT_EQ(topology.slots_of(RankId(1)).first, SlotId(2));
  EXPECT_EQ(topology.slots_of(RankId(1)).count, 3);
  const std::vector<int> rank_of_slot = {0, 0, 1, 1, 1, 2};
  for (int slot = 0; slot < 6; ++slot) {
    EXPECT_EQ(topology.rank_of(SlotId(slot)), RankId(rank_of_slot[slot]));
  }
  EXPECT_EQ(topology.row_of(RankId(1)), RowId(0));
  EXPECT_EQ(topology.row_of(RankId(2)), RowId(1));
  EXPECT_EQ(topology.relative_speed(RankId(1)), 0.5);
}

TEST(TopologyTest, RefusesABadFleetAndNamesRankAndValue) {
  struct Case {
    std::vector<RankSpec> ranks;
    std::string message;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const Case cases[] = {
      {{}, "0 ranks are not in [1, 4096]"},
      {std::vector<RankSpec>(4097, Rank(0, 1)), "4097 ranks are not in [1, 4096]"},
      {{Rank(1, 1)}, "rank 0: row 1 is not 0"},
      {{Rank(-1, 1), Rank(0, 1)}, "rank 0: row -1 is not 0"},
      {{Rank(0, 1), Rank(2, 1)}, "rank 1: row 2 follows row 0"},
      {{Rank(0, 1), Rank(1, 1), Rank(0, 1)}, "rank 2: row 0 follows row 1"},
      {{Rank(0, 1), Rank(0, 0)}, "rank 1: 0 slots are not in [1, 65536]"},
      {{Rank(0, 65537)}, "rank 0: 65537 slots are not in [1, 65536]"},
      {{Rank(0, 65536), Rank(0, 1)}, "rank 1: 65537 slots are more than 65536"},
      {{Rank(0, 1, 0.0)}, "rank 0: relative speed 0 is not in (0, inf)"},
      {{Rank(0, 1, -1.0)}, "rank 0: relative speed -1 is not in (0, inf)"},
      {{Rank(0, 1), Rank(0, 1, infinity)}, "rank 1: relative speed inf is not in (0, inf)"},
      {{Rank(0, 1, std::nan(""))}, "rank 0: relative speed nan is not in (0, inf)"},
  };
  for (const Case& bad : cases) {
    const absl::Status status = Topology::Create(bad.ranks).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message));
  }
}

TEST(TopologyTest, UniformFillsRowsAndTheLastMayBeSmaller) {
  const Topology topology = Topology::Uniform(5, 2, 3).value();
  EXPECT_EQ(topology.num_rows(), 3);
  EXPECT_EQ(topology.num_slots(), 15);
  EXPECT_EQ(topology.row_of(RankId(4)), RowId(2));
  EXPECT_EQ(topology.relative_speed(RankId(4)), 1.0);
}

TEST(TopologyTest, UniformRefusesBadNumbers) {
  EXPECT_THAT(std::string(Topology::Uniform(4, 0, 1).status().message()),
              HasSubstr("row size 0 is below 1"));
  EXPECT_THAT(std::string(Topology::Uniform(0, 1, 1).status().message()),
              HasSubstr("0 ranks are not in"));
  EXPECT_THAT(std::string(Topology::Uniform(-5, 1, 1).status().message()),
              HasSubstr("-5 ranks are not in"));
  EXPECT_THAT(std::string(Topology::Uniform(4, 2, 0).status().message()),
              HasSubstr("rank 0: 0 slots"));
}

TEST(TopologyTest, IsUniformIfSlotsAndRowsAreAlike) {
  EXPECT_TRUE(Topology::Uniform(4, 2, 3)->uniform());
  EXPECT_FALSE(Topology::Uniform(5, 2, 3)->uniform());
  EXPECT_FALSE(Topology::Create({Rank(0, 1), Rank(0, 2)})->uniform());
}

TEST(TopologyTest, FingerprintTellsApartEveryFieldAndNothingElse) {
  const std::vector<RankSpec> base = {Rank(0, 2), Rank(0, 2), Rank(1, 2)};
  const std::vector<std::vector<RankSpec>> others = {
      {Rank(0, 2), Rank(1, 2), Rank(1, 2)},
      {Rank(0, 2), Rank(0, 3), Rank(1, 2)},
      {Rank(0, 2), Rank(0, 2), Rank(1, 2, 1.5)},
      {Rank(0, 2), Rank(0, 2)},
  };
  std::set<std::uint64_t> fingerprints = {Topology::Create(base)->fingerprint()};
  for (const auto& ranks : others) fingerprints.insert(Topology::Create(ranks)->fingerprint());
  EXPECT_EQ(fingerprints.size(), 5);
  EXPECT_EQ(Topology::Create(base)->fingerprint(), Topology::Create(base)->fingerprint());
}

// Stored plans carry it, so it may not change from release to release.
TEST(TopologyTest, FingerprintIsTheOneOfTheFirstRelease) {
  EXPECT_EQ(Topology::Uniform(16, 4, 3)->fingerprint(), 0x3b0ba99aca357810u);
}

}  // namespace
}  // namespace ballast
