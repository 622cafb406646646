#include "client/ctl/query_client.h"

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/message_json.h"

namespace ballast::ctl {
namespace {

constexpr int kDeadlineSeconds = 3;

absl::StatusCode CodeOf(const grpc::Status& status) {
  return static_cast<absl::StatusCode>(status.error_code());
}

}  // namespace

void AddDaemonOption(CLI::App* command, std::string* address) {
  *address = kDefaultDaemon;
  command->add_option("--daemon", *address, "HOST:PORT of the daemon's gRPC port")
      ->envname("BALLAST_DAEMON")
      ->capture_default_str();
}

QueryClient::QueryClient(std::string address)
    : address_(std::move(address)),
      stub_(v1::Query::NewStub(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()))) {
}

std::optional<CtlError> QueryClient::ErrorOf(const grpc::Status& status) const {
  if (status.ok()) return std::nullopt;
  CtlError error;
  error.code = absl::StatusCodeToString(CodeOf(status));
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    error.exit_code = kExitUnreachable;
    error.message =
        absl::StrCat("cannot reach the daemon at ", address_, " (", status.error_message(),
                     "). Does ballastd run there? --daemon HOST:PORT or "
                     "BALLAST_DAEMON name another address.");
    return error;
  }
  error.message = absl::StrCat("the daemon at ", address_, " refuses: ", status.error_message());
  return error;
}

// A time span, which gRPC takes from now on.
void QueryClient::SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(gpr_time_from_seconds(kDeadlineSeconds, GPR_TIMESPAN));
}

void PrintMessage(const google::protobuf::Message& message, OutputForm form, std::ostream& out) {
  const std::string text = MessageJson(message);
  if (form == OutputForm::kJson) {
    out << text << "\n";
  } else {
    PrintDocument(nlohmann::json::parse(text), form, out);
  }
}

std::string ShowPlan(const v1::PlanId& id) {
  if (id.version().term() == 0 && id.version().sequence() == 0) return "initial";
  constexpr std::size_t kShownBytes = 4;
  return absl::StrCat(id.version().term(), ".", id.version().sequence(), " (",
                      absl::BytesToHexString(id.digest().substr(0, kShownBytes)), ")");
}

}  // namespace ballast::ctl
