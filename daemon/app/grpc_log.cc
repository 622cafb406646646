#include "daemon/app/grpc_log.h"

#include <grpc/support/log.h>

#include <atomic>

namespace ballast {
namespace {

// gRPC takes a plain function, so the log that it writes to is one per process.
std::atomic<EventLog*> grpc_log{nullptr};

void WriteGrpcLine(gpr_log_func_args* line) {
  EventLog* const log = grpc_log.load();
  if (log == nullptr) return;
  const bool is_error = line->severity == GPR_LOG_SEVERITY_ERROR;
  log->Write(is_error ? Severity::kWarn : Severity::kDebug, is_error ? "grpc.error" : "grpc.info",
             {{"text", line->message}});
}

}  // namespace

void RouteGrpcLog(EventLog& log) {
  grpc_log.store(&log);
  gpr_set_log_function(&WriteGrpcLine);
}

}  // namespace ballast
