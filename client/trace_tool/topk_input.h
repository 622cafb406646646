#ifndef BALLAST_CLIENT_TRACE_TOOL_TOPK_INPUT_H_
#define BALLAST_CLIENT_TRACE_TOOL_TOPK_INPUT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace ballast {

// Largest input taken. Chosen: 20 times the largest stream of recorded ids in use.
inline constexpr std::int64_t kMaxInputBytes = std::int64_t{1} << 31;

// The whole content of a file, unpacked if it is gzip; "-" is standard input. NotFound
// if it can not be opened, DataLoss if it is cut or broken, ResourceExhausted above
// kMaxInputBytes.
absl::StatusOr<std::string> ReadInput(const std::string& path);

}  // namespace ballast

#endif  // BALLAST_CLIENT_TRACE_TOOL_TOPK_INPUT_H_
