// Goal: MinMaxSplit is exact and proves it. Method: by min-cut duality the value is the
// maximum over expert sets S of load(S) / speed(hosts(S)); small instances try every S,
// large ones check the result's own proof against the loads its shares give.

#include "core/routing/split_flow.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kRelative = 1e-9;  // What the header promises.

struct Instance {
  std::vector<double> load;
  std::vector<double> speed;
  std::vector<ExpertId> expert_in_slot = {};
  std::vector<RankId> rank_of_slot = {};

  void Add(int expert, int rank) {
    expert_in_slot.push_back(ExpertId(expert));
    rank_of_slot.push_back(RankId(rank));
  }
  SplitInput input() const { return {load, expert_in_slot, rank_of_slot, speed}; }
};

std::uint64_t Seed() {
  const char* seed = std::getenv("BALLAST_TEST_SEED");
  return seed == nullptr ? 20240611 : std::strtoull(seed, nullptr, 10);
}

// Max over expert sets of load / speed of their hosts: 2^num_experts sets.
double BruteForce(const Instance& instance) {
  double best = 0;
  for (unsigned set = 1; set < 1u << instance.load.size(); ++set) {
    double load = 0;
    double capacity = 0;
    for (std::size_t e = 0; e < instance.load.size(); ++e) {
      if ((set >> e & 1) != 0) load += instance.load[e];
    }
    for (std::size_t r = 0; r < instance.speed.size(); ++r) {
      bool host = false;
      for (std::size_t s = 0; s < instance.expert_in_slot.size(); ++s) {
        const ExpertId expert = instance.expert_in_slot[s];
        host = host || (expert.valid() && instance.rank_of_slot[s] == RankId(static_cast<int>(r)) &&
                        (set >> expert.value & 1) != 0);
      }
      if (host) capacity += instance.speed[r];
    }
    if (load > 0) best = std::max(best, load / capacity);
  }
  return best;
}

// Shares sum to one per expert, stay in [0, 1], are equal on one rank, and load no
// rank above the value.
void ExpectSharesReachTheValue(const Instance& in, const SplitResult& result) {
  ASSERT_EQ(result.share.size(), in.expert_in_slot.size());
  std::vector<double> sum(in.load.size(), 0);
  std::vector<double> rank_load(in.speed.size(), 0);
  for (std::size_t s = 0; s < result.share.size(); ++s) {
    EXPECT_GE(result.share[s], 0) << "slot " << s;
    EXPECT_LE(result.share[s], 1 + kRelative) << "slot " << s;
    if (!in.expert_in_slot[s].valid()) {
      EXPECT_EQ(result.share[s], 0) << "slot " << s;
      continue;
    }
    const int expert = in.expert_in_slot[s].value;
    sum[expert] += result.share[s];
    rank_load[in.rank_of_slot[s].value] += result.share[s] * in.load[expert];
    for (std::size_t t = 0; t < s; ++t) {
      if (in.expert_in_slot[t] == in.expert_in_slot[s] &&
          in.rank_of_slot[t] == in.rank_of_slot[s]) {
        EXPECT_EQ(result.share[t], result.share[s]) << "slots " << t << " and " << s;
      }
    }
  }
  for (std::size_t e = 0; e < sum.size(); ++e) EXPECT_NEAR(sum[e], 1, kRelative) << "expert " << e;
  for (std::size_t r = 0; r < rank_load.size(); ++r) {
    EXPECT_LE(rank_load[r], result.value * in.speed[r] * (1 + kRelative)) << "rank " << r;
  }
}

