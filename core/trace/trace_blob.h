#ifndef BALLAST_CORE_TRACE_TRACE_BLOB_H_
#define BALLAST_CORE_TRACE_TRACE_BLOB_H_

// The blobs inside a trace file. Private to core/trace and its tests.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/model_shape.h"
#include "core/trace/expert_ranking.h"
#include "core/trace/trace_file.h"

namespace ballast {

// Largest step in raw bytes. Chosen: 524,288 tokens of 58 layers x top 8, which is a
// prefill step of 128 ranks x 4096 tokens, fit; a corrupt length can not ask for more.
inline constexpr std::int64_t kMaxStepBytes = std::int64_t{1} << 28;

// Raw size of a step: request slots of 2 bytes, ids of 1, or of 2 above 256 experts.
std::int64_t RawStepBytes(const ModelShape& shape, std::int64_t num_tokens);

// Ok if the sizes of `step` fit the shape, its expert ids lie in [0, num_experts) and
// its request slots in [0, num_request_slots). Otherwise InvalidArgument that names the
// token, the layer and the value.
absl::Status CheckStep(const TraceInfo& info, const TraceStep& step);

// A zstd frame with checksum over:
//   u16 [num_tokens]: request slot minus that of the token before, modulo 2^16;
//   u8 (u16 above 256 experts) [num_layers][top_k][num_tokens]: places in `ranking`.
// Little-endian. Numbers of one layer and gate place lie side by side because they
// share a distribution: that makes real traces smaller. The step must pass CheckStep().
std::string EncodeStep(const TraceInfo& info, const ExpertRanking& ranking, const TraceStep& step);

// What DecodeStep() reads: a row of the table `step`.
struct StoredStep {
  std::int64_t num_tokens = 0;
  absl::string_view blob;
};

// The inverse. DataLoss, naming what is wrong, if the blob is no such frame, does not
// hold `num_tokens` tokens, or its content does not pass CheckStep().
absl::StatusOr<TraceStep> DecodeStep(const TraceInfo& info, const ExpertRanking& ranking,
                                     const StoredStep& stored);

// A ranking as one zstd frame with checksum over its orders(), as wide as ids. DataLoss
// if the blob is none, or what FromOrders() says.
std::string EncodeRanking(const ModelShape& shape, const ExpertRanking& ranking);
absl::StatusOr<ExpertRanking> DecodeRanking(const ModelShape& shape, absl::string_view blob);

}  // namespace ballast

#endif  // BALLAST_CORE_TRACE_TRACE_BLOB_H_
