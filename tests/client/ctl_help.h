#ifndef BALLAST_TESTS_CLIENT_CTL_HELP_H_
#define BALLAST_TESTS_CLIENT_CTL_HELP_H_

#include <sstream>
#include <string>
#include <vector>

#include "tests/client/ctl_runner.h"

namespace ballast::ctl {

// The commands that --help of `words` lists below "Subcommands:".
inline std::vector<std::string> CommandsOfHelp(std::vector<std::string> words) {
  words.push_back("--help");
  std::vector<std::string> commands;
  bool listing = false;
  std::istringstream help(RunCtl(words).out);
  for (std::string line; std::getline(help, line);) {
    if (listing && line.size() > 2 && line[0] == ' ' && line[2] != ' ') {
      commands.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
    if (line == "Subcommands:") listing = true;
  }
  return commands;
}

}  // namespace ballast::ctl

#endif  // BALLAST_TESTS_CLIENT_CTL_HELP_H_
