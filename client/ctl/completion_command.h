#ifndef BALLAST_CLIENT_CTL_COMPLETION_COMMAND_H_
#define BALLAST_CLIENT_CTL_COMPLETION_COMMAND_H_

#include <string>
#include <vector>

#include "client/ctl/command.h"

namespace ballast::ctl {

// `ballastctl completion bash|zsh|fish`: prints a script for the shell, made from the same
// commands and options as --help.
void AddCompletionCommand(CommandLine& line);

// A word that can follow, with its help.
struct CompletionWord {
  std::string word;
  std::string help;
};

struct CompletionOption {
  std::vector<std::string> names;    // "-o", "--output".
  std::vector<std::string> choices;  // Values it takes; empty: any.
  bool takes_value = false;
  std::string help;
};

// What can follow one command.
struct CompletionNode {
  std::string path;                   // "/plan/get"; empty for the program itself.
  std::vector<CompletionWord> words;  // Commands below it, or values of its arguments.
  std::vector<CompletionOption> options;
};

// The program and all commands below it, parents first.
std::vector<CompletionNode> CompletionNodes(const CLI::App& program);

std::string BashCompletion(const std::vector<CompletionNode>& nodes);
std::string ZshCompletion(const std::vector<CompletionNode>& nodes);
std::string FishCompletion(const std::vector<CompletionNode>& nodes);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_COMPLETION_COMMAND_H_
