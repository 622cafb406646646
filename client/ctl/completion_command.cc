#include "client/ctl/completion_command.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace ballast::ctl {
namespace {

// The names that an option is restricted to, which CLI11 shows as "TEXT:{a,b}".
std::vector<std::string> ChoicesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t begin = type.find('{');
  const std::size_t end = type.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return absl::StrSplit(type.substr(begin + 1, end - begin - 1), ',');
}

void AddOption(const CLI::Option& option, CompletionNode* node) {
  if (option.get_positional()) {
    for (const std::string& choice : ChoicesOf(option)) node->words.push_back({choice, ""});
  }
  CompletionOption out;
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  if (out.names.empty()) return;
  out.choices = ChoicesOf(option);
  out.takes_value = option.get_type_size() > 0;
  out.help = option.get_description();
  node->options.push_back(std::move(out));
}

void AddNode(const CLI::App& app, const std::string& path, std::vector<CompletionNode>* nodes) {
  CompletionNode node;
  node.path = path;
  const std::vector<const CLI::App*> below = app.get_subcommands(nullptr);
  for (const CLI::App* command : below) {
    node.words.push_back({command->get_name(), command->get_description()});
  }
  for (const CLI::Option* option : app.get_options()) AddOption(*option, &node);
  nodes->push_back(std::move(node));
  for (const CLI::App* command : below) {
    AddNode(*command, absl::StrCat(path, "/", command->get_name()), nodes);
  }
}

// In single quotes, for every one of the shells.
std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// "/plan|/plan/get": patterns for all commands.
std::string PathPattern(const std::vector<CompletionNode>& nodes, const std::string& separator) {
  std::vector<std::string> paths;
  for (const CompletionNode& node : nodes) {
    if (!node.path.empty()) paths.push_back(node.path);
  }
  return absl::StrJoin(paths, separator);
}

// "\"/plan get -o\"|\"/plan get --output\"": an option of a command as the previous word.
std::string PreviousPattern(const CompletionNode& node, const CompletionOption& option) {
  return absl::StrJoin(option.names, "|", [&](std::string* out, const std::string& name) {
    absl::StrAppend(out, "\"", node.path, " ", name, "\"");
  });
}

std::string OptionNames(const CompletionNode& node) {
  std::vector<std::string> names;
  for (const CompletionOption& option : node.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return absl::StrJoin(names, " ");
}

std::string Words(const CompletionNode& node) {
  return absl::StrJoin(node.words, " ", [](std::string* out, const CompletionWord& word) {
    out->append(word.word);
  });
}

// "'word:help'": an item of zsh's _describe.
std::string ZshItem(const std::string& word, const std::string& help) {
  const auto escape = [](const std::string& text) {
    return absl::StrReplaceAll(text, {{":", "\\:"}});
  };
  return Quoted(help.empty() ? escape(word) : absl::StrCat(escape(word), ":", escape(help)));
}

std::string FishNames(const CompletionOption& option) {
  return absl::StrJoin(option.names, "", [](std::string* out, const std::string& name) {
    const bool is_long = name.size() > 2;
    absl::StrAppend(out, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
  });
}

}  // namespace

std::vector<CompletionNode> CompletionNodes(const CLI::App& program) {
  std::vector<CompletionNode> nodes;
  AddNode(program, "", &nodes);
  return nodes;
}

std::string BashCompletion(const std::vector<CompletionNode>& nodes) {
  std::string values;
  std::string words;
  for (const CompletionNode& node : nodes) {
    for (const CompletionOption& option : node.options) {
      if (!option.takes_value) continue;
      absl::StrAppend(&values, "    ", PreviousPattern(node, option),
                      ") words=", Quoted(absl::StrJoin(option.choices, " ")), " ;;\n");
    }
    absl::StrAppend(&words, "        \"", node.path, "\") words=", Quoted(Words(node)),
                    " options=", Quoted(OptionNames(node)), " ;;\n");
  }
  return absl::StrCat(
      "# Completion of ballastctl for bash.  Load it with: source <(ballastctl completion bash)\n"
      "_ballastctl() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
      "  local at= i words= options=\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    case \"$at/${COMP_WORDS[i]}\" in\n      ",
      PathPattern(nodes, "|"),
      ") at=$at/${COMP_WORDS[i]} ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$at $previous\" in\n",
      values,
      "    *)\n"
      "      case \"$at\" in\n",
      words,
      "      esac\n"
      "      if [[ $current == -* || -z $words ]]; then words=$options; fi\n"
      "      ;;\n"
      "  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "}\n"
      "complete -o default -F _ballastctl ballastctl\n");
}

