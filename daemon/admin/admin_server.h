#ifndef BALLAST_DAEMON_ADMIN_ADMIN_SERVER_H_
#define BALLAST_DAEMON_ADMIN_ADMIN_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace grpc {
class ServerBuilderOption;
class Service;
}  // namespace grpc

namespace ballast {

// The longest path that a Unix socket can have.
inline constexpr int kMaxSocketPath = 107;

// A gRPC server with reflection on a Unix socket of mode 0600: whoever may open the file
// may steer the daemon.
class AdminServer {
 public:
  // A socket that nobody listens on, as a killed process leaves behind, is replaced.
  // All errors name the path. PermissionDenied: its folder may not be written to. Unavailable:
  // there is no such folder. ResourceExhausted: somebody listens there, it is no socket, or it
  // can not be made. `services` must outlive the server.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(
      const std::string& path, const std::vector<grpc::Service*>& services);
  virtual ~AdminServer() = default;  // Ends calls within 5 s, removes the socket.
};

// For servers without reflection: linking its library turns it on for all.
std::unique_ptr<grpc::ServerBuilderOption> WithoutReflection();

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_ADMIN_SERVER_H_
