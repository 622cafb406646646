#ifndef BALLAST_TESTS_CLIENT_GOLDEN_FILE_H_
#define BALLAST_TESTS_CLIENT_GOLDEN_FILE_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace ballast::ctl {

// `text` is what tests/data/ctl/NAME.golden holds. With BALLAST_UPDATE_GOLDEN=1 in the
// environment the files are written anew and the tests fail, so that nobody forgets to look
// at the difference.
inline void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path = std::string(BALLAST_TEST_DATA "/ctl/") + name + ".golden";
  if (std::getenv("BALLAST_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    ADD_FAILURE() << path << " is written anew; look at it, then run without the variable";
    return;
  }
  std::ifstream file(path);
  const std::string expected{std::istreambuf_iterator<char>(file),
                             std::istreambuf_iterator<char>()};
  EXPECT_EQ(text, expected) << path;
}

}  // namespace ballast::ctl

#endif  // BALLAST_TESTS_CLIENT_GOLDEN_FILE_H_
