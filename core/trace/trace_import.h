#ifndef BALLAST_CORE_TRACE_TRACE_IMPORT_H_
#define BALLAST_CORE_TRACE_TRACE_IMPORT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/model/model_shape.h"
#include "core/trace/trace_file.h"

namespace ballast {

// Tokens [token_offset, token_offset + num_tokens) of a stream belong to one request.
struct RequestSample {
  std::int64_t token_offset = 0;
  std::int64_t num_tokens = 0;

  friend bool operator==(const RequestSample&, const RequestSample&) = default;
};

// Requests of a CSV text whose header names the columns `token_offset` and `tokens`, one
// request a row, in file order. Other columns are ignored; quotes are not supported.
// InvalidArgument, naming line and value, if a column is missing or a number is not >= 0.
absl::StatusOr<std::vector<RequestSample>> ParseSamples(absl::string_view csv);

enum class RequestOrder {
  kMixed,  // Shuffled (Fisher and Yates, from the back) by Random(seed).
  kFile,   // As the rows come: the domain shifts as the replay runs.
};

struct ImportOptions {
  int num_request_slots = 64;  // Requests served at a time, 1 .. 65536.
  RequestOrder order = RequestOrder::kMixed;
  std::uint64_t seed = 1;
  int skip_steps = 0;  // Steps left out at the beginning.
  int max_steps = 0;   // Steps returned at most; 0: all.
};

// Serves recorded requests as an engine with continuous batching would: each step takes
// one token of every request slot, in slot order; a slot whose request has ended takes
// the next request of the order. It ends when a slot can not be refilled, so that every
// step has num_request_slots tokens. Requests without tokens are passed over.
//
// `topk`: [tokens][num_layers][top_k] expert ids in gate order.
// InvalidArgument, naming request or token and the value, if a sample leaves `topk`, the
// size of `topk` is no multiple of a token, or an id is not below num_experts.
// FailedPrecondition if there are fewer requests than slots.
absl::StatusOr<std::vector<TraceStep>> ImportTopK(const ModelShape& shape,
                                                  absl::Span<const std::uint8_t> topk,
                                                  absl::Span<const RequestSample> samples,
                                                  const ImportOptions& options);

}  // namespace ballast

#endif  // BALLAST_CORE_TRACE_TRACE_IMPORT_H_
