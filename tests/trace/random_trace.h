#ifndef BALLAST_TESTS_TRACE_RANDOM_TRACE_H_
#define BALLAST_TESTS_TRACE_RANDOM_TRACE_H_

#include <cstdint>
#include <cstdlib>

#include "core/base/random.h"
#include "core/trace/trace_file.h"

namespace ballast {

inline std::uint64_t TestSeed() {
  const char* text = std::getenv("BALLAST_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

inline TraceInfo SmallTraceInfo() {
  TraceInfo info;
  info.shape = {
      .num_layers = 3, .num_experts = 8, .num_expert_groups = 2, .top_k = 2, .expert_bytes = 4096};
  info.model = "small";
  info.source = "a test";
  info.licence = "CC0-1.0";
  info.num_request_slots = 5;
  info.ranks = {{RowId(0), 3, 1.0}, {RowId(0), 2, 0.5}, {RowId(1), 4, 1.25}};
  return info;
}

// Skewed ids, so that a ranking has something to find.
inline TraceStep RandomStep(const TraceInfo& info, int num_tokens, Random& random) {
  TraceStep step;
  const int picks = info.shape.num_layers * info.shape.top_k;
  for (int token = 0; token < num_tokens; ++token) {
    step.request_slot.push_back(static_cast<std::uint16_t>(random.Below(info.num_request_slots)));
    for (int pick = 0; pick < picks; ++pick) {
      const std::uint64_t bound = 1 + random.Below(info.shape.num_experts);
      step.experts.push_back(static_cast<std::uint16_t>(random.Below(bound)));
    }
  }
  return step;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_TRACE_RANDOM_TRACE_H_
