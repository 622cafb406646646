#ifndef BALLAST_CLIENT_CTL_JSON_READER_H_
#define BALLAST_CLIENT_CTL_JSON_READER_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "client/ctl/ctl_error.h"

namespace ballast::ctl {

// Reads one JSON document strictly. Returns why not, with the place:
// - kExitUsage: no JSON; the message names line and column;
// - kExitRefused: JSON, but a key stands twice in one object, or a number is not
//   finite (1e400, or NaN and Infinity as Python writes them). Inside `weight` the
//   message names layer and expert.
std::optional<CtlError> ReadJson(const std::string& text, nlohmann::json* document);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_JSON_READER_H_
