// Goal: the synthetic load looks like the published figures of DeepSeek-V3 and R1.
// Method: statistics over the layers of several seeds, against the figures with a tolerance.
#include "core/replay/synthetic_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "tests/trace/random_trace.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;

constexpr int kNumSeeds = 8;

std::vector<SyntheticLoad> Loads() {
  std::vector<SyntheticLoad> loads;
  for (int i = 0; i < kNumSeeds; ++i) {
    loads.emplace_back(SyntheticOptions{.seed = TestSeed() + i});
  }
  return loads;
}

double TotalVariation(absl::Span<const double> a, absl::Span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / 2;
}

double MaxOverMean(absl::Span<const double> values) {
  return *std::max_element(values.begin(), values.end()) * static_cast<double>(values.size());
}

double MeanOf(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double Correlation(absl::Span<const double> a, absl::Span<const double> b) {
  const double n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return ab / std::sqrt(aa * bb);
}

// Correlation of the rank among the loads with the index of the expert.
double Spearman(absl::Span<const double> loads) {
  std::vector<int> order(loads.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return loads[a] < loads[b]; });
  std::vector<double> ranks(loads.size());
  std::vector<double> index(loads.size());
  for (std::size_t place = 0; place < order.size(); ++place) {
    ranks[order[place]] = static_cast<double>(place);
    index[place] = static_cast<double>(place);
  }
  return Correlation(ranks, index);
}

TEST(SyntheticLoadTest, EveryLayerSumsToOneAndKeepsItsCap) {
  for (const SyntheticLoad& load : Loads()) {
    for (int layer = 0; layer < 58; ++layer) {
      const LayerId id(layer);
      for (const auto values : {load.Base(id), load.Domain(0, id), load.Domain(3, id)}) {
        ASSERT_EQ(values.size(), 256u);
        EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0), 1, 1e-9);
        EXPECT_GE(*std::min_element(values.begin(), values.end()), 0);
        EXPECT_LE(MaxOverMean(values), 15 + 1e-6);
      }
      EXPECT_LE(MaxOverMean(load.Request(1, 5, id)), 24 + 1e-6);
    }
  }
}

TEST(SyntheticLoadTest, HottestExpertsAreAsHotAsPublished) {
  std::vector<double> maxima;
  for (const SyntheticLoad& load : Loads()) {
    for (int layer = 0; layer < 58; ++layer) {
      maxima.push_back(MaxOverMean(load.Base(LayerId(layer))));
    }
  }
  std::sort(maxima.begin(), maxima.end());
  // Published: median 6, ten of 58 layers (0.17) above 10.
  EXPECT_NEAR(maxima[maxima.size() / 2], 6, 0.7);
  const auto above = maxima.end() - std::upper_bound(maxima.begin(), maxima.end(), 10.0);
  EXPECT_NEAR(static_cast<double>(above) / static_cast<double>(maxima.size()), 0.172, 0.06);
}

TEST(SyntheticLoadTest, RankedLoadsFollowThePublishedCurve) {
  std::vector<double> ranked(256);
  for (const SyntheticLoad& load : Loads()) {
    for (int layer = 0; layer < 58; ++layer) {
      const auto base = load.Base(LayerId(layer));
      std::vector<double> sorted(base.begin(), base.end());
      std::sort(sorted.begin(), sorted.end(), std::greater<>());
      for (int i = 0; i < 256; ++i) ranked[i] += sorted[i] * 256 / (58 * kNumSeeds);
    }
  }
  const std::pair<int, double> published[] = {{1, 6.8},   {2, 4.5},   {3, 4.1},   {4, 3.7},
                                              {8, 2.8},   {16, 2.2},  {32, 1.66}, {64, 1.24},
                                              {128, 0.8}, {192, 0.53}};
  for (const auto& [place, value] : published) {
    EXPECT_NEAR(ranked[place - 1], value, 0.12 * value) << "place " << place;
  }
}

TEST(SyntheticLoadTest, LoadFallsWithTheExpertIndexMostInTheFirstLayers) {
  std::vector<double> early, late;
  for (const SyntheticLoad& load : Loads()) {
    for (int layer = 0; layer < 58; ++layer) {
      (layer < 8 ? early : late).push_back(Spearman(load.Base(LayerId(layer))));
    }
  }
  EXPECT_NEAR(MeanOf(early), -0.67, 0.05);
  EXPECT_NEAR(MeanOf(late), -0.30, 0.05);
}

TEST(SyntheticLoadTest, LayersAreNearlyIndependent) {
  std::vector<double> correlations;
  for (const SyntheticLoad& load : Loads()) {
    for (int layer = 8; layer + 1 < 58; ++layer) {
      correlations.push_back(Correlation(load.Base(LayerId(layer)), load.Base(LayerId(layer + 1))));
    }
  }
  EXPECT_NEAR(MeanOf(correlations), 0.07, 0.06);
}

