#include "daemon/admin/health_service.h"

#include <cstdint>
#include <filesystem>
#include <system_error>

#include "ballast/v1/query.pb.h"

namespace ballast {
namespace {

std::uint64_t SizeOf(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

}  // namespace

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

}  // namespace ballast
