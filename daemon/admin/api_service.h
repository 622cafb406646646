#ifndef BALLAST_DAEMON_ADMIN_API_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_API_SERVICE_H_

#include <string>

#include "daemon/admin/http_server.h"
#include "daemon/admin/query_service.h"

namespace ballast {

// ballast.v1.Query over HTTP: `path` is "/api/v1/...", `query` is "name=value&..." with
// percent escapes. The body is the answer's MessageJson() and a line end, the same bytes as
// `ballastctl -o json` prints; of an error {"error": {code, message}} with the status:
// 400 for a wrong value or name, 404 for what is not there (a path: with those there are),
// 409 for what the state forbids, 503 and 500 for the store. Thread-safe.
ApiReply AnswerApi(const QueryServiceParts& parts, const std::string& path,
                   const std::string& query);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_API_SERVICE_H_
