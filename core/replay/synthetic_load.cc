#include "core/replay/synthetic_load.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

// Spread of the logarithm of the loads inside a layer, measured on V3.
constexpr double kSigmaMean = 0.68;
constexpr double kSigmaDeviation = 0.12;
constexpr double kSigmaMin = 0.5;
constexpr double kSigmaMax = 1.1;

// Largest load over the mean: the hottest expert of a layer, and of one request.
constexpr double kLayerCap = 15;
constexpr double kRequestCap = 24;

// Spikes over the mean, log-uniform: one that may be the hottest expert of the layer by
// far, and up to two that may be second or third. Chosen so that the ranked loads meet
// the published ones (tests/replay/synthetic_load_test.cc).
constexpr double kFirstSpikeMin = 0.6;
constexpr double kFirstSpikeMax = 15;
constexpr double kOtherSpikeMin = 1;
constexpr double kOtherSpikeMax = 3;

// Rank correlation of load and expert index in V3: strong in the first 8 MoE layers.
constexpr int kNumIndexedLayers = 8;
constexpr double kEarlySpearman = -0.67;
constexpr double kLateSpearman = -0.30;

// Spread of domains around the base, and of requests around their domain.
constexpr double kDomainSigmaMin = 0.5;
constexpr double kDomainSigmaMax = 0.8;
constexpr double kRequestSigma = 0.6;

// Streams of random numbers.
constexpr std::uint64_t kBaseStream = 1;
constexpr std::uint64_t kDomainStream = 2;

double LogUniform(double low, double high, Random& random) {
  return low * std::pow(high / low, random.Uniform());
}

void Scale(absl::Span<double> values, double factor) {
  for (double& value : values) value *= factor;
}

double SumOf(absl::Span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Makes the values sum to 1 with none above `cap` times the mean. What is cut off goes
// to the others in proportion, which may lift some of them to the cap: hence the loop.
void NormaliseWithCap(double cap, absl::Span<double> values) {
  const double limit = cap / static_cast<double>(values.size());
  Scale(values, 1.0 / SumOf(values));
  for (std::size_t round = 0; round < values.size(); ++round) {
    double at_limit = 0;
    double below = 0;
    for (double& value : values) {
      value = std::min(value, limit);
      (value == limit ? at_limit : below) += value;
    }
    if (std::abs(at_limit + below - 1) < 1e-12 || below == 0) return;
    for (double& value : values) {
      if (value != limit) value *= (1 - at_limit) / below;
    }
  }
}

double CapFor(const ModelShape& shape, double cap) {
  return std::min(cap, static_cast<double>(shape.num_experts) / shape.top_k);
}

// Unordered loads of one layer over their mean.
std::vector<double> RawLayer(int num_experts, Random& random) {
  const double sigma =
      std::clamp(kSigmaMean + kSigmaDeviation * random.Normal(), kSigmaMin, kSigmaMax);
  std::vector<double> values(num_experts);
  for (double& value : values) value = std::exp(sigma * random.Normal() - sigma * sigma / 2);
  // Values are independent, so the first ones are as good as any for the spikes.
  const std::size_t num_spikes = std::min<std::size_t>(1 + random.Below(3), values.size());
  for (std::size_t i = 0; i < num_spikes; ++i) {
    values[i] = i == 0 ? LogUniform(kFirstSpikeMin, kFirstSpikeMax, random)
                       : LogUniform(kOtherSpikeMin, kOtherSpikeMax, random);
  }
  return values;
}

// An order of the experts in which the place has the rank correlation `spearman` with
// the index: by a score that is correlated with the index's own normal score.
std::vector<int> CorrelatedOrder(int num_experts, double spearman, Random& random) {
  const double correlation = 2 * std::sin(std::numbers::pi * spearman / 6);
  std::vector<double> index_scores(num_experts);
  for (double& score : index_scores) score = random.Normal();
  std::sort(index_scores.begin(), index_scores.end());
  std::vector<double> scores(num_experts);
  for (int expert = 0; expert < num_experts; ++expert) {
    scores[expert] = correlation * index_scores[expert] +
                     std::sqrt(1 - correlation * correlation) * random.Normal();
  }
  std::vector<int> order(num_experts);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
  return order;
}

void FillBaseLayer(const SyntheticOptions& options, int layer, absl::Span<double> values) {
  Random random(DerivedSeed({options.seed, kBaseStream, static_cast<std::uint64_t>(layer)}));
  std::vector<double> raw = RawLayer(options.shape.num_experts, random);
  std::sort(raw.begin(), raw.end(), std::greater<>());
  const double spearman = layer < kNumIndexedLayers ? kEarlySpearman : kLateSpearman;
  const std::vector<int> order = CorrelatedOrder(options.shape.num_experts, spearman, random);
  for (std::size_t place = 0; place < raw.size(); ++place) values[order[place]] = raw[place];
  NormaliseWithCap(CapFor(options.shape, kLayerCap), values);
}

absl::Status CheckAtLeast(absl::string_view field, int value, int low) {
  if (value >= low) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " ", value, " is below ", low));
}

}  // namespace

