#include "daemon/app/config.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "daemon/app/config_key.h"
#include "daemon/app/config_reader.h"
#include "daemon/app/key_types.h"

namespace ballast {
namespace {

// Where the source of a value stands in a printed line.
constexpr std::size_t kSourceColumn = 52;

// The values of one group, "" for the process, as lines of YAML from `indent` on.
void PrintValues(const Config& config, const std::string& group, std::size_t indent,
                 std::string* text) {
  std::string section;
  for (const ConfigValue& value : config.values) {
    if (value.group != group) continue;
    const std::size_t dot = value.key.find('.');
    const std::string new_section = dot == std::string::npos ? "" : value.key.substr(0, dot);
    if (new_section != section && !new_section.empty()) {
      absl::StrAppend(text, std::string(indent, ' '), new_section, ":\n");
    }
    section = new_section;
    std::string line(indent + (section.empty() ? 0 : 2), ' ');
    absl::StrAppend(&line, section.empty() ? value.key : value.key.substr(dot + 1), ": ",
                    value.text);
    if (line.size() < kSourceColumn) line.resize(kSourceColumn, ' ');
    absl::StrAppend(text, line, "  # ", value.source, "\n");
  }
}

const ConfigValue* Find(const Config& config, const ConfigValue& wanted) {
  for (const ConfigValue& value : config.values) {
    if (value.group == wanted.group && value.key == wanted.key) return &value;
  }
  return nullptr;
}

const GroupConfig* FindGroup(const Config& config, const std::string& name) {
  for (const GroupConfig& group : config.groups) {
    if (group.name == name) return &group;
  }
  return nullptr;
}

std::string NameOf(const ConfigValue& value) {
  if (value.group.empty()) return value.key;
  return absl::StrCat("groups[", value.group, "].", value.key);
}

ConfigDraft DraftOf(const Config& config, const std::string& group) {
  ConfigDraft draft;
  draft.config = config;
  const GroupConfig* found = FindGroup(config, group);
  if (found != nullptr) draft.group.config = *found;
  return draft;
}

// Takes one value of `loaded` over into `config`.
void TakeOver(const ConfigKey& key, const ConfigValue& value, const Config& loaded,
              Config* config) {
  ConfigDraft draft = DraftOf(*config, value.group);
  key.copy(DraftOf(loaded, value.group), &draft);
  for (ConfigValue& old : draft.config.values) {
    if (old.group == value.group && old.key == value.key) old = value;
  }
  for (GroupConfig& group : draft.config.groups) {
    if (group.name == value.group) group = draft.group.config;
  }
  *config = std::move(draft.config);
}

const ConfigKey& KeyOf(const ConfigValue& value) {
  return *std::find_if(ConfigKeys().begin(), ConfigKeys().end(),
                       [&](const ConfigKey& key) { return key.path == value.key; });
}

}  // namespace

absl::StatusOr<Config> ParseConfig(absl::string_view yaml, const ConfigSources& sources) {
  ConfigSources named = sources;
  if (named.file.empty()) named.file = "configuration";
  return ConfigReader(named).Read(yaml);
}

absl::StatusOr<Config> LoadConfig(const ConfigSources& sources) {
  std::ifstream file(sources.file);
  if (file.is_open()) file.peek();  // Finds out that a folder can not be read.
  if (!file.is_open() || file.bad()) {
    const std::string fault = absl::StrCat(sources.file, ": ", std::strerror(errno));
    if (errno == EACCES) return absl::PermissionDeniedError(fault);
    return errno == ENOENT ? absl::NotFoundError(fault) : absl::UnavailableError(fault);
  }
  std::stringstream text;
  text << file.rdbuf();
  return ParseConfig(text.str(), sources);
}

std::string PrintConfig(const Config& config) {
  std::string text;
  PrintValues(config, "", 0, &text);
  absl::StrAppend(&text, "groups:\n");
  for (const GroupConfig& group : config.groups) {
    std::string lines;
    PrintValues(config, group.name, 4, &lines);
    lines[2] = '-';
    absl::StrAppend(&text, lines);
  }
  return text;
}

ConfigChange CompareConfigs(const Config& running, const Config& loaded) {
  ConfigChange change;
  change.config = running;
  change.config.warnings = loaded.warnings;
  for (const ConfigValue& value : loaded.values) {
    const ConfigValue* old = Find(running, value);
    if (old == nullptr || old->text == value.text) continue;
    const std::string text = absl::StrCat(NameOf(value), " ", old->text, " -> ", value.text);
    const ConfigKey& key = KeyOf(value);
    if (key.reloadable) {
      TakeOver(key, value, loaded, &change.config);
      change.applied.push_back(text);
    } else {
      change.restart.push_back(text);
    }
  }
  for (const GroupConfig& group : loaded.groups) {
    if (FindGroup(running, group.name) == nullptr) {
      change.restart.push_back(absl::StrCat("groups[", group.name, "] is new"));
    }
  }
  for (const GroupConfig& group : running.groups) {
    if (FindGroup(loaded, group.name) == nullptr) {
      change.restart.push_back(absl::StrCat("groups[", group.name, "] is gone"));
    }
  }
  return change;
}

}  // namespace ballast
