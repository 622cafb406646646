#include "daemon/admin/admin_server.h"

#include <fcntl.h>
#include <grpc/support/time.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/server_builder_option.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

// Chosen: as for the other server.
constexpr int kShutdownSeconds = 5;

using Plugins = std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>;

// The plugin is registered for the whole process; each server says whether it wants it.
class Reflection final : public grpc::ServerBuilderOption {
 public:
  explicit Reflection(bool wanted) : wanted_(wanted) {}

  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(Plugins* plugins) override {
    auto plugin = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    std::erase_if(*plugins, [&](const auto& other) { return other->name() == plugin->name(); });
    if (wanted_) plugins->push_back(std::move(plugin));
  }

 private:
  const bool wanted_;
};

// Of the system error `error`: what a restart cures, and what it does not, are told apart.
absl::Status FileFault(const std::string& path, int error) {
  const std::string text = absl::StrCat("admin socket ", path, ": ", std::strerror(error));
  const bool denied = error == EACCES || error == EPERM;
  return denied ? absl::PermissionDeniedError(text) : absl::UnavailableError(text);
}

// gRPC does not say why it can not bind.
absl::Status CheckFolder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return absl::OkStatus();
  return FileFault(path, errno);
}

absl::Status CannotListen(const std::string& path, const std::string& why) {
  return absl::ResourceExhaustedError(absl::StrCat("admin socket ", path, ": ", why));
}

bool SomebodyListens(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

absl::Status RemoveLeftover(const std::string& path) {
  struct stat file = {};
  if (lstat(path.c_str(), &file) != 0) {
    return errno == ENOENT ? absl::OkStatus() : FileFault(path, errno);
  }
  if (!S_ISSOCK(file.st_mode)) return CannotListen(path, "there is a file that is no socket");
  if (SomebodyListens(path)) return CannotListen(path, "another process listens there");
  if (unlink(path.c_str()) != 0) return FileFault(path, errno);
  return absl::OkStatus();
}

class UnixServer final : public AdminServer {
 public:
  explicit UnixServer(std::string path) : path_(std::move(path)) {}

  ~UnixServer() override {
    if (server_ == nullptr) return;
    server_->Shutdown(gpr_time_from_seconds(kShutdownSeconds, GPR_TIMESPAN));
    server_->Wait();
    unlink(path_.c_str());
  }

  absl::Status Listen(const std::vector<grpc::Service*>& services) {
    if (path_.size() > kMaxSocketPath) {
      return CannotListen(path_, absl::StrCat("longer than ", kMaxSocketPath, " bytes"));
    }
    BALLAST_RETURN_IF_ERROR(CheckFolder(path_));
    BALLAST_RETURN_IF_ERROR(RemoveLeftover(path_));
    grpc::ServerBuilder builder;
    builder.SetOption(std::make_unique<Reflection>(true));
    builder.AddListeningPort("unix:" + path_, grpc::InsecureServerCredentials());
    for (grpc::Service* service : services) builder.RegisterService(service);
    // Others must not get in between bind and chmod.
    const mode_t before = umask(0177);
    server_ = builder.BuildAndStart();
    umask(before);
    struct stat file = {};
    if (server_ == nullptr || stat(path_.c_str(), &file) != 0) {
      return CannotListen(path_, "can not be made");
    }
    return absl::OkStatus();
  }

 private:
  const std::string path_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(
    const std::string& path, const std::vector<grpc::Service*>& services) {
  auto server = std::make_unique<UnixServer>(path);
  BALLAST_RETURN_IF_ERROR(server->Listen(services));
  return server;
}

std::unique_ptr<grpc::ServerBuilderOption> WithoutReflection() {
  return std::make_unique<Reflection>(false);
}

}  // namespace ballast
