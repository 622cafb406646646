#include "core/model/model_shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace ballast {
namespace {

using ::testing::HasSubstr;

ModelShape DeepSeek() {
  return {.num_layers = 58,
          .num_experts = 256,
          .num_expert_groups = 8,
          .top_k = 8,
          .expert_bytes = 44'000'000};
}

TEST(ModelShapeTest, TakesPublishedModelsAndTheLimits) {
  EXPECT_EQ(CheckShape(DeepSeek()), absl::OkStatus());
  EXPECT_EQ(CheckShape({.num_layers = 1, .num_experts = 1}), absl::OkStatus());
  EXPECT_EQ(CheckShape({.num_layers = kMaxLayers,
                        .num_experts = kMaxExperts,
                        .num_expert_groups = kMaxExperts,
                        .top_k = kMaxExperts}),
            absl::OkStatus());
}

TEST(ModelShapeTest, ExpertGroupsNeedNotDivideTheExperts) {
  ModelShape shape = DeepSeek();
  shape.num_expert_groups = 7;
  EXPECT_EQ(CheckShape(shape), absl::OkStatus());
}

TEST(ModelShapeTest, RefusesAFieldOutOfItsRangeAndNamesIt) {
  struct Case {
    std::function<void(ModelShape&)> spoil;
    std::string message;
  };
  const Case cases[] = {
      {[](ModelShape& s) { s.num_layers = 0; }, "layers 0 is not in [1, 512]"},
      {[](ModelShape& s) { s.num_layers = 513; }, "layers 513 is not in [1, 512]"},
      {[](ModelShape& s) { s.num_experts = 0; }, "experts 0 is not in [1, 4096]"},
      {[](ModelShape& s) { s.num_experts = 4097; }, "experts 4097 is not in [1, 4096]"},
      {[](ModelShape& s) { s.num_expert_groups = 0; }, "expert_groups 0 is not in [1, 256]"},
      {[](ModelShape& s) { s.num_expert_groups = 257; }, "expert_groups 257 is not in [1, 256]"},
      {[](ModelShape& s) { s.top_k = 0; }, "top_k 0 is not in [1, 256]"},
      {[](ModelShape& s) { s.top_k = 257; }, "top_k 257 is not in [1, 256]"},
      {[](ModelShape& s) { s.expert_bytes = -1; }, "expert_bytes -1 is not in [0, "},
      {[](ModelShape& s) { s.expert_bytes = (std::int64_t{1} << 40) + 1; },
       "expert_bytes 1099511627777 is not in [0, 1099511627776]"},
  };
  for (const Case& bad : cases) {
    ModelShape shape = DeepSeek();
    bad.spoil(shape);
    const absl::Status status = CheckShape(shape);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message));
  }
}

}  // namespace
}  // namespace ballast