TEST(SyntheticLoadTest, DomainsAndRequestsDifferAsMeasured) {
  std::vector<double> domains, requests;
  for (const SyntheticLoad& load : Loads()) {
    for (int layer = 0; layer < 58; layer += 5) {
      const LayerId id(layer);
      for (int a = 0; a < 4; ++a) {
        for (int b = 0; b < a; ++b) {
          domains.push_back(TotalVariation(load.Domain(a, id), load.Domain(b, id)));
        }
        requests.push_back(TotalVariation(load.Request(a, 77, id), load.Domain(a, id)));
      }
    }
  }
  // Measured: 0.29 .. 0.44 between domains, 0.22 .. 0.28 of a request to its domain.
  EXPECT_NEAR(MeanOf(domains), 0.365, 0.06);
  const auto inside = std::count_if(domains.begin(), domains.end(),
                                    [](double tv) { return tv > 0.24 && tv < 0.49; });
  EXPECT_GT(static_cast<double>(inside), 0.95 * static_cast<double>(domains.size()));
  EXPECT_NEAR(MeanOf(requests), 0.25, 0.03);
}

TEST(SyntheticLoadTest, TheMixDriftsSlowly) {
  std::vector<double> drift;
  for (const SyntheticLoad& load : Loads()) {
    for (int layer = 0; layer < 58; layer += 9) {
      for (std::uint64_t step = 0; step < 2000; step += 250) {
        drift.push_back(TotalVariation(load.Expected(step, LayerId(layer)),
                                       load.Expected(step + 300, LayerId(layer))));
      }
    }
  }
  EXPECT_NEAR(MeanOf(drift), 0.07, 0.03);
}

TEST(SyntheticLoadTest, MixSumsToOneAndComesBackAfterItsPeriod) {
  const SyntheticLoad load(SyntheticOptions{.seed = TestSeed(), .mix_period_steps = 500});
  for (std::uint64_t step = 0; step < 500; step += 50) {
    const std::vector<double> mix = load.DomainMix(step);
    EXPECT_NEAR(std::accumulate(mix.begin(), mix.end(), 0.0), 1, 1e-12);
    EXPECT_GE(*std::min_element(mix.begin(), mix.end()), 0);
    EXPECT_EQ(mix, load.DomainMix(step + 1000));
  }
  EXPECT_NE(load.DomainMix(0), load.DomainMix(100));
}

TEST(SyntheticLoadTest, IsAFunctionOfTheSeed) {
  const SyntheticLoad one(SyntheticOptions{.seed = 4});
  const SyntheticLoad same(SyntheticOptions{.seed = 4});
  const SyntheticLoad other(SyntheticOptions{.seed = 5});
  EXPECT_EQ(one.Base(LayerId(57)), same.Base(LayerId(57)));
  EXPECT_EQ(one.Request(2, 9, LayerId(3)), same.Request(2, 9, LayerId(3)));
  EXPECT_NE(one.Base(LayerId(57)), other.Base(LayerId(57)));
  EXPECT_NE(one.Request(2, 9, LayerId(3)), one.Request(2, 10, LayerId(3)));
}

TEST(SyntheticLoadTest, CapsWhatTopKCanNotGiveOneExpert) {
  SyntheticOptions options;
  options.shape = {.num_layers = 2, .num_experts = 8, .num_expert_groups = 1, .top_k = 4};
  const SyntheticLoad load(options);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (const double value : load.Request(0, seed, LayerId(1))) {
      EXPECT_LE(value * 4, 1 + 1e-9);  // At most one pick of every token.
    }
  }
}

TEST(SyntheticLoadTest, NamesAnOptionOutOfRange) {
  EXPECT_TRUE(CheckSyntheticOptions(SyntheticOptions()).ok());
  const std::pair<SyntheticOptions, const char*> bad[] = {
      {{.shape = {.num_layers = 0}}, "layers 0"},
      {{.num_request_slots = 0}, "request slots 0"},
      {{.num_request_slots = 70000}, "request slots 70000"},
      {{.num_domains = 0}, "domains 0"},
      {{.request_steps = 0}, "steps of a request 0"},
      {{.mix_period_steps = 0}, "period of the mix 0"},
      {{.mix_amplitude = 1.5}, "amplitude of the mix 1.5"},
  };
  for (const auto& [options, text] : bad) {
    EXPECT_EQ(CheckSyntheticOptions(options).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(CheckSyntheticOptions(options).message()), HasSubstr(text));
  }
}

}  // namespace
}  // namespace ballast