// No split can do better: the cut experts have no host outside the cut ranks.
void ExpectProofHolds(const Instance& in, const SplitResult& result) {
  std::vector<bool> expert_in_cut(in.load.size(), false);
  std::vector<bool> rank_in_cut(in.speed.size(), false);
  double load = 0;
  double capacity = 0;
  for (ExpertId e : result.cut_experts) {
    expert_in_cut[e.value] = true;
    load += in.load[e.value];
  }
  for (RankId r : result.cut_ranks) {
    rank_in_cut[r.value] = true;
    capacity += in.speed[r.value];
  }
  for (std::size_t s = 0; s < in.expert_in_slot.size(); ++s) {
    const ExpertId expert = in.expert_in_slot[s];
    const int rank = in.rank_of_slot[s].value;
    if (expert.valid() && expert_in_cut[expert.value] && in.speed[rank] > 0) {
      EXPECT_TRUE(rank_in_cut[rank]) << "expert " << expert.value << " escapes to rank " << rank;
    }
  }
  EXPECT_EQ(load, result.cut_load);
  EXPECT_EQ(capacity, result.cut_capacity);
  EXPECT_NEAR(load / capacity, result.value, kRelative * result.value);
}

struct RandomShape {
  int experts = 0;
  int ranks = 0;
  int slots_per_rank = 0;
  bool speeds = false;
  bool wide = false;  // Loads over 50 orders of magnitude, speeds over 10.
};

// Every expert somewhere, then the remaining slots to random experts; loads lognormal,
// some zero.
Instance RandomInstance(const RandomShape& shape, Random& random) {
  Instance in;
  for (int e = 0; e < shape.experts; ++e) {
    in.load.push_back(random.Below(8) == 0 ? 0 : std::exp((shape.wide ? 30 : 2) * random.Normal()));
  }
  for (int r = 0; r < shape.ranks; ++r) {
    const double speed = shape.wide ? std::exp(4 * random.Normal()) : 0.25 + 2 * random.Uniform();
    in.speed.push_back(shape.speeds ? speed : 1);
    for (int k = 0; k < shape.slots_per_rank; ++k) in.Add(-1, r);
  }
  const int num_slots = shape.ranks * shape.slots_per_rank;
  for (int s = 0; s < num_slots; ++s) {
    const int expert = s < shape.experts ? s : static_cast<int>(random.Below(shape.experts));
    in.expert_in_slot[s] = ExpertId(expert);
  }
  for (int s = num_slots - 1; s > 0; --s) {
    std::swap(in.expert_in_slot[s], in.expert_in_slot[random.Below(s + 1)]);
  }
  return in;
}

TEST(SplitFlowTest, CutsTheLoadOfOneExpertInProportionToSpeed) {
  Instance in{.load = {12}, .speed = {1, 2, 3}};
  in.Add(0, 0);
  in.Add(0, 1);
  in.Add(0, 2);
  const SplitResult result = MinMaxSplit(in.input());
  EXPECT_DOUBLE_EQ(result.value, 2);
  EXPECT_THAT(result.share, ElementsAre(DoubleNear(1.0 / 6, 1e-12), DoubleNear(1.0 / 3, 1e-12),
                                        DoubleNear(1.0 / 2, 1e-12)));
}

TEST(SplitFlowTest, ProvesTheValueByTheExpertsThatCanNotEscape) {
  // Experts 0 and 1 share ranks 0 and 1; expert 2 could go to rank 2 alone.
  Instance in{.load = {6, 4, 1}, .speed = {1, 1, 1}};
  in.Add(0, 0);
  in.Add(0, 1);
  in.Add(1, 1);
  in.Add(2, 1);
  in.Add(2, 2);
  const SplitResult result = MinMaxSplit(in.input());
  EXPECT_DOUBLE_EQ(result.value, 5);
  EXPECT_THAT(result.cut_experts, ElementsAre(ExpertId(0), ExpertId(1)));
  EXPECT_THAT(result.cut_ranks, ElementsAre(RankId(0), RankId(1)));
  EXPECT_EQ(result.cut_load, 10);
  EXPECT_EQ(result.cut_capacity, 2);
}

