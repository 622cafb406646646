#ifndef BALLAST_CORE_REPLAY_SYNTHETIC_LOAD_H_
#define BALLAST_CORE_REPLAY_SYNTHETIC_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/model/model_shape.h"

namespace ballast {

// Load like that of DeepSeek-V3: 58 MoE layers, 256 experts in 8 groups, top 8. The
// constants reproduce figures published for V3 and R1; the tests hold them to it.
struct SyntheticOptions {
  ModelShape shape = {.num_layers = 58,
                      .num_experts = 256,
                      .num_expert_groups = 8,
                      .top_k = 8,
                      .expert_bytes = 44040192};  // 3 x 7168 x 2048 parameters of 8 bits.
  int num_request_slots = 64;
  std::uint64_t seed = 1;

  int num_domains = 4;      // Kinds of requests (code, chat, ...), each with its hot experts.
  int request_steps = 256;  // Steps that a request lasts; slots begin theirs staggered.
  // The mix of domains goes round once in so many steps; the amplitude, 0 .. 1, says how
  // far a domain's share swings. Chosen: a total variation of about 0.07 in 300 steps.
  int mix_period_steps = 2000;
  double mix_amplitude = 0.9;
};

// InvalidArgument that names the field and its value.
absl::Status CheckSyntheticOptions(const SyntheticOptions& options);

// Probability of each expert, for the model as a whole, for a domain and for a request.
// Every array of one layer sums to 1. A value over the mean is at most 15 for the base
// and a domain, 24 for a request, and always at most num_experts / top_k: an expert can
// not get more than one pick of each token.
//
// Immutable after construction, hence safe to share. Size: (1 + num_domains) x layers x
// experts doubles (0.6 MiB for the defaults).
class SyntheticLoad {
 public:
  // The options must pass CheckSyntheticOptions().
  explicit SyntheticLoad(const SyntheticOptions& options);

  // [num_experts]; valid while *this lives.
  absl::Span<const double> Base(LayerId layer) const { return LayerOf(base_, layer); }
  absl::Span<const double> Domain(int domain, LayerId layer) const {
    return LayerOf(domains_[domain], layer);
  }

  // Share of each domain in the requests that begin at `step`: [num_domains], sums to 1.
  std::vector<double> DomainMix(std::uint64_t step) const;

  // Load to be expected of requests that begin at `step`: [num_experts].
  std::vector<double> Expected(std::uint64_t step, LayerId layer) const;

  // Of one request of `domain`, told apart by `request_seed`: [num_experts].
  std::vector<double> Request(int domain, std::uint64_t request_seed, LayerId layer) const;

 private:
  absl::Span<const double> LayerOf(const std::vector<double>& values, LayerId layer) const {
    return absl::MakeConstSpan(values).subspan(
        static_cast<std::size_t>(layer.value) * options_.shape.num_experts,
        options_.shape.num_experts);
  }

  SyntheticOptions options_;
  std::vector<double> base_;                  // [num_layers * num_experts]
  std::vector<std::vector<double>> domains_;  // [num_domains][num_layers * num_experts]
};

// A seed for an independent stream, from the parts that name it.
std::uint64_t DerivedSeed(std::initializer_list<std::uint64_t> parts);

}  // namespace ballast

#endif  // BALLAST_CORE_REPLAY_SYNTHETIC_LOAD_H_
