#ifndef BALLAST_CORE_REPLAY_TRACE_SOURCE_H_
#define BALLAST_CORE_REPLAY_TRACE_SOURCE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/replay/request_source.h"
#include "core/trace/trace_file.h"

namespace ballast {

// A recorded trace, repeated as long as it is asked: step s is its step s mod num_steps.
// Each call decompresses one step. Not thread-safe.
class TraceSource final : public RequestSource {
 public:
  // FailedPrecondition if the trace has no steps.
  static absl::StatusOr<std::unique_ptr<TraceSource>> Create(std::unique_ptr<TraceReader> reader);

  const TraceInfo& info() const { return reader_->info(); }
  const ModelShape& shape() const override { return reader_->info().shape; }
  int num_request_slots() const override { return reader_->info().num_request_slots; }
  using RequestSource::TokensOfStep;
  absl::StatusOr<TraceStep> TokensOfStep(std::uint64_t step, RequestSlots slots) override;

 private:
  explicit TraceSource(std::unique_ptr<TraceReader> reader) : reader_(std::move(reader)) {}

  std::unique_ptr<TraceReader> reader_;
};

}  // namespace ballast

#endif  // BALLAST_CORE_REPLAY_TRACE_SOURCE_H_
