#include "proto/wire/query_text.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace ballast {
namespace {

// "17" or "17-19", up to as many as a group may have.
bool ParseRange(absl::string_view text, std::uint32_t* first, std::uint32_t* last) {
  constexpr std::uint32_t kMost = 4096;
  const std::size_t dash = text.find('-');
  if (!absl::SimpleAtoi(text.substr(0, dash), first)) return false;
  *last = *first;
  if (dash != absl::string_view::npos && !absl::SimpleAtoi(text.substr(dash + 1), last)) {
    return false;
  }
  return *first <= *last && *last - *first < kMost;
}

}  // namespace

absl::Status ParsePlanVersion(absl::string_view text, v1::PlanVersion* version) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(text == "initial" ? "0.0" : text, '.');
  std::uint64_t term = 0;
  std::uint64_t sequence = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &term) ||
      !absl::SimpleAtoi(parts[1], &sequence)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is neither TERM.SEQUENCE nor initial"));
  }
  version->set_term(term);
  version->set_sequence(sequence);
  return absl::OkStatus();
}

absl::Status ParseLoss(absl::string_view text, v1::GetCoverageRequest* request) {
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    absl::string_view range = part;
    const bool row = absl::ConsumePrefix(&range, "row");
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    if ((!row && !absl::ConsumePrefix(&range, "rank")) || !ParseRange(range, &first, &last)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", part, "' is none of row3, rank17, rank17-19; several with commas"));
    }
    // Counted from 0, since `last` may be 2^32 - 1; a range is at most 4096 wide.
    for (std::uint32_t i = 0; i <= last - first; ++i) {
      row ? request->add_lost_rows(first + i) : request->add_lost_ranks(first + i);
    }
  }
  return absl::OkStatus();
}

}  // namespace ballast
