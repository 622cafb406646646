// Goal: the digest of a solve's input changes with everything a plan may depend on, and
// with nothing else.
#include "core/solver/input_digest.h"

#include <gtest/gtest.h>

#include <set>

#include "core/base/fingerprint.h"

namespace ballast {
namespace {

struct Input {
  Input() {
    shape.num_layers = 2;
    shape.num_experts = 4;
    shape.top_k = 1;
    shape.expert_bytes = 1000;
    load = LoadMatrix(2, 4);
    load.Set(LayerId(1), ExpertId(3), 7.5);
    current = InitialPlan(shape, topology);
  }

  Digest digest(absl::string_view planner = "eplb") const {
    return PlanInputDigest(planner, {shape, topology, load, &current, options});
  }

  ModelShape shape;
  Topology topology = *Topology::Uniform(4, 2, 2);
  LoadMatrix load;
  PlacementPlan current;
  PlannerOptions options;
};

TEST(InputDigestTest, EqualInputsHaveEqualDigests) {
  EXPECT_EQ(Input().digest(), Input().digest());
}

TEST(InputDigestTest, DiffersInEverythingThatAPlanMayDependOn) {
  std::set<Digest> digests = {Input().digest(), Input().digest("other")};
  const auto with = [&digests](auto change) {
    Input input;
    change(input);
    digests.insert(input.digest());
  };
  with([](Input& input) { input.shape.expert_bytes = 1001; });
  with([](Input& input) { input.shape.top_k = 2; });
  with([](Input& input) { input.topology = *Topology::Uniform(4, 4, 2); });
  with([](Input& input) { input.load.Set(LayerId(1), ExpertId(3), 7.25); });
  with([](Input& input) { input.load.Set(LayerId(0), ExpertId(0), 1e-300); });
  with([](Input& input) {
    std::swap(input.current.expert_in_slot[0], input.current.expert_in_slot[2]);
  });
  with([](Input& input) { input.options.policy = EplbPolicy::kGlobal; });
  with([](Input& input) { input.options.ties = TieOrder::kLibstdcxx; });
  with([](Input& input) { input.options.seed = 1; });
  const Input input;
  digests.insert(
      PlanInputDigest("eplb", {input.shape, input.topology, input.load, nullptr, input.options}));
  EXPECT_EQ(digests.size(), 12);
}

TEST(InputDigestTest, IsWhatItWas) {
  EXPECT_EQ(DigestHex(Input().digest(), 8), "5473bba2ec36e3a7");
}

}  // namespace
}  // namespace ballast
