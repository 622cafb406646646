#include "core/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace ballast {
namespace {

using ::testing::ElementsAre;

std::vector<std::uint64_t> Draw(std::uint64_t seed, int count) {
  Random random(seed);
  std::vector<std::uint64_t> values;
  for (int i = 0; i < count; ++i) values.push_back(random.Next());
  return values;
}

// Of the published reference implementation of splitmix64.
TEST(RandomTest, GivesTheReferenceSequence) {
  EXPECT_THAT(Draw(0, 3),
              ElementsAre(0xe220a8397b1dcdafu, 0x6e789e6aa1b965f4u, 0x06c45d188009454fu));
  EXPECT_THAT(Draw(1234567, 5),
              ElementsAre(6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                          4593380528125082431u, 16408922859458223821u));
}

TEST(RandomTest, ACopyGoesOnAlike) {
  Random random(7);
  random.Next();
  Random copy = random;
  EXPECT_EQ(copy.Next(), random.Next());
}

TEST(RandomTest, BelowStaysInItsRangeAndReachesAllOfIt) {
  Random random(42);
  std::vector<int> count(7, 0);
  for (int i = 0; i < 7000; ++i) ++count.at(random.Below(7));
  for (int c : count) EXPECT_NEAR(c, 1000, 150);  // Five standard deviations.
  EXPECT_EQ(random.Below(1), 0);
}

TEST(RandomTest, UniformLiesStrictlyBetweenZeroAndOne) {
  Random random(42);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.Uniform();
    ASSERT_GT(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.015);
}

TEST(RandomTest, UniformIsTheTop53BitsAndAHalf) {
  EXPECT_EQ(Random(0).Uniform(),
            (static_cast<double>(0xe220a8397b1dcdafu >> 11) + 0.5) / 9007199254740992.0);
}

TEST(RandomTest, NormalHasMeanZeroAndVarianceOneAndUsesTwoDraws) {
  Random random(42);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 20000; ++i) {
    const double value = random.Normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 20000, 0, 0.035);
  EXPECT_NEAR(squares / 20000, 1, 0.05);
  Random twice(42);
  for (int i = 0; i < 40000; ++i) twice.Next();
  EXPECT_EQ(twice.Next(), random.Next());
}

}  // namespace
}  // namespace ballast
