#include "daemon/admin/query_service.h"

#include <grpcpp/grpcpp.h>

#include "ballast/v1/query.grpc.pb.h"
#include "daemon/admin/coverage_service.h"
#include "daemon/admin/explain_service.h"
#include "daemon/admin/grpc_status.h"
#include "daemon/admin/health_service.h"
#include "daemon/admin/load_query_service.h"
#include "daemon/admin/plan_service.h"
#include "daemon/admin/status_service.h"

namespace ballast {
namespace {

// Answers at once: all that is asked for is in memory or a short read of the store.
class QueryService final : public v1::Query::CallbackService {
 public:
  explicit QueryService(const QueryServiceParts& parts) : parts_(parts) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* GetStatus(Context* context, const v1::GetStatusRequest* request,
                     v1::DaemonStatus* answer) override {
    return Finish(context, AnswerStatus(parts_, *request, answer));
  }
  Reactor* ListGroups(Context* context, const v1::ListGroupsRequest* request,
                      v1::GroupList* answer) override {
    return Finish(context, AnswerGroups(parts_, *request, answer));
  }
  Reactor* ListWorkers(Context* context, const v1::ListWorkersRequest* request,
                       v1::WorkerList* answer) override {
    return Finish(context, AnswerWorkers(parts_, *request, answer));
  }
  Reactor* GetPlan(Context* context, const v1::GetPlanRequest* request, v1::Plan* answer) override {
    return Finish(context, AnswerPlan(parts_, *request, answer));
  }
  Reactor* ListPlans(Context* context, const v1::ListPlansRequest* request,
                     v1::PlanList* answer) override {
    return Finish(context, AnswerPlans(parts_, *request, answer));
  }
  Reactor* DiffPlans(Context* context, const v1::DiffPlansRequest* request,
                     v1::PlanDiff* answer) override {
    return Finish(context, AnswerDiff(parts_, *request, answer));
  }
  Reactor* Explain(Context* context, const v1::ExplainRequest* request,
                   v1::Explanation* answer) override {
    return Finish(context, AnswerExplain(parts_, *request, answer));
  }

  Reactor* GetLoad(Context* context, const v1::GetLoadRequest* request,
                   v1::GroupLoad* answer) override {
    return Finish(context, AnswerLoad(parts_, *request, answer));
  }
  Reactor* GetCoverage(Context* context, const v1::GetCoverageRequest* request,
                       v1::Coverage* answer) override {
    return Finish(context, AnswerCoverage(parts_, *request, answer));
  }
  Reactor* GetHealth(Context* context, const v1::GetHealthRequest* request,
                     v1::DaemonHealth* answer) override {
    return Finish(context, AnswerHealth(parts_, *request, answer));
  }

 private:
  static Reactor* Finish(Context* context, const absl::Status& status) {
    Reactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }

  const QueryServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeQueryService(const QueryServiceParts& parts) {
  return std::make_unique<QueryService>(parts);
}

}  // namespace ballast