TEST(SplitFlowTest, PushesLoadAlongAChainOfExperts) {
  // A long chain: rank r shares expert r with rank r + 1; all load is at one end.
  constexpr int kRanks = 40;
  Instance in{.load = std::vector<double>(kRanks - 1, 1), .speed = std::vector<double>(kRanks, 1)};
  in.load[0] = kRanks + 1;
  for (int e = 0; e + 1 < kRanks; ++e) {
    in.Add(e, e);
    in.Add(e, e + 1);
  }
  const SplitResult result = MinMaxSplit(in.input());
  EXPECT_NEAR(result.value, (kRanks + 1) / 2.0, 1e-9);
  ExpectSharesReachTheValue(in, result);
  ExpectProofHolds(in, result);
}

TEST(SplitFlowTest, SplitsEvenlyBetweenSlotsOfOneExpertOnOneRank) {
  Instance in{.load = {3}, .speed = {1, 1}};
  in.Add(0, 0);
  in.Add(0, 0);
  in.Add(0, 1);
  const SplitResult result = MinMaxSplit(in.input());
  EXPECT_DOUBLE_EQ(result.value, 1.5);
  EXPECT_THAT(result.share, ElementsAre(0.25, 0.25, 0.5));
}

TEST(SplitFlowTest, SharesOfAnExpertWithoutLoadSumToOne) {
  Instance in{.load = {0, 7}, .speed = {1, 1}};
  in.Add(0, 0);
  in.Add(0, 1);
  in.Add(1, 1);
  const SplitResult result = MinMaxSplit(in.input());
  EXPECT_EQ(result.value, 7);
  EXPECT_THAT(result.share, ElementsAre(0.5, 0.5, 1));
}

TEST(SplitFlowTest, ValueIsZeroWithoutLoad) {
  Instance in{.load = {0}, .speed = {1}};
  in.Add(0, 0);
  const SplitResult result = MinMaxSplit(in.input());
  EXPECT_EQ(result.value, 0);
  EXPECT_THAT(result.cut_experts, IsEmpty());
  EXPECT_THAT(result.share, ElementsAre(1));
}

TEST(SplitFlowTest, ValueIsInfiniteIfALoadedExpertHasNoReplica) {
  Instance in{.load = {1, 2}, .speed = {1}};
  in.Add(0, 0);
  const SplitResult result = MinMaxSplit(in.input());
  EXPECT_EQ(result.value, std::numeric_limits<double>::infinity());
  EXPECT_THAT(result.cut_experts, ElementsAre(ExpertId(1)));
  EXPECT_THAT(result.cut_ranks, IsEmpty());
  EXPECT_EQ(result.cut_load, 2);
  EXPECT_EQ(result.cut_capacity, 0);
}

TEST(SplitFlowTest, RanksOfSpeedZeroAndEmptySlotsTakeNothing) {
  Instance in{.load = {4, 1}, .speed = {1, 0, 1}};
  in.Add(0, 0);
  in.Add(0, 1);
  in.Add(-1, 2);
  in.Add(1, 2);
  const SplitResult result = MinMaxSplit(in.input());
  EXPECT_EQ(result.value, 4);
  EXPECT_THAT(result.share, ElementsAre(1, 0, 0, 1));
}

TEST(SplitFlowTest, EqualsBruteForceOnAllSmallPlacements) {
  // 3 ranks x 2 slots, each empty or one of 3 experts; loads from {0, 1, 2, 5}.
  constexpr double kLoads[] = {0, 1, 2, 5};
  constexpr int kSlots = 6;
  int checked = 0;
  for (int code = 0; code < 4096; ++code) {  // 4^6 contents of the slots.
    Instance in{.load = {0, 0, 0}, .speed = {1, 1, 2}};
    for (int s = 0; s < kSlots; ++s) in.Add((code >> 2 * s & 3) - 1, s / 2);
    for (int loads = 0; loads < 64; ++loads) {
      for (int e = 0; e < 3; ++e) in.load[e] = kLoads[loads >> 2 * e & 3];
      const SplitResult result = MinMaxSplit(in.input());
      const double best = BruteForce(in);
      ASSERT_TRUE(result.value == best || std::abs(result.value - best) <= kRelative * best)
          << "contents " << code << ", loads " << loads << ": " << result.value << " for " << best;
      ++checked;
    }
  }
  EXPECT_EQ(checked, 4096 * 64);
}

