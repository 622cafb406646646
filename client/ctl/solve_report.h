#ifndef BALLAST_CLIENT_CTL_SOLVE_REPORT_H_
#define BALLAST_CLIENT_CTL_SOLVE_REPORT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "client/ctl/solve_request.h"
#include "core/solver/certificate.h"
#include "core/solver/layer_split.h"
#include "core/solver/planner.h"

namespace ballast::ctl {

// Everything that `solve` knows when it is done.
struct SolveReport {
  std::string planner;
  std::uint64_t seed = 0;
  double solve_ms = 0;  // The planner alone.
  PlanResult result;
  std::vector<LayerSplit> splits;  // [num_layers]
  Certificate certificate;         // Under the request's router.
};

// Splits and certifies the planner's result, which passes CheckPlan().
SolveReport MakeSolveReport(const SolveRequest& request, PlanResult result);

// The answer as one document; the keys are a contract.
nlohmann::json SolveJson(const SolveRequest& request, const SolveReport& report);

// One line per layer and the sums.
void PrintSolveTable(const SolveRequest& request, const SolveReport& report, std::ostream& out);

// {total: {value, lower_bound, gap}, per_layer: [...]}; what is absent is null.
nlohmann::json CertificateJson(const Certificate& certificate);

// Bounds without a placement.
void PrintBoundTable(const Certificate& certificate, std::ostream& out);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_SOLVE_REPORT_H_
