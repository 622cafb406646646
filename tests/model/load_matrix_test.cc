#include "core/model/load_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace ballast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LoadMatrixTest, IsRowMajorAndBeginsWithZeros) {
  LoadMatrix load(2, 3);
  EXPECT_THAT(load.values(), ElementsAre(0, 0, 0, 0, 0, 0));
  load.Set(LayerId(1), ExpertId(0), 4);
  load.Add(LayerId(1), ExpertId(0), 1);
  load.Add(LayerId(0), ExpertId(2), 2);
  EXPECT_THAT(load.values(), ElementsAre(0, 0, 2, 5, 0, 0));
  EXPECT_THAT(load.layer(LayerId(1)), ElementsAre(5, 0, 0));
  EXPECT_EQ(load.at(LayerId(0), ExpertId(2)), 2);
}

TEST(LoadMatrixTest, TakesZeroNegativeZeroAndTheLargestFloat) {
  LoadMatrix load(1, 3);
  load.Set(LayerId(0), ExpertId(1), -0.0);
  load.Set(LayerId(0), ExpertId(2), std::numeric_limits<float>::max());
  EXPECT_EQ(CheckLoad(load), absl::OkStatus());
}

TEST(LoadMatrixTest, RefusesABadValueAndNamesLayerExpertAndValue) {
  struct Case {
    double value;
    std::string message;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const Case cases[] = {
      {std::nan(""), "layer 1, expert 2: weight nan is not a number"},
      {infinity, "layer 1, expert 2: weight inf is infinite"},
      {-infinity, "layer 1, expert 2: weight -inf is infinite"},
      {-1.5, "layer 1, expert 2: weight -1.5 is negative"},
      {1e39, "layer 1, expert 2: weight 1e+39 is above the largest float32"},
  };
  for (const Case& bad : cases) {
    LoadMatrix load(2, 3);
    load.Set(LayerId(1), ExpertId(2), bad.value);
    const absl::Status status = CheckLoad(load);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message));
  }
}

}  // namespace
}  // namespace ballast
