#ifndef BALLAST_CLIENT_CTL_QUERY_CLIENT_H_
#define BALLAST_CLIENT_CTL_QUERY_CLIENT_H_

#include <memory>
#include <optional>
#include <string>

#include "ballast/v1/query.grpc.pb.h"
#include "client/ctl/command.h"
#include "client/ctl/ctl_error.h"

namespace ballast::ctl {

// Where the daemon answers, unless --daemon or BALLAST_DAEMON say otherwise.
inline constexpr char kDefaultDaemon[] = "127.0.0.1:7441";

// Adds `--daemon HOST:PORT`, with the environment variable and the default above.
void AddDaemonOption(CLI::App* command, std::string* address);

// One daemon's query service. Each call waits 3 s at most; the error is
// kExitUnreachable if nobody answered, else kExitRefused with the daemon's message.
class QueryClient {
 public:
  explicit QueryClient(std::string address);

  std::optional<CtlError> GetStatus(const v1::GetStatusRequest& request, v1::DaemonStatus* status);
  std::optional<CtlError> GetPlan(const v1::GetPlanRequest& request, v1::Plan* plan);
  std::optional<CtlError> Explain(const v1::ExplainRequest& request, v1::Explanation* explanation);

 private:
  std::optional<CtlError> ErrorOf(const grpc::Status& status) const;

  std::string address_;
  std::unique_ptr<v1::Query::Stub> stub_;
};

// Protobuf's JSON form with the field names of the .proto; fields of plain type are
// printed even if they are 0 or empty. One line, no line end.
std::string MessageJson(const google::protobuf::Message& message);

// Prints a message as JSON or YAML. Not for kTable.
void PrintMessage(const google::protobuf::Message& message, OutputForm form, std::ostream& out);

// "7.42 (a91f03c2)": version and the first bytes of the digest; "initial" before any plan.
std::string ShowPlan(const v1::PlanId& id);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_QUERY_CLIENT_H_
