#include "daemon/admin/api_service.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "ballast/v1/query.pb.h"
#include "core/base/status_macros.h"
#include "daemon/admin/coverage_service.h"
#include "daemon/admin/explain_service.h"
#include "daemon/admin/health_service.h"
#include "daemon/admin/load_query_service.h"
#include "daemon/admin/plan_service.h"
#include "daemon/admin/status_service.h"
#include "proto/wire/message_json.h"
#include "proto/wire/query_text.h"

namespace ballast {
namespace {

using Parameters = std::map<std::string, std::string>;

absl::StatusOr<std::string> Unescape(absl::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
        !absl::ascii_isxdigit(text[i + 2])) {
      return absl::InvalidArgumentError(absl::StrCat("'", text, "': % begins no escape"));
    }
    plain += absl::HexStringToBytes(text.substr(i + 1, 2));
    i += 2;
  }
  return plain;
}

absl::StatusOr<Parameters> ParseQuery(const std::string& query,
                                      const std::vector<std::string>& known) {
  Parameters parameters;
  for (const absl::string_view part : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    BALLAST_ASSIGN_OR_RETURN(const std::string name, Unescape(field.first));
    BALLAST_ASSIGN_OR_RETURN(std::string value, Unescape(field.second));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("no parameter '", name,
                       "' here; there are: ", known.empty() ? "none" : absl::StrJoin(known, ", ")));
    }
    if (!parameters.emplace(name, std::move(value)).second) {
      return absl::InvalidArgumentError(absl::StrCat("parameter '", name, "' is given twice"));
    }
  }
  return parameters;
}

std::string Text(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

// Calls `set` with the number, if there is one.
template <typename Set>
absl::Status Number(const Parameters& parameters, const std::string& name, const Set& set) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return absl::OkStatus();
  std::uint32_t number = 0;
  if (!absl::SimpleAtoi(found->second, &number)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, "=", found->second, " is no number from 0 on"));
  }
  set(number);
  return absl::OkStatus();
}

// Calls `target` for the message to fill, if there is a version.
template <typename Target>
absl::Status Version(const Parameters& parameters, const std::string& name, const Target& target) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return absl::OkStatus();
  const absl::Status status = ParsePlanVersion(found->second, target());
  return status.ok() ? status
                     : absl::InvalidArgumentError(absl::StrCat(name, "=", status.message()));
}

template <typename Request, typename Answer>
absl::StatusOr<std::string> Json(absl::Status (*function)(const QueryServiceParts&, const Request&,
                                                          Answer*),
                                 const QueryServiceParts& parts, const Request& request) {
  Answer answer;
  BALLAST_RETURN_IF_ERROR(function(parts, request, &answer));
  return absl::StrCat(MessageJson(answer), "\n");
}

using Result = absl::StatusOr<std::string>;

Result Status(const QueryServiceParts& parts, const Parameters& parameters) {
  v1::GetStatusRequest request;
  request.set_ep_group(Text(parameters, "group"));
  return Json(&AnswerStatus, parts, request);
}

Result Groups(const QueryServiceParts& parts, const Parameters&) {
  return Json(&AnswerGroups, parts, v1::ListGroupsRequest());
}

Result Workers(const QueryServiceParts& parts, const Parameters& parameters) {
  v1::ListWorkersRequest request;
  request.set_ep_group(Text(parameters, "group"));
  request.set_state(Text(parameters, "state"));
  return Json(&AnswerWorkers, parts, request);
}

Result Plans(const QueryServiceParts& parts, const Parameters& parameters) {
  v1::ListPlansRequest request;
  request.set_ep_group(Text(parameters, "group"));
  BALLAST_RETURN_IF_ERROR(
      Number(parameters, "last", [&](std::uint32_t last) { request.set_limit(last); }));
  return Json(&AnswerPlans, parts, request);
}

Result OnePlan(const QueryServiceParts& parts, const Parameters& parameters) {
  v1::GetPlanRequest request;
  request.set_ep_group(Text(parameters, "group"));
  BALLAST_RETURN_IF_ERROR(
      Version(parameters, "version", [&] { return request.mutable_version(); }));
  return Json(&AnswerPlan, parts, request);
}