RandomShape SmallShape(Random& random) {
  RandomShape shape;
  shape.ranks = 2 + static_cast<int>(random.Below(7));
  shape.slots_per_rank = 1 + static_cast<int>(random.Below(4));
  shape.experts =
      1 + static_cast<int>(random.Below(std::min(9, shape.ranks * shape.slots_per_rank)));
  return shape;
}

TEST(SplitFlowTest, EqualsBruteForceOnRandomPlacements) {
  Random random(Seed());
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE("BALLAST_TEST_SEED=" + std::to_string(Seed()) + ", instance " + std::to_string(i));
    RandomShape shape = SmallShape(random);
    shape.speeds = random.Below(2) == 0;
    const Instance in = RandomInstance(shape, random);
    const SplitResult result = MinMaxSplit(in.input());
    const double best = BruteForce(in);
    ASSERT_NEAR(result.value, best, kRelative * best);
    ExpectSharesReachTheValue(in, result);
    if (best > 0) ExpectProofHolds(in, result);
  }
}

// Sums that mix large and small loads must not spoil what is promised for the small.
TEST(SplitFlowTest, KeepsItsPromisesOverWideRangesOfLoadAndSpeed) {
  Random random(Seed());
  for (int i = 0; i < 10000; ++i) {
    SCOPED_TRACE("BALLAST_TEST_SEED=" + std::to_string(Seed()) + ", instance " + std::to_string(i));
    RandomShape shape = SmallShape(random);
    shape.speeds = true;
    shape.wide = true;
    const Instance in = RandomInstance(shape, random);
    const SplitResult result = MinMaxSplit(in.input());
    ExpectSharesReachTheValue(in, result);
    if (result.value > 0) ExpectProofHolds(in, result);
  }
}

TEST(SplitFlowTest, ProofMatchesSharesOnLargePlacements) {
  constexpr RandomShape kShapes[] = {
      {256, 128, 3, false, false}, {256, 128, 3, true, false}, {256, 32, 9, true, false},
      {32, 16, 3, false, false},   {512, 512, 2, true, false}, {64, 256, 1, true, false},
  };
  Random random(Seed());
  for (const RandomShape& shape : kShapes) {
    for (int i = 0; i < 10; ++i) {
      SCOPED_TRACE("BALLAST_TEST_SEED=" + std::to_string(Seed()) + ", ranks " +
                   std::to_string(shape.ranks) + ", instance " + std::to_string(i));
      const Instance in = RandomInstance(shape, random);
      const SplitResult result = MinMaxSplit(in.input());
      ExpectSharesReachTheValue(in, result);
      ExpectProofHolds(in, result);
    }
  }
}

TEST(SplitFlowTest, TheSameInputGivesTheSameBits) {
  Random random(Seed());
  const Instance in = RandomInstance({256, 128, 3, true, false}, random);
  const SplitResult first = MinMaxSplit(in.input());
  const SplitResult second = MinMaxSplit(in.input());
  EXPECT_EQ(first.value, second.value);
  EXPECT_EQ(first.share, second.share);
}

TEST(SplitFlowTest, DoublingAllLoadsDoublesTheValueAndKeepsTheShares) {
  Random random(Seed());
  Instance in = RandomInstance({256, 128, 3, true, false}, random);
  const SplitResult once = MinMaxSplit(in.input());
  for (double& load : in.load) load *= 2;
  const SplitResult twice = MinMaxSplit(in.input());
  EXPECT_EQ(twice.value, 2 * once.value);
  EXPECT_EQ(twice.share, once.share);
}

}  // namespace
}  // namespace ballast
