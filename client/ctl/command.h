#ifndef BALLAST_CLIENT_CTL_COMMAND_H_
#define BALLAST_CLIENT_CTL_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <istream>
#include <string>
#include <utility>
#include <vector>

#include "client/ctl/ctl_error.h"
#include "core/base/clock.h"

namespace ballast::ctl {

// What a command may touch of the world.
struct Environment {
  std::istream& in;
  Streams streams;
  Clock& clock;
  bool interactive = false;  // Whether `in` is a terminal, that is, a person can be asked.
  bool screen = false;       // Whether the output is a terminal, which can be cleared.
};

// The parser with all commands. A command's group adds its subcommands and, for
// each, sets `run` when it was chosen; `run` returns the exit code.
struct CommandLine {
  CLI::App app;
  std::function<int(const Environment&)> run;
};

// Adds an option that takes one of some names, each of which stands for a value.
// An unknown name is a usage error that lists them.
template <typename T>
void AddChoice(CLI::App* command, const std::string& flags, const std::string& help,
               std::vector<std::pair<std::string, T>> choices, T* target) {
  std::vector<std::string> names;
  for (const auto& [name, value] : choices) names.push_back(name);
  command
      ->add_option_function<std::string>(
          flags,
          [choices = std::move(choices), target](const std::string& chosen) {
            for (const auto& [name, value] : choices) {
              if (name == chosen) *target = value;
            }
          },
          help)
      ->check(CLI::IsMember(names));
}

// Adds `-o, --output table|json|yaml`, which ends up in `*form`.
void AddOutputOption(CLI::App* command, OutputForm* form);

// Parses and runs one command line. `argv[0]` is the program. Never throws.
int RunBallastctl(int argc, const char* const* argv, const Environment& environment);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_COMMAND_H_
