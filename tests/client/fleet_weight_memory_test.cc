#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/fleet/weight_memory.h"
#include "client/worker/move_list.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "tests/base/temp_folder.h"
#include "tests/client/fleet_test_shapes.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;

class WeightMemoryTest : public ::testing::Test {
 protected:
  WeightMemoryTest()
      : region_(FleetTestRegion(WeightMemory::RegionBytes(3, topology_))),
        memory_(3, topology_, region_) {
    memory_.LoadAll(initial_);
  }

  // A random plan with every expert at least once in each layer.
  PlacementPlan RandomPlan(Random& random) const {
    PlacementPlan plan = initial_;
    for (int layer = 0; layer < 3; ++layer) {
      const auto begin = plan.expert_in_slot.begin() + layer * 12;
      for (int slot = 8; slot < 12; ++slot) {
        begin[slot] = ExpertId(static_cast<int>(random.Below(8)));
      }
      for (std::size_t i = 12; i > 1; --i) std::swap(begin[i - 1], begin[random.Below(i)]);
    }
    SetEqualShares(shape_, plan);
    return plan;
  }

  StageRequest RequestOf(RankId rank, const PlacementPlan& from, const PlacementPlan& to) const {
    return {.plan = {}, .expert_bytes = 1000, .moves = MovesOfRank(topology_, rank, from, to)};
  }

  void ExpectHolds(const PlacementPlan& plan) {
    for (int layer = 0; layer < 3; ++layer) {
      for (int slot = 0; slot < 12; ++slot) {
        ASSERT_EQ(
            WeightMemory::ExpertIn(LayerId(layer), memory_.slot(LayerId(layer), SlotId(slot))),
            plan.experts(LayerId(layer))[slot])
            << "layer " << layer << ", slot " << slot;
      }
    }
  }

  const ModelShape shape_ = FleetTestShape();
  const Topology topology_ = FleetTestTopology();
  const PlacementPlan initial_ = InitialPlan(shape_, topology_);
  SharedRegion region_;
  WeightMemory memory_;
};

TEST_F(WeightMemoryTest, BeginsWithTheExpertsOfThePlan) { ExpectHolds(initial_); }

TEST_F(WeightMemoryTest, ABlockTellsItsExpertAndLayer) {
  const WeightBlock block = WeightMemory::BlockOf(LayerId(1), ExpertId(5));
  EXPECT_EQ(WeightMemory::ExpertIn(LayerId(1), block), ExpertId(5));
  EXPECT_FALSE(WeightMemory::ExpertIn(LayerId(2), block).valid());
}

