#include "client/fleet/live_table.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ballast {
namespace {

constexpr int kStepsPerLine = 50;
constexpr absl::Duration kLinePeriod = absl::Seconds(1);
constexpr int kLinesPerHeading = 40;

// As DigestHex() shows the first bytes of the digest.
std::string PlanText(const PlanVersion& plan, std::uint64_t digest_prefix) {
  if (plan == PlanVersion{}) return "initial";
  std::string text = absl::StrCat(plan.term, ".", plan.sequence, " (");
  for (int i = 0; i < 4; ++i) {
    absl::StrAppend(&text, absl::Hex((digest_prefix >> (8 * i)) & 0xff, absl::kZeroPad2));
  }
  return text + ")";
}

}  // namespace

std::string TableHeading() {
  return absl::StrFormat("%9s  %16s  %7s  %-20s %7s  %s", "STEP", "IMBALANCE BEFORE", "AFTER",
                         "PLAN", "MOVES", "WORKERS");
}

std::string TableText(const TableLine& line) {
  return absl::StrFormat("%9u  %16.3f  %7.3f  %-20s %7u  %d/%d", line.step, line.imbalance_before,
                         line.imbalance_after, PlanText(line.plan, line.digest_prefix),
                         line.moved_slots, line.connected, line.workers);
}

LiveTable::LiveTable(std::FILE* out, int num_workers)
    : out_(out), is_terminal_(isatty(fileno(out)) != 0), num_workers_(num_workers) {}

void LiveTable::Add(const StepRecord& record) {
  ++steps_since_line_;
  before_sum_ += record.imbalance_before;
  after_sum_ += record.imbalance_after;
  last_ = record;
}

bool LiveTable::Due(absl::Duration uptime) const {
  if (steps_since_line_ == 0 || uptime - line_at_ < kLinePeriod) return false;
  return is_terminal_ || steps_since_line_ >= kStepsPerLine;
}

TableLine LiveTable::TakeLine(const FleetBoard& board) {
  const TableLine line = {.step = last_.step,
                          .imbalance_before = before_sum_ / steps_since_line_,
                          .imbalance_after = after_sum_ / steps_since_line_,
                          .plan = last_.plan,
                          .digest_prefix = last_.digest_prefix,
                          .moved_slots = board.MovedSlots(),
                          .connected = board.NumConnected(),
                          .workers = num_workers_};
  steps_since_line_ = 0;
  before_sum_ = 0;
  after_sum_ = 0;
  return line;
}

void LiveTable::Refresh(const FleetBoard& board, absl::Duration uptime) {
  if (!Due(uptime)) return;
  const TableLine line = TakeLine(board);
  const bool keep_last = !is_terminal_ || line.plan != plan_of_line_;
  if (lines_written_ > 0 && keep_last && is_terminal_) std::fputc('\n', out_);
  if (keep_last || lines_written_ == 0) {
    if (lines_written_ % kLinesPerHeading == 0) {
      std::fprintf(out_, "%s\n", TableHeading().c_str());
    }
    ++lines_written_;
  }
  // "Erase to the end of the line" comes after the text, so that nothing flickers.
  std::fprintf(out_, is_terminal_ ? "\r%s\x1b[K" : "%s\n", TableText(line).c_str());
  std::fflush(out_);
  plan_of_line_ = line.plan;
  line_at_ = uptime;
}

void LiveTable::Finish() {
  if (is_terminal_ && lines_written_ > 0) std::fputc('\n', out_);
  std::fflush(out_);
  lines_written_ = 0;
}

}  // namespace ballast
