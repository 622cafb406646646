#ifndef BALLAST_DAEMON_APP_CONFIG_H_
#define BALLAST_DAEMON_APP_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/control/group_config.h"

namespace ballast {

enum class StoreKind { kSqlite, kMemory };
enum class LogFormat { kLogfmt, kJson };

// Everything `ballastd` is told by its YAML file. docs/configuration.md lists the keys.
struct Config {
  // `grpc.listen`: HOST:PORT of all gRPC services; port 0 takes a free one.
  std::string grpc_listen = "127.0.0.1:7441";
  // `http.listen`: HOST:PORT of /metrics, /livez, /readyz; empty: no HTTP.
  std::string http_listen = "127.0.0.1:7442";
  // `store.kind`: sqlite, or memory (forgets everything on restart).
  StoreKind store_kind = StoreKind::kSqlite;
  // `store.path`: the SQLite file; its folder must exist. A lock file lies beside it.
  std::string store_path = "/var/lib/ballastd/ballast.db";
  // `admin.socket`: the Unix socket of the admin service; empty: none. By default
  // admin.sock in the folder of store.path, none for a store in memory.
  std::string admin_socket;
  // `admin.audit_path`: one JSON line for each admin call; empty: in the log only. By default
  // audit.log in the folder of store.path, none for a store in memory.
  std::string admin_audit_path;
  // `log.level`: trace, debug, info, warn, error. `log.format`: logfmt, json.
  std::string log_level = "info";
  LogFormat log_format = LogFormat::kLogfmt;
  // `session.heartbeat_period`: how often a worker proves that it lives; 100 ms .. 60 s.
  absl::Duration heartbeat_period = absl::Seconds(2);
  // `session.write_deadline`: a session that takes nothing for so long is closed; 100 ms .. 1 h.
  absl::Duration write_deadline = absl::Seconds(10);
  // `session.report_period`: how often a worker reports its counters; 10 ms .. 60 s.
  absl::Duration report_period = absl::Seconds(1);
  // `groups`: at least one; names differ.
  std::vector<GroupConfig> groups;
};

// Reads a configuration. All faults are reported at once, one line each, as
// InvalidArgument: "line 12: groups[0].planning.min_gian is no key; nearest is min_gain".
absl::StatusOr<Config> ParseConfig(absl::string_view yaml);

// ParseConfig() of a file. NotFound or Unavailable if it can not be read.
absl::StatusOr<Config> LoadConfig(const std::string& path);

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_CONFIG_H_
