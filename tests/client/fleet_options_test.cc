#include "client/fleet/fleet_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ballast {
namespace {

using ::testing::HasSubstr;

const char kTrace[] = BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace";

FleetOptions Parse(std::vector<std::string> arguments) {
  CLI::App app;
  FleetOptions options;
  AddFleetOptions(app, options);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  return options;
}

TEST(FleetOptionsTest, ReadsTheCommandLineOfTheContract) {
  const FleetOptions options = Parse({"--daemon",   "127.0.0.1:7", "--trace",
                                      "t",          "--ranks",     "16",
                                      "--row-size", "4",           "--slots-per-rank",
                                      "3",          "--step-ms",   "5",
                                      "--steps",    "77",          "--once",
                                      "--group",    "demo",        "--mode",
                                      "threads",    "--spill",     "0",
                                      "-o",         "json",        "--report",
                                      "sent"});
  EXPECT_EQ(options.daemon, "127.0.0.1:7");
  EXPECT_EQ(options.trace, "t");
  EXPECT_EQ(options.num_ranks, 16);
  EXPECT_EQ(options.row_size, 4);
  EXPECT_EQ(options.slots_per_rank, 3);
  EXPECT_EQ(options.step_ms, 5);
  EXPECT_EQ(options.num_steps, 77u);
  EXPECT_TRUE(options.once);
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.ep_group, "demo");
  EXPECT_EQ(options.mode, FleetOptions::Mode::kThreads);
  EXPECT_EQ(options.spill_threshold, 0);
  EXPECT_EQ(options.report_form, ReportForm::kExpert);
  EXPECT_EQ(Parse({"--trace", "t"}).report_form, ReportForm::kSlot);
}

TEST(FleetOptionsTest, RefusesWhatIsOutOfRange) {
  EXPECT_THROW(Parse({}), CLI::ParseError);  // No trace.
  EXPECT_THROW(Parse({"--trace", "t", "--ranks", "0"}), CLI::ParseError);
  EXPECT_THROW(Parse({"--trace", "t", "--spill", "-1"}), CLI::ParseError);
  EXPECT_THROW(Parse({"--trace", "t", "--mode", "fibers"}), CLI::ParseError);
  EXPECT_THROW(Parse({"--trace", "t", "-o", "xml"}), CLI::ParseError);
}

TEST(FleetOptionsTest, ReadsWhenAWorkerIsToBeLost) {
  const FleetOptions at_step =
      Parse({"--trace", "t", "--kill-worker", "3@120", "--rejoin-ms", "250"});
  EXPECT_EQ(at_step.kill.rank, RankId(3));
  EXPECT_EQ(at_step.kill.moment, FleetOptions::Loss::Moment::kStep);
  EXPECT_EQ(at_step.kill.step, 120u);
  EXPECT_EQ(at_step.rejoin_ms, 250);
  const FleetOptions held = Parse({"--trace", "t", "--kill-worker", "0@held"});
  EXPECT_EQ(held.kill.rank, RankId(0));
  EXPECT_EQ(held.kill.moment, FleetOptions::Loss::Moment::kHeld);
  EXPECT_EQ(held.rejoin_ms, -1);
  const FleetOptions leave = Parse({"--trace", "t", "--leave-worker", "2@50", "--rejoin-ms", "0"});
  EXPECT_EQ(leave.leave.rank, RankId(2));
  EXPECT_EQ(leave.leave.step, 50u);
  EXPECT_THROW(Parse({"--trace", "t", "--leave-worker", "2@held"}), CLI::ParseError);
  for (const char* wrong : {"3", "3@", "@held", "3@0", "-1@held", "3@soon", "3@held@4"}) {
    EXPECT_THROW(Parse({"--trace", "t", "--kill-worker", wrong}), CLI::ParseError) << wrong;
  }
}

TEST(FleetOptionsTest, ReadsWhichRankIsToStall) {
  const FleetOptions options = Parse({"--trace", "t", "--stall-worker", "2@/tmp/a@b"});
  EXPECT_EQ(options.stall.rank, RankId(2));
  EXPECT_EQ(options.stall.file, "/tmp/a@b");
  EXPECT_FALSE(Parse({"--trace", "t"}).stall.rank.valid());
  for (const char* wrong : {"2", "2@", "@f", "-1@f", "x@f"}) {
    EXPECT_THROW(Parse({"--trace", "t", "--stall-worker", wrong}), CLI::ParseError) << wrong;
  }
}

