#include "client/ctl/yaml_writer.h"

#include <algorithm>

namespace ballast::ctl {
namespace {

using nlohmann::json;

bool FitsOnOneLine(const json& value) {
  if (!value.is_structured() || value.empty()) return true;
  return value.is_array() && std::none_of(value.begin(), value.end(), [](const json& element) {
           return element.is_structured();
         });
}

// Plain values, strings in quotes, empty and flat lists: JSON is YAML here.
std::string OneLine(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void WriteBlock(const json& value, int indent, std::string& text);

// What stands behind "key:" or "-".
void WriteChild(const json& value, int indent, std::string& text) {
  if (FitsOnOneLine(value)) {
    text += " " + OneLine(value) + "\n";
    return;
  }
  text += "\n";
  WriteBlock(value, indent, text);
}

void WriteBlock(const json& value, int indent, std::string& text) {
  if (FitsOnOneLine(value)) {
    text += OneLine(value) + "\n";
    return;
  }
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  if (value.is_object()) {
    for (const auto& [key, child] : value.items()) {
      text += margin + key + ":";
      WriteChild(child, indent + 2, text);
    }
    return;
  }
  for (const json& child : value) {
    text += margin + "-";
    WriteChild(child, indent + 2, text);
  }
}

}  // namespace

std::string ToYaml(const json& document) {
  std::string text;
  WriteBlock(document, 0, text);
  return text;
}

}  // namespace ballast::ctl
