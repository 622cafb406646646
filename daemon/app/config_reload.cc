#include "daemon/app/config_reload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace ballast {

ConfigReload::ConfigReload(ConfigSources sources, Config running, Daemon& daemon, EventLog& log)
    : sources_(std::move(sources)), running_(std::move(running)), daemon_(daemon), log_(log) {}

void ConfigReload::Run() {
  const absl::StatusOr<Config> loaded = LoadConfig(sources_);
  daemon_.NoteReload(loaded.ok());
  if (!loaded.ok()) {
    log_.Write(Severity::kError, "config.reload_refused",
               {{"errors", absl::StrReplaceAll(loaded.status().message(), {{"\n", "; "}})},
                {"detail", "the running configuration stays"}});
    return;
  }
  const ConfigChange change = CompareConfigs(running_, *loaded);
  daemon_.Reconfigure(change.config);
  // What happened is told at the level that shows it, old or new.
  const bool was_quiet = running_.log_level == "warn" || running_.log_level == "error";
  const bool new_level = change.config.log_level != running_.log_level;
  // The configuration knows the names, so setting one does not fail.
  if (new_level && was_quiet) log_.SetLevel(change.config.log_level).IgnoreError();
  Report(change);
  if (new_level && !was_quiet) log_.SetLevel(change.config.log_level).IgnoreError();
  running_ = change.config;
}

void ConfigReload::Report(const ConfigChange& change) {
  for (const std::string& warning : change.config.warnings) {
    log_.Write(Severity::kWarn, "config.odd", {{"detail", warning}});
  }
  log_.Write(
      Severity::kInfo, "config.reloaded",
      {{"changed", change.applied.empty() ? "nothing" : absl::StrJoin(change.applied, "; ")}});
  if (!change.restart.empty()) {
    log_.Write(Severity::kWarn, "config.restart_needed",
               {{"keys", absl::StrJoin(change.restart, "; ")}});
  }
}

}  // namespace ballast
