#include "core/rollout/vote.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace ballast {
namespace {

// Every value class that the encoding treats differently: the two ends that are moved,
// their neighbours, and the middle.
constexpr std::uint64_t kTop = ~std::uint64_t{0};
const std::vector<std::uint64_t> kPrefixes = {1, 2, 3, std::uint64_t{1} << 63, kTop - 2, kTop - 1};

TEST(VoteTest, NeverLooksLikeNotReady) {
  for (const std::uint64_t prefix : {std::uint64_t{0}, std::uint64_t{1}, kTop - 1, kTop}) {
    const VoteWord vote = MakeVote(prefix);
    EXPECT_NE(vote.low, 0u) << prefix;
    EXPECT_NE(vote.high, 0u) << prefix;
    EXPECT_EQ(ReadVote(vote), VoteResult::kAgreed) << prefix;
  }
}

TEST(VoteTest, MovesTheTwoExtremePrefixesByOne) {
  EXPECT_EQ(MakeVote(0), MakeVote(1));
  EXPECT_EQ(MakeVote(kTop), MakeVote(kTop - 1));
  EXPECT_NE(MakeVote(1), MakeVote(2));
}

TEST(VoteTest, DefaultVoteIsNotReady) { EXPECT_EQ(ReadVote(VoteWord{}), VoteResult::kNotReady); }

// All votes of up to four ranks over {not ready} and six prefixes, against the plain
// definition: ready if nobody is not ready, agreed if all prefixes are equal.
TEST(VoteTest, ReducesEverySmallGroupToThePlainDefinition) {
  const std::uint64_t num_choices = kPrefixes.size() + 1;
  for (int num_ranks = 1; num_ranks <= 4; ++num_ranks) {
    std::uint64_t combinations = 1;
    for (int rank = 0; rank < num_ranks; ++rank) combinations *= num_choices;
    for (std::uint64_t code = 0; code < combinations; ++code) {
      bool ready = true;
      bool equal = true;
      VoteWord reduced = {kTop, kTop};
      std::uint64_t first = 0;
      std::uint64_t rest = code;
      for (int rank = 0; rank < num_ranks; ++rank, rest /= num_choices) {
        const std::uint64_t choice = rest % num_choices;
        if (choice == 0) {
          ready = false;
          reduced = ReduceVotes(reduced, VoteWord{});
          continue;
        }
        const std::uint64_t prefix = kPrefixes[choice - 1];
        if (first == 0) first = prefix;
        equal = equal && prefix == first;
        reduced = ReduceVotes(reduced, MakeVote(prefix));
      }
      const VoteResult expected = !ready  ? VoteResult::kNotReady
                                  : equal ? VoteResult::kAgreed
                                          : VoteResult::kDisagreed;
      ASSERT_EQ(ReadVote(reduced), expected) << "ranks " << num_ranks << " code " << code;
    }
  }
}

TEST(VoteTest, ReductionIsAssociativeCommutativeAndIdempotent) {
  std::vector<VoteWord> votes = {VoteWord{}};
  for (const std::uint64_t prefix : kPrefixes) votes.push_back(MakeVote(prefix));
  for (const VoteWord& a : votes) {
    EXPECT_EQ(ReduceVotes(a, a), a);
    for (const VoteWord& b : votes) {
      EXPECT_EQ(ReduceVotes(a, b), ReduceVotes(b, a));
      for (const VoteWord& c : votes) {
        EXPECT_EQ(ReduceVotes(ReduceVotes(a, b), c), ReduceVotes(a, ReduceVotes(b, c)));
      }
    }
  }
}

TEST(VoteTest, NotReadyWinsOverDisagreement) {
  VoteWord reduced = ReduceVotes(MakeVote(7), MakeVote(9));
  EXPECT_EQ(ReadVote(reduced), VoteResult::kDisagreed);
  reduced = ReduceVotes(reduced, VoteWord{});
  EXPECT_EQ(ReadVote(reduced), VoteResult::kNotReady);
}

}  // namespace
}  // namespace ballast
