#include "client/ctl/rank_list.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ballast::ctl {
namespace {

// Chosen: a line of a terminal.
constexpr std::size_t kMaxRanges = 12;

}  // namespace

std::string ShowRanks(absl::Span<const std::uint32_t> ranks) {
  std::vector<std::string> ranges;
  for (std::size_t i = 0; i < ranks.size();) {
    std::size_t end = i + 1;
    while (end < ranks.size() && ranks[end] == ranks[end - 1] + 1) ++end;
    if (end - i < 3) end = i + 1;
    ranges.push_back(end - i == 1 ? absl::StrCat(ranks[i])
                                  : absl::StrCat(ranks[i], "-", ranks[end - 1]));
    i = end;
  }
  if (ranges.size() <= kMaxRanges) return absl::StrJoin(ranges, ", ");
  ranges.resize(kMaxRanges);
  return absl::StrCat(absl::StrJoin(ranges, ", "), ", ...");
}

}  // namespace ballast::ctl
