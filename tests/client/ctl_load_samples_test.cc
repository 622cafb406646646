// Goal: rows of counters from outside become cumulative samples, and bad rows are named.
// Method: small texts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/ctl/load_samples.h"

namespace ballast::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Outcome {
  std::vector<LoadSample> samples;
  std::optional<CtlError> error;
};

// One layer of three experts.
Outcome Read(const std::string& text, std::optional<std::uint64_t> since = std::nullopt) {
  std::istringstream in(text);
  LoadSampleReader reader(in, {1, 3}, since);
  Outcome outcome;
  while (true) {
    std::optional<LoadSample> sample;
    outcome.error = reader.Next(&sample);
    if (outcome.error.has_value() || !sample.has_value()) return outcome;
    outcome.samples.push_back(*std::move(sample));
  }
}

TEST(LoadSampleReaderTest, PicksAddUp) {
  const Outcome read = Read("expert,step,layer,picks\n0,10,0,5\n2,10,0,7\n\n0,20,0,1\n", 5);
  ASSERT_FALSE(read.error.has_value()) << read.error->message;
  ASSERT_EQ(read.samples.size(), 2u);
  EXPECT_THAT(read.samples[0].picks, ElementsAre(5, 0, 7));
  EXPECT_EQ(read.samples[0].step_first, 6u);
  EXPECT_EQ(read.samples[0].step_last, 10u);
  EXPECT_FALSE(read.samples[0].begins);
  EXPECT_THAT(read.samples[1].picks, ElementsAre(6, 0, 7));
  EXPECT_EQ(read.samples[1].step_first, 6u);
}

TEST(LoadSampleReaderTest, WithoutSinceStepTheFirstPicksMarkTheBeginning) {
  const Outcome read = Read("step,layer,expert,picks\n10,0,0,5\n20,0,0,1\n");
  ASSERT_EQ(read.samples.size(), 2u);
  EXPECT_TRUE(read.samples[0].begins);
  EXPECT_EQ(read.samples[0].step_first, 11u);
  EXPECT_EQ(read.samples[0].step_last, 10u);
  EXPECT_THAT(read.samples[0].picks, ElementsAre(0, 0, 0));
  EXPECT_THAT(read.samples[1].picks, ElementsAre(1, 0, 0));
}

TEST(LoadSampleReaderTest, MeansAreTakenTimesTheirSteps) {
  const Outcome read =
      Read("step,layer,expert,picks_per_step\r\n10,0,0,0.25\r\n10,0,1,2\r\n14,0,0,0.25\r\n");
  ASSERT_EQ(read.samples.size(), 2u);
  EXPECT_EQ(read.samples[0].step_first, 1u);
  EXPECT_THAT(read.samples[0].picks, ElementsAre(3, 20, 0));
  EXPECT_THAT(read.samples[1].picks, ElementsAre(4, 20, 0));  // 3.5: nothing is rounded twice.
}

TEST(LoadSampleReaderTest, TotalsCountFromTheFirstOrFromSinceStep) {
  const std::string text =
      "{\"step\":10,\"layer\":0,\"expert\":0,\"picks_total\":50,\"time\":1.5}\n"
      "{\"step\":20,\"layer\":0,\"expert\":1,\"picks_total\":4}\n";
  const Outcome since_first = Read(text);
  ASSERT_EQ(since_first.samples.size(), 2u);
  EXPECT_TRUE(since_first.samples[0].begins);
  EXPECT_EQ(since_first.samples[0].time, 1.5);
  EXPECT_FALSE(since_first.samples[1].time.has_value());
  EXPECT_THAT(since_first.samples[1].picks, ElementsAre(0, 4, 0));
  const Outcome since_zero = Read(text, 0);
  EXPECT_THAT(since_zero.samples[0].picks, ElementsAre(50, 0, 0));
  EXPECT_THAT(since_zero.samples[1].picks, ElementsAre(50, 4, 0));
}

