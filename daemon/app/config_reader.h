#ifndef BALLAST_DAEMON_APP_CONFIG_READER_H_
#define BALLAST_DAEMON_APP_CONFIG_READER_H_

#include <yaml-cpp/yaml.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/app/config.h"
#include "daemon/app/config_key.h"

namespace ballast {

// One reading of one configuration: the file, then what the environment and the flags set, then
// whether it all fits together. Faults are collected, so that people see all of them at once.
// Not thread-safe.
class ConfigReader {
 public:
  explicit ConfigReader(const ConfigSources& sources);

  // See ParseConfig(). Call once.
  absl::StatusOr<Config> Read(absl::string_view yaml);

 private:
  // A mapping of the file and what its keys are read into.
  struct Scope {
    std::string path;  // "groups[0]"; "" at the top.
    ConfigDraft* draft = nullptr;
    std::map<std::string, std::string> sources;  // Of each key that was given.
  };
  // A value from outside the file.
  struct Override {
    const ConfigKey* key = nullptr;
    std::string text;
    std::string source;  // "env BALLAST_LOG_LEVEL", "flag --set"
  };

  void CollectOverrides();
  void CollectEnvironment();
  void CollectSettings();
  void AddOverride(const ConfigKey& key, const std::string& text, const std::string& source);
  void Apply(const Override& override, Scope* scope) const;

  void ReadMapping(const YAML::Node& node, const std::string& section, Scope* scope);
  void ReadEntry(const YAML::Node& key, const YAML::Node& value, const std::string& section,
                 Scope* scope);
  void ReadGroups(const YAML::Node& node, const Scope& root);
  void ReadGroup(const YAML::Node& node, const std::string& path, const Scope& root);

  void CheckRequired(const Scope& scope);
  void CheckGroup(Scope* scope);
  void FinishProcess(Scope* root) const;
  void TakeValues(const Scope& scope, bool of_group);

  static std::string FullPath(const Scope& scope, const std::string& path);
  // A key's fault where it was given, else at its group.
  void FaultAt(const Scope& scope, const std::string& path, const std::string& text);
  void AddFault(int line, const std::string& text);

  const ConfigSources& from_;
  std::vector<Override> overrides_;
  std::map<std::string, int> lines_;  // Of every path of the file, from 1.
  std::set<std::pair<int, std::string>> faults_;
  std::set<std::string> names_;  // Of groups.
  void WarnOfOpenPorts();

  std::vector<std::string> warnings_;
  Config config_;
};

// The candidate with the least edit distance to `word`; "" if there are none.
std::string NearestWord(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_CONFIG_READER_H_
