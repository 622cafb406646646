#ifndef BALLAST_CLIENT_CTL_NEAREST_NAME_H_
#define BALLAST_CLIENT_CTL_NEAREST_NAME_H_

#include <string>
#include <vector>

namespace ballast::ctl {

// The name of `names` with the fewest single-letter edits (insert, delete, replace)
// from `word`; the first of several. `names` is not empty.
std::string NearestName(const std::string& word, const std::vector<std::string>& names);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_NEAREST_NAME_H_