TEST(LoadSampleReaderTest, ASampleIsReadAsSoonAsTheNextBegins) {
  std::istringstream in("step,layer,expert,picks\n10,0,0,5\n20,0,0,1\n20,0,nonsense");
  LoadSampleReader reader(in, {1, 3}, 0);
  std::optional<LoadSample> sample;
  EXPECT_FALSE(reader.Next(&sample).has_value());
  ASSERT_TRUE(sample.has_value());
  EXPECT_EQ(sample->step_last, 10u);
}

TEST(LoadSampleReaderTest, NothingIsNoSample) {
  EXPECT_TRUE(Read("").samples.empty());
  EXPECT_TRUE(Read("step,layer,expert,picks\n").samples.empty());
  EXPECT_FALSE(Read("").error.has_value());
}

TEST(LoadSampleReaderTest, NamesWhatIsWrongWithTheForm) {
  const std::pair<const char*, const char*> kCases[] = {
      {"step,layer,expret,picks\n",
       "line 1: the header names column 'expret'; did you mean expert"},
      {"step,layer,picks\n", "line 1: the header has no column expert"},
      {"step,layer,expert\n", "line 1: the header has none of picks"},
      {"step,layer,expert,picks,picks_total\n", "line 1: picks_total beside another column"},
      {"step,step,layer,expert,picks\n", "line 1: column step stands twice"},
      {"step,layer,expert,picks\n1,2,3\n", "line 2: 3 cells, the header has 4"},
      {"step,layer,expert,picks\n1,0,0,many\n", "line 2: picks 'many' is no number"},
      {"{\"step\":1\n", "line 1: is no JSON object"},
      {"{\"step\":1,\"layer\":0,\"expert\":0}\n", "line 1: has none of picks"},
      {"{\"step\":1,\"layer\":0,\"picks\":0}\n", "line 1: has no expert"},
      {"{\"stpe\":1}\n", "line 1: unknown key \"stpe\"; did you mean \"step\"?"},
      {"{\"step\":\"1\"}\n", "line 1: step is no number"},
  };
  for (const auto& [text, message] : kCases) {
    const Outcome read = Read(text);
    ASSERT_TRUE(read.error.has_value()) << text;
    EXPECT_EQ(read.error->exit_code, kExitUsage) << text;
    EXPECT_THAT(read.error->message, HasSubstr(message));
  }
}

TEST(LoadSampleReaderTest, NamesWhatIsWrongWithTheValues) {
  const std::pair<const char*, const char*> kCases[] = {
      {"1,1,0,5\n", "line 2: layer 1 out of [0, 1)"},
      {"1,0,3,5\n", "line 2: layer 0: expert 3 out of [0, 3)"},
      {"1,0,-1,5\n", "line 2: expert -1 is no whole number"},
      {"1.5,0,0,5\n", "line 2: step 1.5 is no whole number"},
      {"1,0,0,-5\n", "line 2: layer 0, expert 0: picks -5"},
      {"1,0,0,nan\n", "line 2: layer 0, expert 0: picks nan"},
      {"1,0,0,0.5\n", "line 2: layer 0, expert 0: picks 0.5 are no whole number"},
      {"1,0,0,1e300\n", "line 2: layer 0, expert 0: picks 1e+300 are not in [0, 2^53]"},
      {"1,0,0,5\n1,0,0,6\n", "line 3: layer 0, expert 0 stands twice in step 1"},
      {"2,0,0,5\n1,0,0,6\n", "line 3: step 1 after step 2; steps must rise"},
      {"0,0,0,5\n", "step 0 is not after --since-step 0"},
  };
  for (const auto& [rows, message] : kCases) {
    const Outcome read = Read(std::string("step,layer,expert,picks\n") + rows, 0);
    ASSERT_TRUE(read.error.has_value()) << rows;
    EXPECT_EQ(read.error->exit_code, kExitRefused) << rows;
    EXPECT_THAT(read.error->message, HasSubstr(message));
  }
}

TEST(LoadSampleReaderTest, ACounterThatFallsIsRefused) {
  const Outcome read = Read("step,layer,expert,picks_total\n1,0,0,5\n2,0,0,4\n");
  ASSERT_TRUE(read.error.has_value());
  EXPECT_THAT(read.error->message,
              HasSubstr("line 3: layer 0, expert 0: picks_total falls from 5 to 4"));
}

}  // namespace
}  // namespace ballast::ctl
