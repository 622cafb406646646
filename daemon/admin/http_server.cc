#include "daemon/admin/http_server.h"

#include <civetweb.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace ballast {
namespace {

// A connection that says nothing holds a thread for the timeout, and probes must not wait for
// it. Chosen: more than the scrapers, probes and browsers of one daemon together; a request of
// one packet needs no second on the slowest network.
constexpr char kThreads[] = "32";
constexpr char kRequestTimeoutMs[] = "2000";

struct Answer {
  int code = 200;
  const char* content_type = "text/plain; charset=utf-8";
  std::string body;
};

// "verbose" and "exclude=NAME", which may be given again, joined by "&".
struct HealthQuery {
  bool verbose = false;
  std::set<absl::string_view> excluded;
};

HealthQuery ParseHealthQuery(absl::string_view text) {
  HealthQuery query;
  for (absl::string_view part : absl::StrSplit(text, '&')) {
    if (part == "verbose" || part == "verbose=1") query.verbose = true;
    if (absl::ConsumePrefix(&part, "exclude=")) query.excluded.insert(part);
  }
  return query;
}

Answer HealthAnswer(const std::vector<HealthCheck>& checks, const HealthQuery& query) {
  Answer answer;
  bool all_ok = true;
  for (const HealthCheck& check : checks) {
    if (query.excluded.contains(check.name)) {
      if (query.verbose) absl::StrAppend(&answer.body, "[ ]", check.name, " excluded\n");
      continue;
    }
    all_ok = all_ok && check.ok;
    if (query.verbose || !check.ok) {
      absl::StrAppend(&answer.body, check.ok ? "[+]" : "[-]", check.name, " ",
                      check.ok ? "ok" : "failed", ": ", check.detail, "\n");
    }
  }
  for (const absl::string_view name : query.excluded) {
    if (std::none_of(checks.begin(), checks.end(),
                     [&](const HealthCheck& check) { return check.name == name; })) {
      absl::StrAppend(&answer.body, "there is no check ", absl::CHexEscape(name), " to exclude\n");
    }
  }
  absl::StrAppend(&answer.body, all_ok ? "ok\n" : "failed\n");
  answer.code = all_ok ? 200 : 503;
  return answer;
}

Answer NotAllowed(bool as_json) {
  if (!as_json) return {405, "text/plain", "only GET and HEAD\n"};
  return {405, "application/json",
          "{\"error\":{\"code\":\"UNIMPLEMENTED\",\"message\":\"only GET and HEAD\"}}\n"};
}

class CivetServer final : public HttpServer {
 public:
  explicit CivetServer(HttpContent content) : content_(std::move(content)) {}

  ~CivetServer() override {
    if (context_ != nullptr) mg_stop(context_);
  }

  absl::Status Listen(const std::string& listen) {
    const char* options[] = {"listening_ports",    listen.c_str(),    "num_threads", kThreads,
                             "request_timeout_ms", kRequestTimeoutMs, nullptr};
    mg_callbacks callbacks;
    std::memset(&callbacks, 0, sizeof(callbacks));
    callbacks.log_message = [](const mg_connection*, const char*) { return 1; };
    context_ = mg_start(&callbacks, nullptr, options);
    if (context_ == nullptr) {
      return absl::UnavailableError(absl::StrCat("cannot listen on http ", listen,
                                                 ": address in use or not of this machine"));
    }
    mg_server_port port;
    if (mg_get_server_ports(context_, 1, &port) == 1) port_ = port.port;
    mg_set_request_handler(context_, "/", &CivetServer::Handle, this);
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  static int Handle(mg_connection* connection, void* self) {
    const mg_request_info* request = mg_get_request_info(connection);
    const Answer answer = static_cast<CivetServer*>(self)->AnswerTo(*request);
    const bool head = absl::string_view(request->request_method) == "HEAD";
    mg_printf(connection,
              "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
              "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n",
              answer.code, mg_get_response_code_text(connection, answer.code), answer.content_type,
              answer.body.size());
    if (!head) mg_write(connection, answer.body.data(), answer.body.size());
    return answer.code;
  }

  Answer AnswerTo(const mg_request_info& request) const {
    const absl::string_view method(request.request_method);
    const absl::string_view path(request.local_uri);
    if (method != "GET" && method != "HEAD") return NotAllowed(absl::StartsWith(path, "/api/"));
    const char* query_string = request.query_string == nullptr ? "" : request.query_string;
    if (content_.api && absl::StartsWith(path, "/api/")) {
      ApiReply reply = content_.api(std::string(path), query_string);
      return {reply.code, "application/json", std::move(reply.body)};
    }
    const HealthQuery query = ParseHealthQuery(query_string);
    if (path == "/metrics") {
      return {200, "text/plain; version=0.0.4; charset=utf-8", content_.metrics()};
    }
    if (path == "/livez") return HealthAnswer(content_.liveness(), query);
    if (path == "/readyz") return HealthAnswer(content_.readiness(), query);
    return {404, "text/plain",
            "there are /metrics, /livez, /readyz (add ?verbose), /api/v1/status, groups, workers, "
            "plans, plan, plan/diff, explain, load, coverage, health\n"};
  }

  const HttpContent content_;
  mg_context* context_ = nullptr;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& listen,
                                                              HttpContent content) {
  auto server = std::make_unique<CivetServer>(std::move(content));
  const absl::Status status = server->Listen(listen);
  if (!status.ok()) return status;
  return server;
}

}  // namespace ballast
