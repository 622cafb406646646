#ifndef BALLAST_CORE_REPLAY_SYNTHETIC_SOURCE_H_
#define BALLAST_CORE_REPLAY_SYNTHETIC_SOURCE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/replay/request_source.h"
#include "core/replay/synthetic_load.h"

namespace ballast {

// Tokens drawn from a SyntheticLoad. Every request slot serves one request after the
// other, each of a domain drawn from the mix at its beginning, one token per step. A
// token chooses top_k different experts in each layer; the expected number of picks of
// an expert is exactly top_k times its probability. Given its request, a token does not
// depend on the one before.
//
// A function of the options alone. Not thread-safe. Memory: one request per slot that
// was asked for, layers x experts x 6 bytes each (87 KiB for 58 x 256).
class SyntheticSource final : public RequestSource {
 public:
  // Errors as CheckSyntheticOptions().
  static absl::StatusOr<std::unique_ptr<SyntheticSource>> Create(const SyntheticOptions& options);

  const SyntheticLoad& load() const { return load_; }
  const ModelShape& shape() const override { return options_.shape; }
  int num_request_slots() const override { return options_.num_request_slots; }
  using RequestSource::TokensOfStep;
  absl::StatusOr<TraceStep> TokensOfStep(std::uint64_t step, RequestSlots slots) override;

 private:
  // What a slot serves. `upto` holds cumulated inclusion probabilities of the experts
  // in a random order of its own, [num_layers * num_experts] each.
  struct Request {
    bool known = false;
    std::uint64_t number = 0;  // The slot's requests count from 0.
    std::vector<std::uint16_t> experts;
    std::vector<float> upto;
  };

  explicit SyntheticSource(const SyntheticOptions& options);

  const Request& RequestAt(std::uint64_t step, int slot);
  void FillRequest(int slot, std::uint64_t begin_step, Request& request) const;
  void AppendToken(std::uint64_t step, int slot, TraceStep& out);

  SyntheticOptions options_;
  SyntheticLoad load_;
  std::vector<std::uint64_t> phase_;  // [num_request_slots]: steps a slot is ahead by.
  std::vector<Request> requests_;     // [num_request_slots]
};

}  // namespace ballast

#endif  // BALLAST_CORE_REPLAY_SYNTHETIC_SOURCE_H_
