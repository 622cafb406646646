#ifndef BALLAST_PROTO_WIRE_FIELD_CHECKS_H_
#define BALLAST_PROTO_WIRE_FIELD_CHECKS_H_

// Checks that several decoders share. Errors are InvalidArgument: field, value, range.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace ballast::wire {

inline absl::Status CheckInRange(absl::string_view field, std::uint64_t value, std::uint64_t min,
                                 std::uint64_t max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", value, " out of [", min, ", ", max, "]"));
}

// Longest name (EP group, address, version) taken from the wire, in bytes.
inline constexpr std::size_t kMaxNameBytes = 256;

inline absl::Status CheckName(absl::string_view field, const std::string& name) {
  if (name.size() <= kMaxNameBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", name.size(), " bytes, more than ", kMaxNameBytes));
}

// Adds the field to the message of an error from inside it.
inline absl::Status InField(absl::string_view field, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(field, ": ", status.message()));
}

// Longest period a peer may ask for; chosen: no use is known for more.
inline constexpr std::uint32_t kMaxPeriodMs = 3'600'000;

inline absl::Status CheckPeriodMs(absl::string_view field, std::uint32_t period_ms) {
  return CheckInRange(field, period_ms, 0, kMaxPeriodMs);
}

// A period as whole milliseconds within [0, kMaxPeriodMs].
inline std::uint32_t PeriodMs(absl::Duration period) {
  if (period <= absl::ZeroDuration()) return 0;
  if (period >= absl::Milliseconds(kMaxPeriodMs)) return kMaxPeriodMs;
  return static_cast<std::uint32_t>(absl::ToInt64Milliseconds(period));
}

}  // namespace ballast::wire

#endif  // BALLAST_PROTO_WIRE_FIELD_CHECKS_H_
