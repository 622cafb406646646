#include "client/fleet/planner_query.h"

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>

#include <memory>

#include "ballast/v1/query.grpc.pb.h"

namespace ballast {
namespace {

constexpr int kDeadlineSeconds = 3;

}  // namespace

std::string AskPlanner(const std::string& daemon_address, const std::string& ep_group) {
  const std::unique_ptr<v1::Query::Stub> stub =
      v1::Query::NewStub(grpc::CreateChannel(daemon_address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(gpr_time_from_seconds(kDeadlineSeconds, GPR_TIMESPAN));
  v1::GetStatusRequest request;
  request.set_ep_group(ep_group);
  v1::DaemonStatus status;
  if (!stub->GetStatus(&context, request, &status).ok()) return "";
  return status.groups_size() > 0 ? status.groups(0).planner() : "";
}

}  // namespace ballast
