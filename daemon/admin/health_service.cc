#include "daemon/admin/health_service.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

#include "ballast/v1/query.pb.h"
#include "daemon/observe/version.h"

namespace ballast {
namespace {

std::uint64_t SizeOf(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

// `path`: of the SQLite file; empty: a store in memory.
void FillStoreSpace(const std::string& path, v1::DaemonHealth* health) {
  health->set_store_kind(path.empty() ? "memory" : "sqlite");
  if (path.empty()) return;
  health->set_store_path(path);
  health->set_store_bytes(SizeOf(path) + SizeOf(path + "-wal"));
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  if (error) return;
  health->set_store_free_bytes(space.available);
  health->set_store_capacity_bytes(space.capacity);
}

}  // namespace

absl::Status AnswerHealth(const QueryServiceParts& parts, const v1::GetHealthRequest&,
                          v1::DaemonHealth* answer) {
  answer->set_version(Version());
  answer->set_daemon_id(parts.daemon_id);
  answer->set_term(parts.term);
  answer->set_uptime_seconds(absl::ToDoubleSeconds(parts.clock.Uptime() - parts.started));
  answer->set_now_unix_seconds(absl::ToDoubleSeconds(parts.clock.WallNow() - absl::UnixEpoch()));
  if (parts.readiness) {
    for (const HealthCheck& check : parts.readiness()) {
      v1::NamedCheck* out = answer->add_checks();
      out->set_name(check.name);
      out->set_ok(check.ok);
      out->set_detail(check.detail);
    }
  }
  FillStoreSpace(parts.store_path, answer);
  answer->set_store_fault(std::string(parts.store.WriteFault().message()));
  return absl::OkStatus();
}

}  // namespace ballast
