#ifndef BALLAST_TESTS_CLIENT_GOLDEN_FILE_H_
#define BALLAST_TESTS_CLIENT_GOLDEN_FILE_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

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

// The command in each form, by `run`: one exit code, nothing on stderr, and the golden files
// NAME.table, NAME.json and NAME.yaml.
template <typename Run>
void ExpectGoldens(const std::string& name, const std::vector<std::string>& words, int exit_code,
                   const Run& run) {
  for (const std::string form : {"table", "json", "yaml"}) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"-o", form});
    const auto done = run(all);
    EXPECT_EQ(done.exit_code, exit_code) << name << "." << form << done.err;
    EXPECT_EQ(done.err, "") << name << "." << form;
    ExpectGolden(name + "." + form, done.out);
  }
}

}  // namespace ballast::ctl

#endif  // BALLAST_TESTS_CLIENT_GOLDEN_FILE_H_
