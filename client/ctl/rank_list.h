#ifndef BALLAST_CLIENT_CTL_RANK_LIST_H_
#define BALLAST_CLIENT_CTL_RANK_LIST_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"

namespace ballast::ctl {

// "3, 5-8, 11": ascending ranks, runs of three or more as ranges; dots after a dozen of them,
// a line of a terminal. `-o json` has all.
std::string ShowRanks(absl::Span<const std::uint32_t> ranks);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_RANK_LIST_H_