TEST_F(WeightMemoryTest, AHalfCopiedBlockIsNobodys) {
  const WeightBlock old_block = WeightMemory::BlockOf(LayerId(0), ExpertId(2));
  WeightBlock block = WeightMemory::BlockOf(LayerId(0), ExpertId(3));
  for (std::size_t i = 1; i < block.size(); ++i) {
    WeightBlock half = block;
    std::copy(old_block.begin() + static_cast<std::ptrdiff_t>(i), old_block.end(),
              half.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(WeightMemory::ExpertIn(LayerId(0), half).valid()) << i;
  }
}

TEST_F(WeightMemoryTest, LoadersOfAllRanksBringTheMemoryFromPlanToPlan) {
  SCOPED_TRACE(testing::Message() << "BALLAST_TEST_SEED=" << FleetTestSeed());
  Random random(FleetTestSeed());
  std::vector<std::unique_ptr<MemoryWeightLoader>> loaders;
  for (int rank = 0; rank < 4; ++rank) {
    loaders.push_back(std::make_unique<MemoryWeightLoader>(memory_));
  }
  PlacementPlan plan = initial_;
  std::uint64_t changes = 0;
  for (int round = 0; round < 30; ++round) {
    const PlacementPlan next = RandomPlan(random);
    for (int rank = 0; rank < 4; ++rank) {
      StageControl control;
      const StageRequest request = RequestOf(RankId(rank), plan, next);
      EXPECT_FALSE(loaders[rank]->Stage(request, control).has_value());
    }
    ExpectHolds(plan);  // Staging touches no slot.
    for (const auto& loader : loaders) loader->Activate(PlanId());
    ExpectHolds(next);
    for (const auto& loader : loaders) loader->Retire(PlanId());
    changes += Diff(plan, next).size();
    plan = next;
  }
  std::uint64_t moved = 0;
  for (const auto& loader : loaders) moved += loader->moved_slots();
  EXPECT_EQ(moved, changes);
}

TEST_F(WeightMemoryTest, ReportsTheBytesItStages) {
  MemoryWeightLoader loader(memory_);
  StageControl control;
  StageRequest request;
  request.expert_bytes = 1000;
  request.moves = {{.layer = LayerId(0),
                    .slot = SlotId(0),
                    .expert = ExpertId(5),
                    .overwrites = ExpertId(0),
                    .source = SlotId(5),
                    .source_rank = RankId(1)},
                   {.layer = LayerId(1),
                    .slot = SlotId(1),
                    .expert = ExpertId(0),
                    .overwrites = ExpertId(1),
                    .source = SlotId(0),
                    .source_rank = RankId(0),
                    .through_staging = false}};
  EXPECT_FALSE(loader.Stage(request, control).has_value());
  EXPECT_EQ(control.bytes(), 1000u);  // The second is copied in place, at the switch.
}

// Also when nobody wants the plan any more: it hangs.
TEST_F(WeightMemoryTest, ALoadDoesNotEndWhileTheStallFileExists) {
  const TempFolder folder("stall");
  const std::string file = folder.File("stall");
  std::ofstream(file) << "here";
  MemoryWeightLoader loader(memory_, file);
  StageControl control;
  control.Cancel();
  absl::Mutex mutex;
  bool ended = false;
  std::thread load([&] {
    loader.Stage({}, control);
    absl::MutexLock lock(&mutex);
    ended = true;
  });
  {
    absl::MutexLock lock(&mutex);
    // Long enough for one that does not wait.
    EXPECT_FALSE(RealClock().WaitUntil(mutex, absl::Condition(&ended),
                                       RealClock().Uptime() + absl::Milliseconds(100)));
  }
  std::filesystem::remove(file);
  load.join();
}

TEST_F(WeightMemoryTest, RefusesASourceThatHoldsAnotherExpert) {
  MemoryWeightLoader loader(memory_);
  StageControl control;
  StageRequest request;
  request.moves = {{.layer = LayerId(2),
                    .slot = SlotId(0),
                    .expert = ExpertId(5),
                    .overwrites = ExpertId(0),
                    .source = SlotId(6),
                    .source_rank = RankId(2)}};
  const auto nack = loader.Stage(request, control);
  ASSERT_TRUE(nack.has_value());
  EXPECT_EQ(nack->code, NackCode::kWeightSourceMissing);
  EXPECT_THAT(nack->detail, HasSubstr("layer 2, slot 0: source slot 6 of rank 2 holds expert 6"));
}

TEST_F(WeightMemoryTest, AMoveWithoutASourceIsLoadedAsFromDisk) {
  MemoryWeightLoader loader(memory_);
  StageRequest request;
  request.moves = {{LayerId(1), SlotId(2), ExpertId(7), ExpertId(2), SlotId(), RankId(), true}};
  StageControl control;
  EXPECT_FALSE(loader.Stage(request, control).has_value());
  loader.Activate(PlanId{});
  EXPECT_EQ(WeightMemory::ExpertIn(LayerId(1), memory_.slot(LayerId(1), SlotId(2))), ExpertId(7));
}

TEST_F(WeightMemoryTest, TheSlotsOfALostRankHoldNothingUntilItLoadsThem) {
  memory_.Wipe({SlotId(3), 3});
  for (int slot = 0; slot < 12; ++slot) {
    const ExpertId held =
        WeightMemory::ExpertIn(LayerId(2), memory_.slot(LayerId(2), SlotId(slot)));
    EXPECT_EQ(held.valid(), slot < 3 || slot > 5) << slot;
  }
  memory_.LoadRank(initial_, {SlotId(3), 3});
  ExpectHolds(initial_);
}

TEST_F(WeightMemoryTest, ADroppedPlanMovesNothing) {
  Random random(FleetTestSeed());
  MemoryWeightLoader loader(memory_);
  StageControl control;
  EXPECT_FALSE(loader.Stage(RequestOf(RankId(0), initial_, RandomPlan(random)), control));
  loader.Drop(PlanId());
  loader.Activate(PlanId());
  ExpectHolds(initial_);
  EXPECT_EQ(loader.moved_slots(), 0u);
}

TEST_F(WeightMemoryTest, StopsWhenItIsCancelled) {
  Random random(FleetTestSeed());
  MemoryWeightLoader loader(memory_);
  StageControl control;
  control.Cancel();
  EXPECT_TRUE(loader.Stage(RequestOf(RankId(0), initial_, RandomPlan(random)), control));
  EXPECT_EQ(control.bytes(), 0u);
}

}  // namespace
}  // namespace ballast
