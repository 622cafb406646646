#ifndef BALLAST_CLIENT_CTL_ADMIN_CLIENT_H_
#define BALLAST_CLIENT_CTL_ADMIN_CLIENT_H_

#include <memory>
#include <optional>
#include <string>

#include "ballast/v1/admin.grpc.pb.h"
#include "client/ctl/command.h"
#include "client/ctl/ctl_error.h"

namespace ballast::ctl {

// Where the admin service of an installed daemon answers, as the example configuration has it;
// --socket or BALLAST_ADMIN_SOCKET name another place.
inline constexpr char kDefaultSocket[] = "/run/ballastd/admin.sock";

// Adds `--socket PATH`, with the environment variable and the default above.
void AddSocketOption(CLI::App* command, std::string* path);

// One daemon's admin service. Each call waits 15 s at most. The error is kExitUnreachable
// if nobody answered, kExitDiffers if the operation is not answered yet, else kExitRefused
// with the daemon's reason.
class AdminClient {
 public:
  explicit AdminClient(std::string path);

  // Calls a method of the service: `client.Call(&v1::Admin::Stub::Pause, request, &operation)`.
  template <typename Request, typename Response>
  std::optional<CtlError> Call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Response*),
                               const Request& request, Response* response) {
    grpc::ClientContext context;
    SetDeadline(context);
    return ErrorOf((stub_.get()->*method)(&context, request, response));
  }

 private:
  static void SetDeadline(grpc::ClientContext& context);
  std::optional<CtlError> ErrorOf(const grpc::Status& status) const;

  std::string path_;
  std::unique_ptr<v1::Admin::Stub> stub_;
};

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_ADMIN_CLIENT_H_