TEST(SetUpFleetTest, OnlyProcessesOfTheFleetCanBeLost) {
  FleetOptions threads = Parse({"--trace", kTrace, "--mode", "threads", "--rejoin-ms", "10"});
  EXPECT_THAT(SetUpFleet(threads).status().message(), HasSubstr("need --mode processes"));
  FleetOptions forever = Parse({"--trace", kTrace, "--leave-worker", "3@5"});
  EXPECT_THAT(SetUpFleet(forever).status().message(), HasSubstr("needs --rejoin-ms"));
  FleetOptions stranger = Parse({"--trace", kTrace, "--kill-worker", "16@held"});
  EXPECT_THAT(SetUpFleet(stranger).status().message(), HasSubstr("rank 16 out of [0, 16)"));
  FleetOptions stalled = Parse({"--trace", kTrace, "--stall-worker", "17@f"});
  EXPECT_THAT(SetUpFleet(stalled).status().message(), HasSubstr("rank 17 out of [0, 16)"));
}

TEST(SetUpFleetTest, TakesTheTopologyOfTheTraceUnlessOneIsGiven) {
  FleetOptions options = Parse({"--trace", kTrace});
  auto recorded = SetUpFleet(options);
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  EXPECT_EQ(recorded->topology.fingerprint(), Topology::Uniform(16, 4, 3)->fingerprint());
  EXPECT_EQ(recorded->shape.num_experts, 32);
  EXPECT_EQ(recorded->num_request_slots, 64);

  options = Parse({"--trace", kTrace, "--ranks", "8", "--row-size", "2", "--slots-per-rank", "6"});
  auto given = SetUpFleet(options);
  ASSERT_TRUE(given.ok()) << given.status();
  EXPECT_EQ(given->topology.fingerprint(), Topology::Uniform(8, 2, 6)->fingerprint());
}

TEST(SetUpFleetTest, BoundsARunOnceWithoutSteps) {
  FleetOptions once = Parse({"--trace", kTrace, "--once"});
  ASSERT_TRUE(SetUpFleet(once).ok());
  EXPECT_EQ(once.num_steps, 1200u);
  FleetOptions endless = Parse({"--trace", kTrace});
  ASSERT_TRUE(SetUpFleet(endless).ok());
  EXPECT_EQ(endless.num_steps, 0u);
}

TEST(SetUpFleetTest, NamesWhatDoesNotFit) {
  const auto message = [](std::vector<std::string> arguments) {
    FleetOptions options = Parse(std::move(arguments));
    return std::string(SetUpFleet(options).status().message());
  };
  EXPECT_THAT(message({"--trace", kTrace, "--ranks", "8"}), HasSubstr("go together"));
  EXPECT_THAT(message({"--trace", "synthetic"}), HasSubstr("go together"));
  EXPECT_THAT(
      message({"--trace", kTrace, "--ranks", "4", "--row-size", "4", "--slots-per-rank", "3"}),
      HasSubstr("12 slots per layer for 32 experts"));
  EXPECT_THAT(
      message({"--trace", kTrace, "--ranks", "65", "--row-size", "5", "--slots-per-rank", "1"}),
      HasSubstr("64 request slots are fewer than 65 ranks"));
  EXPECT_THAT(message({"--trace", kTrace, "--layers", "4"}), HasSubstr("synthetic"));
  EXPECT_THAT(message({"--trace", "/no/such.trace"}), HasSubstr("no such file"));
}

TEST(SetUpFleetTest, SyntheticLoadHasTheShapeAskedFor) {
  FleetOptions options =
      Parse({"--trace", "synthetic", "--ranks", "16", "--row-size", "8", "--slots-per-rank", "18",
             "--layers", "3", "--tokens-per-rank", "5"});
  auto setup = SetUpFleet(options);
  ASSERT_TRUE(setup.ok()) << setup.status();
  EXPECT_EQ(setup->shape.num_layers, 3);
  EXPECT_EQ(setup->shape.num_experts, 256);
  EXPECT_EQ(setup->num_request_slots, 80);
  auto source = MakeRequestSource(options, *setup);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->TokensOfStep(3)->num_tokens(), 80);
}

TEST(SlotsOfSenderTest, EverySlotHasOneSender) {
  for (const int slots : {64, 67, 16}) {
    const FleetSetup setup = {ModelShape(), *Topology::Uniform(16, 4, 3), slots};
    int next = 0;
    for (int rank = 0; rank < 16; ++rank) {
      const RequestSlots own = SlotsOfSender(setup, RankId(rank));
      EXPECT_EQ(own.first, next);
      EXPECT_GE(own.count, slots / 16);
      EXPECT_LE(own.count, slots / 16 + 1);
      next += own.count;
    }
    EXPECT_EQ(next, slots);
  }
}

}  // namespace
}  // namespace ballast
