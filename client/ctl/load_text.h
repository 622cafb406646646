#ifndef BALLAST_CLIENT_CTL_LOAD_TEXT_H_
#define BALLAST_CLIENT_CTL_LOAD_TEXT_H_

#include <ostream>

#include "ballast/v1/query.pb.h"

namespace ballast::ctl {

// Which table of a group's load is shown.
enum class LoadBy { kOverview, kRank, kRow, kLayer, kExpert };

// Prints what is known of a group's load, the most loaded first and at most `top` lines of
// each table; 0: all. Ties keep the order of the index.
void PrintLoad(const v1::GroupLoad& load, LoadBy by, int top, std::ostream& out);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_LOAD_TEXT_H_
