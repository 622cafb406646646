#include "core/solver/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/solver/solver_instance.h"

namespace ballast {
namespace {

using testing::ElementsAre;

// Expert 0 (load 10) on both ranks and twice on rank 0, expert 1 (load 2) on rank 1.
struct SkewedPlan {
  LoadMatrix load = LoadOf({{10, 2}});
  ModelShape shape = ShapeOf(load);
  Topology topology = UniformFleet(2, 2, 2);
  PlacementPlan plan = PlanOf(shape, topology, {0, 0, 0, 1});
};

TEST(LayerSplitTest, CountsEqualSharesPerSlot) {
  const SkewedPlan skewed;
  const LayerSplit split =
      SplitLayer(skewed.topology, skewed.load.layer(LayerId(0)), skewed.plan.experts(LayerId(0)));
  EXPECT_DOUBLE_EQ(split.equal_value, 20.0 / 3);
  EXPECT_DOUBLE_EQ(split.equal_share[0], 1.0 / 3);
  EXPECT_DOUBLE_EQ(split.equal_share[3], 1.0);
}

TEST(LayerSplitTest, FindsTheBestSplit) {
  const SkewedPlan skewed;
  const LayerSplit split =
      SplitLayer(skewed.topology, skewed.load.layer(LayerId(0)), skewed.plan.experts(LayerId(0)));
  EXPECT_NEAR(split.best_value, 6, 1e-9);
  EXPECT_EQ(split.value(SplitRule::kBest), split.best_value);
  EXPECT_EQ(split.value(SplitRule::kEqual), split.equal_value);
  EXPECT_EQ(&split.share(SplitRule::kBest), &split.best.share);
}

TEST(CertificateTest, TellsValueBoundAndGapUnderEqualShares) {
  const SkewedPlan skewed;
  const Certificate certificate =
      CertifyPlan(skewed.topology, skewed.load, SplitRule::kEqual, skewed.plan);
  ASSERT_EQ(certificate.per_layer.size(), 1u);
  const LayerCertificate& layer = certificate.per_layer[0];
  EXPECT_DOUBLE_EQ(*layer.value, 20.0 / 3);
  EXPECT_DOUBLE_EQ(layer.lower_bound, 6);
  EXPECT_NEAR(*layer.gap, 1.0 / 9, 1e-12);
  EXPECT_EQ(layer.bound, "mean");
  EXPECT_NEAR(*layer.split_bound, 6, 1e-9);
}

TEST(CertificateTest, HasNoGapWhereTheBestSplitMeetsTheBound) {
  const SkewedPlan skewed;
  const Certificate certificate =
      CertifyPlan(skewed.topology, skewed.load, SplitRule::kBest, skewed.plan);
  EXPECT_NEAR(*certificate.per_layer[0].value, 6, 1e-9);
  EXPECT_NEAR(*certificate.per_layer[0].gap, 0, 1e-9);
}

TEST(CertificateTest, ProvesTheSplitByTwoSums) {
  // Expert 0 has no replica on rank 1: rank 0 carries 10, whatever the router does.
  const LoadMatrix load = LoadOf({{10, 2, 0}});
  const Topology topology = UniformFleet(2, 2, 2);
  const PlacementPlan plan = PlanOf(ShapeOf(load), topology, {0, 2, 1, 2});
  const Certificate certificate = CertifyPlan(topology, load, SplitRule::kEqual, plan);
  const BoundProof& proof = *certificate.per_layer[0].split_proof;
  EXPECT_THAT(proof.experts, ElementsAre(ExpertId(0)));
  EXPECT_THAT(proof.ranks, ElementsAre(RankId(0)));
  EXPECT_DOUBLE_EQ(proof.load / proof.capacity, 10);
  EXPECT_DOUBLE_EQ(*certificate.per_layer[0].split_bound, 10);
}

TEST(CertificateTest, SumsOverLayers) {
  const LoadMatrix load = LoadOf({{10, 2}, {3, 1}});
  const Topology topology = UniformFleet(2, 2, 2);
  const PlacementPlan plan = PlanOf(ShapeOf(load), topology, {0, 0, 0, 1, 0, 1, 0, 1});
  const Certificate certificate = CertifyPlan(topology, load, SplitRule::kEqual, plan);
  EXPECT_DOUBLE_EQ(*certificate.value, 20.0 / 3 + 2);
  EXPECT_DOUBLE_EQ(certificate.lower_bound, 8);
  EXPECT_NEAR(*certificate.gap, (20.0 / 3 + 2) / 8 - 1, 1e-12);
}

TEST(CertificateTest, HasNoGapWithoutLoad) {
  const LoadMatrix load = LoadOf({{0, 0}});
  const Topology topology = UniformFleet(2, 2, 1);
  const PlacementPlan plan = PlanOf(ShapeOf(load), topology, {0, 1});
  const Certificate certificate = CertifyPlan(topology, load, SplitRule::kEqual, plan);
  EXPECT_EQ(*certificate.value, 0);
  EXPECT_EQ(*certificate.gap, 0);
  EXPECT_EQ(*certificate.per_layer[0].gap, 0);
  EXPECT_EQ(*certificate.per_layer[0].split_bound, 0);
  EXPECT_EQ(certificate.per_layer[0].split_proof->capacity, 2);
}

TEST(CertificateTest, HasBoundsOnlyWithoutAPlan) {
  const SkewedPlan skewed;
  const Certificate certificate = CertifyBounds(skewed.topology, skewed.load, SplitRule::kEqual);
  EXPECT_DOUBLE_EQ(certificate.lower_bound, 6);
  EXPECT_FALSE(certificate.value.has_value());
  EXPECT_FALSE(certificate.gap.has_value());
  EXPECT_FALSE(certificate.per_layer[0].value.has_value());
  EXPECT_FALSE(certificate.per_layer[0].split_bound.has_value());
  EXPECT_FALSE(certificate.per_layer[0].split_proof.has_value());
}

}  // namespace
}  // namespace ballast
