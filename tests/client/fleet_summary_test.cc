// What a fleet tells: summary, live table.
#include "client/fleet/fleet_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "client/fleet/live_table.h"
#include "tests/client/fleet_test_shapes.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FleetSummaryTest, JsonHasTheKeysOfTheContract) {
  const FleetSummary summary = {.steps = 1200,
                                .plans_activated = 5,
                                .workers = 16,
                                .imbalance_before = 2.5,
                                .imbalance_after = 1.25,
                                .moved_slots = 321,
                                .planner = "eplb"};
  const nlohmann::json expected = {{"steps", 1200},           {"plans_activated", 5},
                                   {"workers", 16},           {"imbalance_before", 2.5},
                                   {"imbalance_after", 1.25}, {"moved_slots", 321},
                                   {"planner", "eplb"}};
  EXPECT_EQ(nlohmann::json::parse(summary.Json()), expected);
  EXPECT_THAT(summary.Json(), Not(HasSubstr("\n")));
}

TEST(FleetSummaryTest, ImprovedNeedsAPlanAndABetterBalance) {
  FleetSummary summary = {.plans_activated = 1, .imbalance_before = 2, .imbalance_after = 1.9};
  EXPECT_TRUE(summary.improved());
  summary.plans_activated = 0;
  EXPECT_FALSE(summary.improved());
  summary.plans_activated = 1;
  summary.imbalance_after = 2;
  EXPECT_FALSE(summary.improved());
}

TEST(FleetSummaryTest, TextShowsBothImbalances) {
  const FleetSummary summary = {.steps = 10, .imbalance_before = 2.5, .imbalance_after = 1.25};
  EXPECT_THAT(summary.Text(), HasSubstr("2.500"));
  EXPECT_THAT(summary.Text(), HasSubstr("1.250"));
  EXPECT_THAT(summary.Text(), HasSubstr("planner unknown"));
}

TEST(LastFifthTest, AveragesTheLastFifthRoundedUp) {
  LastFifth last_fifth;
  FleetSummary summary;
  last_fifth.FillIn(&summary);
  EXPECT_EQ(summary.steps, 0u);
  EXPECT_EQ(summary.imbalance_before, 1);
  // Of 11 steps the last three count: 9, 10, 11.
  for (int step = 1; step <= 11; ++step) {
    last_fifth.Add({.imbalance_before = 1.0 * step, .imbalance_after = 2.0 * step});
  }
  last_fifth.FillIn(&summary);
  EXPECT_EQ(summary.steps, 11u);
  EXPECT_DOUBLE_EQ(summary.imbalance_before, 10);
  EXPECT_DOUBLE_EQ(summary.imbalance_after, 20);
}

TEST(LastFifthTest, IsBoundedOnALongRun) {
  LastFifth last_fifth;
  const std::uint64_t steps = 6 * LastFifth::kMaxKept;
  for (std::uint64_t step = 1; step <= steps; ++step) {
    // Only what is older than the bound would raise the mean.
    const bool old = step <= steps - LastFifth::kMaxKept;
    last_fifth.Add({.imbalance_before = old ? 9.0 : 2.0, .imbalance_after = 1});
  }
  FleetSummary summary;
  last_fifth.FillIn(&summary);
  EXPECT_EQ(summary.steps, steps);
  EXPECT_DOUBLE_EQ(summary.imbalance_before, 2);
}

TEST(TableTextTest, ShowsStepBalancePlanMovesAndWorkers) {
  const std::string text = TableText({.step = 250,
                                      .imbalance_before = 2.2348,
                                      .imbalance_after = 1.2,
                                      .plan = {7, 42},
                                      .digest_prefix = 0xffffffffc2031fa9,
                                      .moved_slots = 88,
                                      .connected = 15,
                                      .workers = 16});
  // The digest as status prints it: its first bytes, lowest first in the prefix.
  for (const char* part : {"250", "2.235", "1.200", "7.42 (a91f03c2)", "88", "15/16"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(TableTextTest, ColumnsStandUnderTheirHeadings) {
  const std::string heading = TableHeading();
  const std::string text = TableText({.step = 250, .connected = 3, .workers = 4});
  EXPECT_THAT(text, HasSubstr("initial"));
  EXPECT_EQ(heading.find("PLAN"), text.find("initial"));
  EXPECT_EQ(heading.find("WORKERS"), text.find("3/4"));
}

class LiveTableTest : public ::testing::Test {
 protected:
  LiveTableTest()
      : region_(FleetTestRegion(FleetBoard::RegionBytes(2))),
        board_(2, region_),
        out_(std::tmpfile()),
        table_(out_, 2) {}
  ~LiveTableTest() override { std::fclose(out_); }

  void AddSteps(int count) {
    for (int i = 0; i < count; ++i) {
      table_.Add({.step = ++step_, .imbalance_before = 2.0, .imbalance_after = 1.5});
    }
  }

  // All lines written so far.
  std::string Text() {
    std::rewind(out_);
    std::string text(10000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), out_));
    return text;
  }

  SharedRegion region_;
  FleetBoard board_;
  std::FILE* out_;
  LiveTable table_;
  std::uint64_t step_ = 0;
};

TEST_F(LiveTableTest, WritesALineEveryFiftyStepsIfItIsNoTerminal) {
  AddSteps(49);
  table_.Refresh(board_, absl::Seconds(10));
  EXPECT_EQ(Text(), "");
  AddSteps(1);
  table_.Refresh(board_, absl::Seconds(10));
  EXPECT_EQ(
      Text(),
      TableHeading() + "\n" +
          TableText({.step = 50, .imbalance_before = 2, .imbalance_after = 1.5, .workers = 2}) +
          "\n");
}

TEST_F(LiveTableTest, WritesAtMostOneLineASecond) {
  AddSteps(60);
  table_.Refresh(board_, absl::Seconds(10));
  const std::string first = Text();
  AddSteps(60);
  table_.Refresh(board_, absl::Seconds(10.9));
  EXPECT_EQ(Text(), first);
  table_.Refresh(board_, absl::Seconds(11));
  EXPECT_THAT(Text(), HasSubstr("      120 "));
}

TEST_F(LiveTableTest, AveragesOverTheStepsSinceTheLineBefore) {
  AddSteps(50);
  table_.Refresh(board_, absl::Seconds(1));
  for (int i = 0; i < 50; ++i) {
    table_.Add({.step = ++step_, .imbalance_before = 3.0, .imbalance_after = i < 25 ? 1.0 : 2.0});
  }
  table_.Refresh(board_, absl::Seconds(2));
  EXPECT_THAT(Text(),
              HasSubstr(TableText(
                  {.step = 100, .imbalance_before = 3, .imbalance_after = 1.5, .workers = 2})));
}

}  // namespace
}  // namespace ballast
