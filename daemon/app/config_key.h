#ifndef BALLAST_DAEMON_APP_CONFIG_KEY_H_
#define BALLAST_DAEMON_APP_CONFIG_KEY_H_

#include <yaml-cpp/yaml.h>

#include <functional>
#include <string>
#include <vector>

#include "daemon/app/config.h"

namespace ballast {

// What the keys of one EP group are read into.
struct GroupDraft {
  // Its topology is made of the members below, once all are read.
  GroupConfig config{"", {}, *Topology::Uniform(1, 1, 1), "eplb", {}, {}, {}, {}};
  int ranks = 0;
  int row_size = 0;
  std::vector<int> slots_per_rank;     // [1] for all, or [ranks].
  std::vector<double> speeds = {1.0};  // The same.
};

// What the keys of the process and of one group are read into.
struct ConfigDraft {
  Config config;
  GroupDraft group;
};

enum class KeyPlace {
  kProcess,  // At the top of the file.
  kShared,   // At the top for all groups, or in a group.
  kGroup,    // In a group.
};

// One key of the configuration. Everything about it is said here and nowhere else: the parser,
// --print-config, the environment, the reference and the example file follow.
struct ConfigKey {
  std::string path;  // "planning.min_gain"; in a group without the group.
  KeyPlace place = KeyPlace::kProcess;
  std::string type;     // "duration", "integer", ...
  std::string unit;     // "steps"; "" if the type says it or there is none.
  std::string preset;   // The default, in words if it depends on other keys.
  std::string range;    // "100ms .. 1m", "sqlite, memory"; "" for any text.
  std::string help;     // Sentences.
  std::string example;  // As YAML, for the example file; the default if empty.
  bool required = false;
  bool reloadable = false;  // Taken over on SIGHUP.

  // Takes a YAML value; returns what is wrong with it, to be put after the key's name.
  std::function<std::string(const YAML::Node& value, ConfigDraft* draft)> read;
  // The value as YAML.
  std::function<std::string(const ConfigDraft& draft)> print;
  std::function<void(const ConfigDraft& from, ConfigDraft* to)> copy;
};

// All keys, in the order in which they are listed; sections stay together.
const std::vector<ConfigKey>& ConfigKeys();

// "planning" of planning.min_gain; "" of ranks.
std::string SectionOf(const ConfigKey& key);

// "BALLAST_PLANNING_MIN_GAIN"
std::string EnvironmentName(const ConfigKey& key);

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_CONFIG_KEY_H_
