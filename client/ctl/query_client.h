#ifndef BALLAST_CLIENT_CTL_QUERY_CLIENT_H_
#define BALLAST_CLIENT_CTL_QUERY_CLIENT_H_

#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "ballast/v1/query.grpc.pb.h"
#include "client/ctl/command.h"
#include "client/ctl/ctl_error.h"
#include "client/ctl/text_table.h"

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

  // One call: Call(&v1::Query::Stub::GetPlan, request, &plan).
  template <typename Request, typename Answer>
  std::optional<CtlError> Call(grpc::Status (v1::Query::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Answer*),
                               const Request& request, Answer* answer) {
    grpc::ClientContext context;
    SetDeadline(context);
    return ErrorOf((stub_.get()->*method)(&context, request, answer));
  }

 private:
  static void SetDeadline(grpc::ClientContext& context);
  std::optional<CtlError> ErrorOf(const grpc::Status& status) const;

  std::string address_;
  std::unique_ptr<v1::Query::Stub> stub_;
};

// Prints a message as JSON or YAML. Not for kTable.
void PrintMessage(const google::protobuf::Message& message, OutputForm form, std::ostream& out);

// Prints a message in any form; `table` prints it for people.
template <typename Answer>
void Show(const Answer& answer, OutputForm form, void (*table)(const Answer&, std::ostream&),
          std::ostream& out) {
  if (form == OutputForm::kTable) {
    std::ostringstream text;
    table(answer, text);
    out << Harmless(text.str());
  } else {
    PrintMessage(answer, form, out);
  }
}

// "7.42 (a91f03c2)": version and the first bytes of the digest; "initial" before any plan.
std::string ShowPlan(const v1::PlanId& id);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_QUERY_CLIENT_H_
