#ifndef BALLAST_TESTS_CLIENT_CTL_RUNNER_H_
#define BALLAST_TESTS_CLIENT_CTL_RUNNER_H_

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "client/ctl/command.h"
#include "core/base/simulated_clock.h"

namespace ballast::ctl {

// What one command line did.
struct CtlRun {
  int exit_code = 0;
  std::string out;
  std::string err;

  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

// Runs `ballastctl WORDS...` in this process, with `input` on stdin.
inline CtlRun RunCtl(std::vector<std::string> words, const std::string& input = "") {
  words.insert(words.begin(), "ballastctl");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  SimulatedClock clock;
  const int exit_code =
      RunBallastctl(static_cast<int>(argv.size()), argv.data(), {in, {out, err}, clock});
  return {exit_code, out.str(), err.str()};
}

}  // namespace ballast::ctl

#endif  // BALLAST_TESTS_CLIENT_CTL_RUNNER_H_
