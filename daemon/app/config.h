#ifndef BALLAST_DAEMON_APP_CONFIG_H_
#define BALLAST_DAEMON_APP_CONFIG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/control/group_config.h"

namespace ballast {

enum class StoreKind { kSqlite, kMemory };
enum class LogFormat { kLogfmt, kJson };

// One key of the configuration as it is in force, for people.
struct ConfigValue {
  std::string group;   // Of a key of one EP group; "" for keys of the process.
  std::string key;     // "planning.min_gain"
  std::string text;    // As YAML.
  std::string source;  // "default", "ballastd.yaml:12", "env BALLAST_LOG_LEVEL", "flag --set".
};

// Everything that `ballastd` is told. config_keys.cc describes each key: name, type, range,
// default and meaning; docs/configuration.md is made of that.
struct Config {
  std::string grpc_listen = "127.0.0.1:7441";
  std::string http_listen = "127.0.0.1:7442";  // Empty: no HTTP.
  StoreKind store_kind = StoreKind::kSqlite;
  std::string store_path = "/var/lib/ballastd/ballast.db";
  std::string admin_socket;      // Empty: none.
  std::string admin_audit_path;  // Empty: in the log only.
  std::string log_level = "info";
  LogFormat log_format = LogFormat::kLogfmt;
  absl::Duration heartbeat_period = absl::Seconds(2);
  absl::Duration write_deadline = absl::Seconds(10);
  absl::Duration report_period = absl::Seconds(1);
  std::vector<GroupConfig> groups;  // At least one; names differ.

  std::vector<ConfigValue> values;    // Every key, those of the groups after the others.
  std::vector<std::string> warnings;  // What is odd and no fault, a line each.
};

// Where values come from. A later one wins: the defaults, the file (what stands at its top for
// all groups, then what a group says), the environment, the settings.
struct ConfigSources {
  std::string file;  // Path; also how faults call it.
  // Variables of the process; those that begin with BALLAST_ and name a key count, such as
  // BALLAST_PLANNING_MIN_GAIN.
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> settings;  // "planning.min_gain=0.05", in the order of the flags.
};

// Reads a configuration. All faults are reported at once, one line each in the order of the
// file, as InvalidArgument:
// "ballastd.yaml:12: groups[0].planning.min_gian is no key; nearest is min_gain".
absl::StatusOr<Config> ParseConfig(absl::string_view yaml, const ConfigSources& sources = {});

// ParseConfig() of sources.file. NotFound, PermissionDenied or Unavailable if it can not be
// read.
absl::StatusOr<Config> LoadConfig(const ConfigSources& sources);

// The configuration in force as YAML that means the same, with the source of each value.
std::string PrintConfig(const Config& config);

// What a newly read configuration means for a daemon that runs.
struct ConfigChange {
  Config config;                     // The running one with what could be taken over.
  std::vector<std::string> applied;  // "groups[demo].planning.min_gain 0.03 -> 0.05"
  std::vector<std::string> restart;  // The same, of what only a restart changes.
};
ConfigChange CompareConfigs(const Config& running, const Config& loaded);

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_CONFIG_H_
