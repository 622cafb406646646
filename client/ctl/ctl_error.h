#ifndef BALLAST_CLIENT_CTL_CTL_ERROR_H_
#define BALLAST_CLIENT_CTL_CTL_ERROR_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace ballast::ctl {

// What a script sees; a contract.
enum ExitCode : int {
  kExitOk = 0,
  kExitDiffers = 1,      // Or unhealthy.
  kExitUsage = 2,        // Command line, or input that can not be read as JSON.
  kExitUnreachable = 3,  // No daemon.
  kExitRefused = 4,      // Well-formed input that can not be done.
  kExitInternal = 70,    // A fault of the program.
};

// Why a command ended, with the place in its input as far as there is one.
struct CtlError {
  ExitCode exit_code = kExitRefused;
  std::string code;     // Name of the absl::StatusCode, e.g. "INVALID_ARGUMENT".
  std::string message;  // Names value and place.
  std::optional<int> layer;
  std::optional<int> expert;
  std::optional<nlohmann::json> value;  // The offending value as read.
};

// A refusal (kExitRefused) that the core reports.
CtlError RefusalOf(const absl::Status& status);

// An error with the code of that name.
CtlError MakeError(ExitCode exit_code, absl::StatusCode code, std::string message);

// kExitUsage: an argument of the command line; `option` comes first in the message, e.g. "--layer".
CtlError UsageError(const std::string& option, const absl::Status& status);

// {"error": {code, message, layer, expert, value}}; absent parts are left out.
nlohmann::json ErrorJson(const CtlError& error);

// How a command prints: `out` gets data only, `err` the rest.
struct Streams {
  std::ostream& out;
  std::ostream& err;
};

// The forms of a command's data.
enum class OutputForm { kTable, kJson, kYaml };

// Prints the message to `err` and, for kJson, the document to `out`. Returns the
// exit code.
int Fail(const CtlError& error, OutputForm form, const Streams& streams);

// Prints a document as one JSON document or as YAML. Not for kTable.
void PrintDocument(const nlohmann::json& document, OutputForm form, std::ostream& out);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_CTL_ERROR_H_
