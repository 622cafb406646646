#ifndef BALLAST_CLIENT_CTL_EXPLAIN_TEXT_H_
#define BALLAST_CLIENT_CTL_EXPLAIN_TEXT_H_

#include <ostream>
#include <string>

#include "ballast/v1/query.pb.h"

namespace ballast::ctl {

// An explanation in words: what the group runs, why no solve is due now, and each decision
// with the figures it rests on and the configuration keys that would change it.
void PrintExplanation(const v1::Explanation& explanation, std::ostream& out);

// "No solve now: ranks 17 and 44 of 128 are missing." One sentence, without line end.
std::string HoldText(const v1::Explanation& explanation);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_EXPLAIN_TEXT_H_