std::string ZshCompletion(const std::vector<CompletionNode>& nodes) {
  std::string values;
  std::string items;
  for (const CompletionNode& node : nodes) {
    absl::StrAppend(&items, "    (\"", node.path, "\")\n      commands=(");
    for (const CompletionWord& word : node.words) {
      absl::StrAppend(&items, "\n        ", ZshItem(word.word, word.help));
    }
    absl::StrAppend(&items, ")\n      options=(");
    for (const CompletionOption& option : node.options) {
      for (const std::string& name : option.names) {
        absl::StrAppend(&items, "\n        ", ZshItem(name, option.help));
      }
      if (!option.takes_value) continue;
      const std::string then =
          option.choices.empty() ? "_files"
                                 : absl::StrCat("compadd -- ", absl::StrJoin(option.choices, " "));
      absl::StrAppend(&values, "    (", PreviousPattern(node, option), ") ", then, "; return ;;\n");
    }
    absl::StrAppend(&items, ") ;;\n");
  }
  return absl::StrCat(
      "#compdef ballastctl\n"
      "# Completion of ballastctl for zsh.  Load it with: source <(ballastctl completion zsh)\n"
      "_ballastctl() {\n"
      "  local -a commands options\n"
      "  local at= i\n"
      "  for ((i = 2; i < CURRENT; ++i)); do\n"
      "    case \"$at/$words[i]\" in\n      (",
      PathPattern(nodes, "|"),
      ") at=$at/$words[i] ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$at $words[CURRENT-1]\" in\n",
      values,
      "  esac\n"
      "  case \"$at\" in\n",
      items,
      "  esac\n"
      "  if [[ $words[CURRENT] == -* || $#commands -eq 0 ]]; then\n"
      "    _describe option options\n"
      "  else\n"
      "    _describe command commands\n"
      "  fi\n"
      "}\n"
      "if [[ $funcstack[1] == _ballastctl ]]; then\n"
      "  _ballastctl \"$@\"\n"
      "else\n"
      "  compdef _ballastctl ballastctl\n"
      "fi\n");
}

std::string FishCompletion(const std::vector<CompletionNode>& nodes) {
  std::string text = absl::StrCat(
      "# Completion of ballastctl for fish.  Load it with: ballastctl completion fish | source\n"
      "function __ballastctl_at\n"
      "  set -l at ''\n"
      "  set -l typed (commandline -opc)\n"
      "  for word in $typed[2..-1]\n"
      "    if contains -- \"$at/$word\" ",
      PathPattern(nodes, " "),
      "\n"
      "      set at \"$at/$word\"\n"
      "    end\n"
      "  end\n"
      "  test \"$at\" = \"$argv[1]\"\n"
      "end\n"
      "complete -c ballastctl -f\n");
  for (const CompletionNode& node : nodes) {
    const std::string begin =
        absl::StrCat("complete -c ballastctl -n '__ballastctl_at \"", node.path, "\"'");
    for (const CompletionWord& word : node.words) {
      absl::StrAppend(&text, begin, " -a ", word.word, " -d ", Quoted(word.help), "\n");
    }
    for (const CompletionOption& option : node.options) {
      absl::StrAppend(&text, begin, FishNames(option));
      if (!option.choices.empty()) {
        absl::StrAppend(&text, " -x -a ", Quoted(absl::StrJoin(option.choices, " ")));
      } else if (option.takes_value) {
        absl::StrAppend(&text, " -r -F");
      }
      absl::StrAppend(&text, " -d ", Quoted(option.help), "\n");
    }
  }
  return text;
}

void AddCompletionCommand(CommandLine& line) {
  CLI::App* command =
      line.app.add_subcommand("completion", "Print the completion script of a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "the shell")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>{"bash", "zsh", "fish"}));
  command->callback([&line, shell] {
    line.run = [&line, shell](const Environment& environment) {
      const std::vector<CompletionNode> nodes = CompletionNodes(line.app);
      environment.streams.out << (*shell == "bash"  ? BashCompletion(nodes)
                                  : *shell == "zsh" ? ZshCompletion(nodes)
                                                    : FishCompletion(nodes));
      return static_cast<int>(kExitOk);
    };
  });
}

}  // namespace ballast::ctl
