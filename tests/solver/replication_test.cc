#include "core/solver/replication.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/solver/solver_instance.h"

namespace ballast {
namespace {

using testing::ElementsAre;

struct Result {
  std::vector<std::int32_t> expert_of_copy;
  std::vector<std::int32_t> replica_index;
  std::vector<std::int32_t> replica_count;
};

Result Replicate(const std::vector<float>& load, int num_copies) {
  Result result = {std::vector<std::int32_t>(num_copies), std::vector<std::int32_t>(num_copies),
                   std::vector<std::int32_t>(load.size())};
  Replication replication;
  replication.Run(load,
                  {absl::MakeSpan(result.expert_of_copy), absl::MakeSpan(result.replica_index),
                   absl::MakeSpan(result.replica_count)});
  return result;
}

// The definition: the first index of the largest load / count, again and again.
Result ReplicateNaively(const std::vector<float>& load, int num_copies) {
  Result result;
  result.replica_count.assign(load.size(), 1);
  for (int expert = 0; expert < static_cast<int>(load.size()); ++expert) {
    result.expert_of_copy.push_back(expert);
    result.replica_index.push_back(0);
  }
  while (static_cast<int>(result.expert_of_copy.size()) < num_copies) {
    int best = 0;
    for (int expert = 1; expert < static_cast<int>(load.size()); ++expert) {
      if (load[expert] / static_cast<float>(result.replica_count[expert]) >
          load[best] / static_cast<float>(result.replica_count[best])) {
        best = expert;
      }
    }
    result.expert_of_copy.push_back(best);
    result.replica_index.push_back(result.replica_count[best]++);
  }
  return result;
}

TEST(ReplicationTest, GivesEachExpertOneCopyFirst) {
  const Result result = Replicate({1, 9, 4}, 3);
  EXPECT_THAT(result.expert_of_copy, ElementsAre(0, 1, 2));
  EXPECT_THAT(result.replica_index, ElementsAre(0, 0, 0));
  EXPECT_THAT(result.replica_count, ElementsAre(1, 1, 1));
}

TEST(ReplicationTest, GivesTheNextCopyToTheLargestLoadPerCopy) {
  // 9 -> 4.5; 5 -> 2.5; 4.5 -> 3.
  const Result result = Replicate({1, 9, 5}, 6);
  EXPECT_THAT(result.expert_of_copy, ElementsAre(0, 1, 2, 1, 2, 1));
  EXPECT_THAT(result.replica_index, ElementsAre(0, 0, 0, 1, 1, 2));
}

TEST(ReplicationTest, LowestIndexWinsTies) {
  EXPECT_THAT(Replicate({4, 2, 4, 2}, 7).expert_of_copy, ElementsAre(0, 1, 2, 3, 0, 2, 0));
}

TEST(ReplicationTest, GivesAllSpareCopiesOfAnEmptyLayerToTheFirstExpert) {
  EXPECT_THAT(Replicate({0, 0, -0.0f}, 6).replica_count, ElementsAre(4, 1, 1));
}

TEST(ReplicationTest, OrdersExtremeLoads) {
  const float huge = std::numeric_limits<float>::max();
  const float tiny = std::numeric_limits<float>::denorm_min();
  EXPECT_THAT(Replicate({tiny, huge, 0}, 5).replica_count, ElementsAre(1, 3, 1));
  EXPECT_THAT(Replicate({0, tiny, 0}, 4).replica_count, ElementsAre(1, 2, 1));
}

TEST(ReplicationTest, EqualsTheDefinitionOnRandomLoadsWithTies) {
  Random random(SolverTestSeed());
  for (int instance = 0; instance < 300; ++instance) {
    SCOPED_TRACE(SeedLine(instance));
    std::vector<float> load(1 + random.Below(40));
    const std::uint64_t kinds = 1 + random.Below(50);
    for (float& value : load) value = static_cast<float>(random.Below(kinds));
    const int copies = static_cast<int>(load.size() + random.Below(80));
    const Result got = Replicate(load, copies);
    const Result expected = ReplicateNaively(load, copies);
    ASSERT_EQ(got.expert_of_copy, expected.expert_of_copy);
    ASSERT_EQ(got.replica_index, expected.replica_index);
    ASSERT_EQ(got.replica_count, expected.replica_count);
  }
}

TEST(ReplicationTest, WorksOnAfterALargerProblem) {
  Replication replication;
  std::vector<std::int32_t> copies(20);
  std::vector<std::int32_t> index(20);
  std::vector<std::int32_t> count(10);
  const std::vector<float> large = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  replication.Run(large, {absl::MakeSpan(copies), absl::MakeSpan(index), absl::MakeSpan(count)});
  const std::vector<float> small = {1, 3};
  replication.Run(small, {absl::MakeSpan(copies).first(4), absl::MakeSpan(index).first(4),
                          absl::MakeSpan(count).first(2)});
  EXPECT_THAT(absl::MakeSpan(copies).first(4), ElementsAre(0, 1, 1, 1));
}

TEST(ReplicationDeathTest, NeedsACopyForEachExpert) {
  EXPECT_DEATH(Replicate({1, 2, 3}, 2), "check failed");
}

}  // namespace
}  // namespace ballast
