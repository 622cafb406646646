#include "client/ctl/ctl_error.h"

#include <utility>

#include "client/ctl/text_table.h"
#include "client/ctl/yaml_writer.h"

namespace ballast::ctl {

CtlError MakeError(ExitCode exit_code, absl::StatusCode code, std::string message) {
  CtlError error;
  error.exit_code = exit_code;
  error.code = absl::StatusCodeToString(code);
  error.message = std::move(message);
  return error;
}

CtlError UsageError(const std::string& option, const absl::Status& status) {
  return MakeError(kExitUsage, status.code(), option + " " + std::string(status.message()));
}

CtlError RefusalOf(const absl::Status& status) {
  CtlError error;
  error.code = absl::StatusCodeToString(status.code());
  error.message = std::string(status.message());
  return error;
}

nlohmann::json ErrorJson(const CtlError& error) {
  nlohmann::json body = {{"code", error.code}, {"message", error.message}};
  if (error.layer.has_value()) body["layer"] = *error.layer;
  if (error.expert.has_value()) body["expert"] = *error.expert;
  if (error.value.has_value()) body["value"] = *error.value;
  return {{"error", body}};
}

int Fail(const CtlError& error, OutputForm form, const Streams& streams) {
  streams.err << "ballastctl: " << Harmless(error.message) << "\n";
  if (form == OutputForm::kJson) PrintDocument(ErrorJson(error), form, streams.out);
  return error.exit_code;
}

void PrintDocument(const nlohmann::json& document, OutputForm form, std::ostream& out) {
  if (form == OutputForm::kYaml) {
    out << ToYaml(document);
  } else {
    // A message may quote what was read; bytes that are no UTF-8 must not end it.
    out << document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  }
}

}  // namespace ballast::ctl
