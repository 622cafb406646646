#include "core/replay/trace_source.h"

#include <cstddef>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ballast {

absl::Status CheckRequestSlots(RequestSlots slots, int num_request_slots) {
  if (slots.first >= 0 && slots.count >= 0 && slots.first <= num_request_slots &&
      slots.count <= num_request_slots - slots.first) {
    return absl::OkStatus();
  }
  return absl::OutOfRangeError(absl::StrCat("request slots [", slots.first, ", +", slots.count,
                                            ") out of [0, ", num_request_slots, ")"));
}

absl::StatusOr<std::unique_ptr<TraceSource>> TraceSource::Create(
    std::unique_ptr<TraceReader> reader) {
  if (reader->info().num_steps == 0) {
    return absl::FailedPreconditionError("the trace has no steps to replay");
  }
  return absl::WrapUnique(new TraceSource(std::move(reader)));
}

absl::StatusOr<TraceStep> TraceSource::TokensOfStep(std::uint64_t step, RequestSlots slots) {
  BALLAST_RETURN_IF_ERROR(CheckRequestSlots(slots, num_request_slots()));
  const auto num_steps = static_cast<std::uint64_t>(info().num_steps);
  BALLAST_ASSIGN_OR_RETURN(TraceStep all, reader_->Read(static_cast<int>(step % num_steps)));
  if (slots.count == num_request_slots()) return all;
  TraceStep own;
  const std::ptrdiff_t picks = std::ptrdiff_t{shape().num_layers} * shape().top_k;
  for (int token = 0; token < all.num_tokens(); ++token) {
    const int slot = all.request_slot[token];
    if (slot < slots.first || slot >= slots.first + slots.count) continue;
    own.request_slot.push_back(all.request_slot[token]);
    const auto begin = all.experts.begin() + token * picks;
    own.experts.insert(own.experts.end(), begin, begin + picks);
  }
  return own;
}

}  // namespace ballast