Result PlanDiff(const QueryServiceParts& parts, const Parameters& parameters) {
  v1::DiffPlansRequest request;
  request.set_ep_group(Text(parameters, "group"));
  if (!parameters.contains("from")) {
    return absl::InvalidArgumentError("from=TERM.SEQUENCE or from=initial is needed");
  }
  BALLAST_RETURN_IF_ERROR(Version(parameters, "from", [&] { return request.mutable_from(); }));
  BALLAST_RETURN_IF_ERROR(Version(parameters, "to", [&] { return request.mutable_to(); }));
  BALLAST_RETURN_IF_ERROR(
      Number(parameters, "layer", [&](std::uint32_t layer) { request.set_layer(layer); }));
  return Json(&AnswerDiff, parts, request);
}

Result Explain(const QueryServiceParts& parts, const Parameters& parameters) {
  v1::ExplainRequest request;
  request.set_ep_group(Text(parameters, "group"));
  request.set_limit(1);
  BALLAST_RETURN_IF_ERROR(
      Number(parameters, "last", [&](std::uint32_t last) { request.set_limit(last); }));
  return Json(&AnswerExplain, parts, request);
}

Result Load(const QueryServiceParts& parts, const Parameters& parameters) {
  v1::GetLoadRequest request;
  request.set_ep_group(Text(parameters, "group"));
  BALLAST_RETURN_IF_ERROR(
      Number(parameters, "layer", [&](std::uint32_t layer) { request.set_layer(layer); }));
  return Json(&AnswerLoad, parts, request);
}

Result Coverage(const QueryServiceParts& parts, const Parameters& parameters) {
  v1::GetCoverageRequest request;
  request.set_ep_group(Text(parameters, "group"));
  BALLAST_RETURN_IF_ERROR(
      Version(parameters, "version", [&] { return request.mutable_version(); }));
  if (const absl::Status lost = ParseLoss(Text(parameters, "lose"), &request); !lost.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("lose=", lost.message()));
  }
  return Json(&AnswerCoverage, parts, request);
}

Result Health(const QueryServiceParts& parts, const Parameters&) {
  return Json(&AnswerHealth, parts, v1::GetHealthRequest());
}

struct Route {
  const char* path;
  std::vector<std::string> parameters;
  Result (*answer)(const QueryServiceParts&, const Parameters&);
};

const std::vector<Route>& Routes() {
  static const auto* const routes = new std::vector<Route>{
      {"/api/v1/status", {"group"}, &Status},
      {"/api/v1/groups", {}, &Groups},
      {"/api/v1/workers", {"group", "state"}, &Workers},
      {"/api/v1/plans", {"group", "last"}, &Plans},
      {"/api/v1/plan", {"group", "version"}, &OnePlan},
      {"/api/v1/plan/diff", {"group", "from", "to", "layer"}, &PlanDiff},
      {"/api/v1/explain", {"group", "last"}, &Explain},
      {"/api/v1/load", {"group", "layer"}, &Load},
      {"/api/v1/coverage", {"group", "version", "lose"}, &Coverage},
      {"/api/v1/health", {}, &Health},
  };
  return *routes;
}

Result Find(const QueryServiceParts& parts, const std::string& path, const std::string& query) {
  std::vector<std::string> paths;
  for (const Route& route : Routes()) {
    if (path == route.path) {
      BALLAST_ASSIGN_OR_RETURN(const Parameters parameters, ParseQuery(query, route.parameters));
      return route.answer(parts, parameters);
    }
    paths.push_back(route.path);
  }
  return absl::NotFoundError(
      absl::StrCat("no path ", path, "; there are: ", absl::StrJoin(paths, ", ")));
}

int HttpCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

ApiReply AnswerApi(const QueryServiceParts& parts, const std::string& path,
                   const std::string& query) {
  Result result = Find(parts, path, query);
  if (result.ok()) return {200, *std::move(result)};
  const nlohmann::json error = {{"error",
                                 {{"code", absl::StatusCodeToString(result.status().code())},
                                  {"message", std::string(result.status().message())}}}};
  // A message may quote bytes of the request that are no UTF-8.
  return {HttpCode(result.status()),
          error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

}  // namespace ballast
