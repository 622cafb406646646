#ifndef BALLAST_CORE_REPLAY_REQUEST_SOURCE_H_
#define BALLAST_CORE_REPLAY_REQUEST_SOURCE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/model/model_shape.h"
#include "core/trace/trace_file.h"

namespace ballast {

// Request slots [first, first + count): a sender asks for those of its own requests only.
struct RequestSlots {
  int first = 0;
  int count = 0;
};

// Where a replay draws its tokens from: step by step, without end.
//
// Not thread-safe; two sources of the same data give the same tokens, so that each
// thread or process can have its own.
class RequestSource {
 public:
  virtual ~RequestSource() = default;

  virtual const ModelShape& shape() const = 0;
  virtual int num_request_slots() const = 0;

  // The tokens that the request slots `slots` send in step `step`, any step in any
  // order. A function of the step and the slots alone. OutOfRange if `slots` leaves
  // [0, num_request_slots()); otherwise the errors of what is read.
  virtual absl::StatusOr<TraceStep> TokensOfStep(std::uint64_t step, RequestSlots slots) = 0;

  // Of all request slots.
  absl::StatusOr<TraceStep> TokensOfStep(std::uint64_t step) {
    return TokensOfStep(step, {0, num_request_slots()});
  }
};

// OutOfRange that names the slots if they leave [0, num_request_slots).
absl::Status CheckRequestSlots(RequestSlots slots, int num_request_slots);

}  // namespace ballast

#endif  // BALLAST_CORE_REPLAY_REQUEST_SOURCE_H_
