#include "core/replay/synthetic_source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/memory/memory.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

// Streams of random numbers, next to those of SyntheticLoad.
constexpr std::uint64_t kPhaseStream = 11;
constexpr std::uint64_t kRequestStream = 12;
constexpr std::uint64_t kTokenStream = 13;

int DrawDomain(absl::Span<const double> mix, Random& random) {
  double left = random.Uniform();
  for (std::size_t domain = 0; domain + 1 < mix.size(); ++domain) {
    left -= mix[domain];
    if (left < 0) return static_cast<int>(domain);
  }
  return static_cast<int>(mix.size()) - 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SyntheticSource>> SyntheticSource::Create(
    const SyntheticOptions& options) {
  BALLAST_RETURN_IF_ERROR(CheckSyntheticOptions(options));
  return absl::WrapUnique(new SyntheticSource(options));
}

SyntheticSource::SyntheticSource(const SyntheticOptions& options)
    : options_(options), load_(options), requests_(options.num_request_slots) {
  Random random(DerivedSeed({options.seed, kPhaseStream}));
  for (int slot = 0; slot < options.num_request_slots; ++slot) {
    phase_.push_back(random.Below(static_cast<std::uint64_t>(options.request_steps)));
  }
}

void SyntheticSource::FillRequest(int slot, std::uint64_t begin_step, Request& request) const {
  const std::uint64_t seed = DerivedSeed(
      {options_.seed, kRequestStream, static_cast<std::uint64_t>(slot), request.number});
  Random random(seed);
  const int domain = DrawDomain(load_.DomainMix(begin_step), random);
  const std::size_t num_experts = options_.shape.num_experts;
  request.experts.resize(options_.shape.num_layers * num_experts);
  request.upto.resize(request.experts.size());
  for (int layer = 0; layer < options_.shape.num_layers; ++layer) {
    const std::vector<double> load = load_.Request(domain, seed, LayerId(layer));
    const auto order = absl::MakeSpan(request.experts).subspan(layer * num_experts, num_experts);
    std::iota(order.begin(), order.end(), std::uint16_t{0});
    for (std::size_t i = num_experts; i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
    double sum = 0;
    for (std::size_t place = 0; place < num_experts; ++place) {
      sum += load[order[place]] * options_.shape.top_k;
      request.upto[layer * num_experts + place] = static_cast<float>(sum);
    }
  }
}

const SyntheticSource::Request& SyntheticSource::RequestAt(std::uint64_t step, int slot) {
  const auto length = static_cast<std::uint64_t>(options_.request_steps);
  const std::uint64_t number = (step + phase_[slot]) / length;
  Request& request = requests_[slot];
  if (request.known && request.number == number) return request;
  request.known = true;
  request.number = number;
  // The first request of a slot began before step 0; it takes the mix of step 0.
  FillRequest(slot, std::max(number * length, phase_[slot]) - phase_[slot], request);
  return request;
}

// Systematic sampling: the points u, u + 1, ... hit different experts, because no
// inclusion probability is above 1, and each expert with exactly its probability. The
// random order inside the request makes the joint choices of many requests diffuse.
void SyntheticSource::AppendToken(std::uint64_t step, int slot, TraceStep& out) {
  const Request& request = RequestAt(step, slot);
  Random random(DerivedSeed({options_.seed, kTokenStream, static_cast<std::uint64_t>(slot), step}));
  out.request_slot.push_back(static_cast<std::uint16_t>(slot));
  const std::size_t num_experts = options_.shape.num_experts;
  const std::size_t top_k = options_.shape.top_k;
  for (int layer = 0; layer < options_.shape.num_layers; ++layer) {
    const auto* begin = request.upto.data() + layer * num_experts;
    const double start = random.Uniform();
    std::size_t place = 0;
    for (std::size_t k = 0; k < top_k; ++k) {
      const auto point = static_cast<float>(start + static_cast<double>(k));
      // Rounding must neither leave the array nor hit an expert twice.
      const std::size_t last = num_experts - (top_k - k);
      place = std::min<std::size_t>(
          last, std::upper_bound(begin + place, begin + num_experts, point) - begin);
      out.experts.push_back(request.experts[layer * num_experts + place]);
      ++place;
    }
  }
}

absl::StatusOr<TraceStep> SyntheticSource::TokensOfStep(std::uint64_t step, RequestSlots slots) {
  BALLAST_RETURN_IF_ERROR(CheckRequestSlots(slots, num_request_slots()));
  TraceStep out;
  out.experts.reserve(static_cast<std::size_t>(slots.count) * options_.shape.num_layers *
                      options_.shape.top_k);
  for (int slot = slots.first; slot < slots.first + slots.count; ++slot) {
    AppendToken(step, slot, out);
  }
  return out;
}

}  // namespace ballast
