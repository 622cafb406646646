#ifndef BALLAST_PROTO_WIRE_LOAD_WIRE_H_
#define BALLAST_PROTO_WIRE_LOAD_WIRE_H_

// Load reports <-> ballast.v1.Counters. Rules as in placement_wire.h. Pure functions,
// thread-safe.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "ballast/v1/load.pb.h"
#include "core/load/load_report.h"

namespace ballast {

// A report with what only its message says.
struct GroupReport {
  std::string ep_group;
  int num_layers = 0;
  int num_columns = 0;  // Local slots (ReportForm::kSlot) or experts (kExpert).
  bool padding_excluded = false;
  std::uint32_t credit_every = 0;  // Reports that one credit answers; 0 and 1: each its own.
  LoadReport report;               // counts: [num_layers * num_columns]
};

// Reuses the buffers of `message`. Counts are cut to counter_bits (32 or 64).
void EncodeCounters(const GroupReport& report, v1::Counters* message);

// Reuses the buffers of `report`; its content is undefined after an error. Checks: an
// EP group, rank below kMaxRanks, incarnation and sequence not 0, known form and encoding,
// counter_bits 32 or 64, 1 .. kMaxLayers layers, 1 .. kMaxSlots columns, step_last >=
// step_first - 1, and a blob of exactly that size. Whether layers, columns and rank fit
// the EP group is for the caller. Cost for 58 x 256 u64: one copy of 119 KB.
absl::Status DecodeCounters(const v1::Counters& message, GroupReport* report);

// The daemon's answer to reports.
struct ReportCredit {
  absl::Duration next_period;           // When it wants the next; 0: as it is.
  std::uint64_t accepted_sequence = 0;  // Newest sequence taken.
  std::string reject;                   // Why the last was refused; empty if it was not.
  bool dropped = false;                 // The last found the queue full.
};

// next_period is rounded down to milliseconds and kept within [0, 1 h].
void EncodeCredit(const ReportCredit& credit, v1::Credit* message);
// InvalidArgument: a period above 1 h.
absl::StatusOr<ReportCredit> DecodeCredit(const v1::Credit& message);

}  // namespace ballast

#endif  // BALLAST_PROTO_WIRE_LOAD_WIRE_H_
