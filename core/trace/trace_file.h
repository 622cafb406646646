#ifndef BALLAST_CORE_TRACE_TRACE_FILE_H_
#define BALLAST_CORE_TRACE_TRACE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"

namespace ballast {

// What a trace was recorded on. The topology is the one it is meant to be replayed
// on; a replay may choose another.
struct TraceInfo {
  ModelShape shape;
  std::string model;        // "gpt-oss-20b"
  std::string source;       // Where the data come from.
  std::string licence;      // SPDX name.
  int num_request_slots = 0;  // Requests served at a time; token.request_slot < this.
  int num_steps = 0;          // Set by the reader.
  std::vector<RankSpec> ranks;  // Empty if the trace names no topology.
};

// The tokens of one serving step.
struct TraceStep {
  std::vector<std::uint16_t> request_slot;  // [num_tokens]: who sent the token.
  std::vector<std::uint16_t> experts;       // [num_tokens * num_layers * top_k], gate order.

  int num_tokens() const { return static_cast<int>(request_slot.size()); }
  friend bool operator==(const TraceStep&, const TraceStep&) = default;
};

// A trace is one SQLite file: application id 0x424c5354 ("BLST"), schema version in
// user_version, a table of facts, and one zstd blob per step.
//
// Not thread-safe.
class TraceWriter {
 public:
  // AlreadyExists if `path` exists; Internal with SQLite's text on IO errors.
  static absl::StatusOr<std::unique_ptr<TraceWriter>> Create(const std::string& path,
                                                             const TraceInfo& info);
  virtual ~TraceWriter() = default;

  // InvalidArgument, naming step, token and value, if a size does not fit or an id is
  // out of range.
  virtual absl::Status Append(const TraceStep& step) = 0;

  // Writes the rest and makes it durable. Nothing may be appended afterwards.
  virtual absl::Status Finish() = 0;
};

// Reads a finished trace. Steps in any order; each read decompresses one blob.
// Not thread-safe; open one per thread.
class TraceReader {
 public:
  // NotFound: no such file. InvalidArgument: not a trace, or of a newer schema; the
  // message names both versions. DataLoss: a broken file.
  static absl::StatusOr<std::unique_ptr<TraceReader>> Open(const std::string& path);
  virtual ~TraceReader() = default;

  virtual const TraceInfo& info() const = 0;

  // OutOfRange; DataLoss if the blob is broken or its ids leave the shape.
  virtual absl::StatusOr<TraceStep> Read(int step) const = 0;
};

}  // namespace ballast

#endif  // BALLAST_CORE_TRACE_TRACE_FILE_H_
