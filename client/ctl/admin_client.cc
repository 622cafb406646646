#include "client/ctl/admin_client.h"

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace ballast::ctl {
namespace {

// Above what the daemon waits for its own loops.
constexpr int kDeadlineSeconds = 15;

}  // namespace

void AddSocketOption(CLI::App* command, std::string* path) {
  *path = kDefaultSocket;
  command->add_option("--socket", *path, "Unix socket of the daemon's admin service")
      ->envname("BALLAST_ADMIN_SOCKET")
      ->capture_default_str();
}

AdminClient::AdminClient(std::string path)
    : path_(std::move(path)),
      stub_(v1::Admin::NewStub(
          grpc::CreateChannel("unix:" + path_, grpc::InsecureChannelCredentials()))) {}

void AdminClient::SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(gpr_time_from_seconds(kDeadlineSeconds, GPR_TIMESPAN));
}

std::optional<CtlError> AdminClient::ErrorOf(const grpc::Status& status) const {
  if (status.ok()) return std::nullopt;
  CtlError error;
  error.code = absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()));
  error.message = absl::StrCat("the daemon refuses: ", status.error_message());
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    error.exit_code = kExitUnreachable;
    error.message = absl::StrCat("cannot reach the daemon at ", path_, " (", status.error_message(),
                                 "). Does ballastd run, and may you open its socket? --socket PATH "
                                 "or BALLAST_ADMIN_SOCKET name another one.");
  } else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    error.exit_code = kExitDiffers;
    error.message = absl::StrCat("no answer yet: ", status.error_message());
  }
  return error;
}

}  // namespace ballast::ctl