std::uint64_t DerivedSeed(std::initializer_list<std::uint64_t> parts) {
  std::uint64_t seed = 0;
  for (const std::uint64_t part : parts) seed = Random(seed ^ part).Next();
  return seed;
}

absl::Status CheckSyntheticOptions(const SyntheticOptions& options) {
  BALLAST_RETURN_IF_ERROR(CheckShape(options.shape));
  BALLAST_RETURN_IF_ERROR(CheckAtLeast("request slots", options.num_request_slots, 1));
  if (options.num_request_slots > 65536) {
    return absl::InvalidArgumentError(
        absl::StrCat("request slots ", options.num_request_slots, " are above 65536"));
  }
  BALLAST_RETURN_IF_ERROR(CheckAtLeast("domains", options.num_domains, 1));
  BALLAST_RETURN_IF_ERROR(CheckAtLeast("steps of a request", options.request_steps, 1));
  BALLAST_RETURN_IF_ERROR(CheckAtLeast("period of the mix", options.mix_period_steps, 1));
  if (options.mix_amplitude >= 0 && options.mix_amplitude <= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("amplitude of the mix ", options.mix_amplitude, " is not in [0, 1]"));
}

SyntheticLoad::SyntheticLoad(const SyntheticOptions& options) : options_(options) {
  const std::size_t num_experts = options.shape.num_experts;
  base_.resize(options.shape.num_layers * num_experts);
  for (int layer = 0; layer < options.shape.num_layers; ++layer) {
    FillBaseLayer(options, layer, absl::MakeSpan(base_).subspan(layer * num_experts, num_experts));
  }
  for (int domain = 0; domain < options.num_domains; ++domain) {
    Random random(DerivedSeed({options.seed, kDomainStream, static_cast<std::uint64_t>(domain)}));
    const double sigma = kDomainSigmaMin + (kDomainSigmaMax - kDomainSigmaMin) * random.Uniform();
    domains_.push_back(base_);
    for (double& value : domains_.back()) value *= std::exp(sigma * random.Normal());
    for (int layer = 0; layer < options.shape.num_layers; ++layer) {
      NormaliseWithCap(CapFor(options.shape, kLayerCap),
                       absl::MakeSpan(domains_.back()).subspan(layer * num_experts, num_experts));
    }
  }
}

std::vector<double> SyntheticLoad::DomainMix(std::uint64_t step) const {
  const auto period = static_cast<std::uint64_t>(options_.mix_period_steps);
  const double turn = static_cast<double>(step % period) / static_cast<double>(period);
  std::vector<double> mix(options_.num_domains);
  for (int domain = 0; domain < options_.num_domains; ++domain) {
    const double phase = turn + static_cast<double>(domain) / options_.num_domains;
    mix[domain] = 1 + options_.mix_amplitude * std::sin(2 * std::numbers::pi * phase);
  }
  const double total = SumOf(mix);
  // A single domain at full amplitude may reach zero; then it is all there is.
  if (total <= 0) return std::vector<double>(mix.size(), 1.0 / static_cast<double>(mix.size()));
  Scale(absl::MakeSpan(mix), 1.0 / total);
  return mix;
}

std::vector<double> SyntheticLoad::Expected(std::uint64_t step, LayerId layer) const {
  const std::vector<double> mix = DomainMix(step);
  std::vector<double> expected(options_.shape.num_experts);
  for (int domain = 0; domain < options_.num_domains; ++domain) {
    const absl::Span<const double> load = Domain(domain, layer);
    for (std::size_t expert = 0; expert < expected.size(); ++expert) {
      expected[expert] += mix[domain] * load[expert];
    }
  }
  return expected;
}

std::vector<double> SyntheticLoad::Request(int domain, std::uint64_t request_seed,
                                           LayerId layer) const {
  Random random(DerivedSeed({request_seed, static_cast<std::uint64_t>(layer.value)}));
  const absl::Span<const double> load = Domain(domain, layer);
  std::vector<double> values(load.begin(), load.end());
  for (double& value : values) value *= std::exp(kRequestSigma * random.Normal());
  NormaliseWithCap(CapFor(options_.shape, kRequestCap), absl::MakeSpan(values));
  return values;
}

}  // namespace ballast
