#ifndef BALLAST_CLIENT_CTL_YAML_WRITER_H_
#define BALLAST_CLIENT_CTL_YAML_WRITER_H_

#include <nlohmann/json.hpp>
#include <string>

namespace ballast::ctl {

// The document as block YAML; lists of plain values stand on one line. Strings are
// quoted, so that none of them reads as a number or a boolean. Reading it gives
// the document again.
std::string ToYaml(const nlohmann::json& document);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_YAML_WRITER_H_
