#include "core/replay/trace_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/trace/random_trace.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;

// Keeps its steps in memory.
class FakeTraceReader final : public TraceReader {
 public:
  explicit FakeTraceReader(std::vector<TraceStep> steps) : steps_(std::move(steps)) {
    info_ = SmallTraceInfo();
    info_.num_steps = static_cast<int>(steps_.size());
  }
  const TraceInfo& info() const override { return info_; }
  absl::StatusOr<TraceStep> Read(int step) const override {
    if (step < 0 || step >= info_.num_steps) return absl::OutOfRangeError("no such step");
    return steps_[step];
  }

 private:
  TraceInfo info_;
  std::vector<TraceStep> steps_;
};

std::vector<TraceStep> ThreeSteps() {
  Random random(TestSeed());
  std::vector<TraceStep> steps;
  for (int i = 0; i < 3; ++i) steps.push_back(RandomStep(SmallTraceInfo(), 20, random));
  return steps;
}

TEST(TraceSourceTest, RepeatsTheTraceWithoutEnd) {
  const std::vector<TraceStep> steps = ThreeSteps();
  auto source = TraceSource::Create(std::make_unique<FakeTraceReader>(steps));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->num_request_slots(), 5);
  EXPECT_EQ((*source)->shape(), SmallTraceInfo().shape);
  for (std::uint64_t step : {0, 1, 2, 3, 4, 300}) {
    EXPECT_EQ(*(*source)->TokensOfStep(step), steps[step % 3]) << step;
  }
  EXPECT_EQ(*(*source)->TokensOfStep(~std::uint64_t{0}), steps[~std::uint64_t{0} % 3]);
}

TEST(TraceSourceTest, SlotRangesSplitAStepWithoutLossOrDoubles) {
  const std::vector<TraceStep> steps = ThreeSteps();
  auto source = TraceSource::Create(std::make_unique<FakeTraceReader>(steps));
  ASSERT_TRUE(source.ok());
  int tokens = 0;
  for (const RequestSlots slots : {RequestSlots{0, 2}, RequestSlots{2, 1}, RequestSlots{3, 2}}) {
    auto part = (*source)->TokensOfStep(1, slots);
    ASSERT_TRUE(part.ok()) << part.status();
    int next = 0;  // Of the part, in the order of the step.
    for (int token = 0; token < steps[1].num_tokens(); ++token) {
      const int slot = steps[1].request_slot[token];
      if (slot < slots.first || slot >= slots.first + slots.count) continue;
      ASSERT_LT(next, part->num_tokens());
      EXPECT_EQ(part->request_slot[next], slot);
      for (int pick = 0; pick < 6; ++pick) {
        EXPECT_EQ(part->experts[next * 6 + pick], steps[1].experts[token * 6 + pick]);
      }
      ++next;
    }
    EXPECT_EQ(part->num_tokens(), next);
    tokens += next;
  }
  EXPECT_EQ(tokens, steps[1].num_tokens());
}

TEST(TraceSourceTest, NamesSlotsOutOfRange) {
  auto source = TraceSource::Create(std::make_unique<FakeTraceReader>(ThreeSteps()));
  ASSERT_TRUE(source.ok());
  for (const RequestSlots slots :
       {RequestSlots{-1, 2}, RequestSlots{0, 6}, RequestSlots{5, 1}, RequestSlots{0, -1}}) {
    EXPECT_EQ((*source)->TokensOfStep(0, slots).status().code(), absl::StatusCode::kOutOfRange);
  }
  EXPECT_THAT(std::string((*source)->TokensOfStep(0, {4, 2}).status().message()),
              HasSubstr("request slots [4, +2) out of [0, 5)"));
}

TEST(TraceSourceTest, RefusesAnEmptyTrace) {
  EXPECT_EQ(TraceSource::Create(std::make_unique<FakeTraceReader>(std::vector<TraceStep>()))
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace ballast
