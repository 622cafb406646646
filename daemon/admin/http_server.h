#ifndef BALLAST_DAEMON_ADMIN_HTTP_SERVER_H_
#define BALLAST_DAEMON_ADMIN_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/admin/status_report.h"

namespace ballast {

// A JSON document and its HTTP status.
struct ApiReply {
  int code = 200;
  std::string body;
};

// What the HTTP port answers with. All functions are called from the server's threads
// and must be thread-safe.
struct HttpContent {
  std::function<std::string()> metrics;  // Text format 0.0.4.
  std::function<std::vector<HealthCheck>()> liveness;
  std::function<std::vector<HealthCheck>()> readiness;
  // Paths that begin with "/api/", and the query string without its "?". Empty: no such paths.
  std::function<ApiReply(const std::string& path, const std::string& query)> api = {};
};

// GET /metrics, /livez and /readyz (add ?verbose for the checks by name, &exclude=NAME to leave
// one out); 503 if a check fails. /api/ is what the content makes of it; 404 with the list of paths
// elsewhere. Read-only; plain HTTP: bind it to loopback or put a proxy with TLS before it.
class HttpServer {
 public:
  // `listen`: HOST:PORT; port 0 takes a free one. Unavailable, naming the address, if it
  // can not be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen,
                                                           HttpContent content);
  virtual ~HttpServer() = default;  // Ends the threads.

  virtual int port() const = 0;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_HTTP_SERVER_H_
