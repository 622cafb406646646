#include "daemon/admin/grpc_status.h"

#include <grpcpp/grpcpp.h>

#include <string>

namespace ballast {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  const absl::StatusCode code =
      absl::IsUnavailable(status) ? absl::StatusCode::kAborted : status.code();
  return grpc::Status(static_cast<grpc::StatusCode>(code), std::string(status.message()));
}

}  // namespace ballast
