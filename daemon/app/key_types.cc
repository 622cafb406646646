#include "daemon/app/key_types.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ballast {
namespace {

// What stands in YAML without quotes and is read back as the same text.
bool IsPlainYaml(const std::string& text) {
  if (text.empty() ||
      !(absl::ascii_isalnum(static_cast<unsigned char>(text[0])) || text[0] == '/')) {
    return false;
  }
  if (absl::AsciiStrToLower(text) == "null" || text.back() == ':') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string("_-./:").find(c) != std::string::npos;
  });
}

std::string NoWholeNumber(const std::string& text) {
  return absl::StrCat("'", text, "' is not a whole number");
}

}  // namespace

std::string ReadScalar(const YAML::Node& node, std::string* text) {
  if (node.IsNull()) return "has no value";
  if (!node.IsScalar()) return "must be a single value";
  *text = node.Scalar();
  return "";
}

std::string ReadValue(const std::string& text, std::string* value) {
  *value = text;
  return "";
}

std::string ReadValue(const std::string& text, bool* value) {
  if (text != "true" && text != "false") return absl::StrCat("is '", text, "', not true or false");
  *value = text == "true";
  return "";
}

std::string ReadValue(const std::string& text, int* value) {
  return absl::SimpleAtoi(text, value) ? "" : NoWholeNumber(text);
}
std::string ReadValue(const std::string& text, std::int64_t* value) {
  return absl::SimpleAtoi(text, value) ? "" : NoWholeNumber(text);
}
std::string ReadValue(const std::string& text, std::uint64_t* value) {
  return absl::SimpleAtoi(text, value) ? "" : NoWholeNumber(text);
}

std::string ReadValue(const std::string& text, double* value) {
  double number = 0;
  if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) {
    return absl::StrCat("'", text, "' is not a number");
  }
  *value = number;
  return "";
}

std::string ReadValue(const std::string& text, absl::Duration* value) {
  absl::Duration duration;
  if (text == "never") {
    *value = absl::InfiniteDuration();
  } else if (!absl::ParseDuration(text, &duration)) {
    return absl::StrCat("'", text, "' is not a duration such as 250ms, 10s or 5m");
  } else {
    *value = duration;
  }
  return "";
}

std::string PrintValue(const std::string& value) {
  if (IsPlainYaml(value)) return value;
  YAML::Emitter quoted;
  quoted << YAML::DoubleQuoted << value;
  return quoted.c_str();
}

std::string PrintValue(bool value) { return value ? "true" : "false"; }
std::string PrintValue(int value) { return absl::StrCat(value); }
std::string PrintValue(std::int64_t value) { return absl::StrCat(value); }
std::string PrintValue(std::uint64_t value) { return absl::StrCat(value); }

// The shortest text that is read back as the same number.
std::string PrintValue(double value) {
  char text[32];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, end.ptr);
}

std::string PrintValue(absl::Duration value) {
  if (value == absl::InfiniteDuration()) return "never";
  if (value == absl::ZeroDuration()) return "0s";
  const std::string whole = absl::FormatDuration(value);  // "2m0s", "1h0m0s"
  absl::string_view text = whole;
  if (absl::EndsWith(text, "m0s")) text.remove_suffix(2);
  if (absl::EndsWith(text, "h0m")) text.remove_suffix(2);
  return std::string(text);
}

ConfigKey TextKey(ConfigKey key, std::string& (*field)(ConfigDraft&),
                  std::string (*check)(const std::string&)) {
  if (key.type.empty()) key.type = "text";
  key.read = [field, check](const YAML::Node& node, ConfigDraft* draft) {
    std::string text;
    std::string fault = ReadScalar(node, &text);
    if (fault.empty() && check != nullptr) fault = check(text);
    if (fault.empty()) field(*draft) = text;
    return fault;
  };
  return Finished<std::string>(std::move(key), field,
                               [](const std::string& value) { return PrintValue(value); });
}

ConfigKey BooleanKey(ConfigKey key, bool& (*field)(ConfigDraft&)) {
  key.type = "boolean";
  key.range = "true, false";
  key.read = [field](const YAML::Node& node, ConfigDraft* draft) {
    std::string text;
    std::string fault = ReadScalar(node, &text);
    return fault.empty() ? ReadValue(text, &field(*draft)) : fault;
  };
  return Finished<bool>(std::move(key), field, [](const bool& value) { return PrintValue(value); });
}

std::string JoinNames(const std::vector<std::string>& names) { return absl::StrJoin(names, ", "); }

std::string ReadChoice(const YAML::Node& node, const std::vector<std::string>& names, int* index) {
  std::string text;
  std::string fault = ReadScalar(node, &text);
  if (!fault.empty()) return fault;
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    return absl::StrCat("is '", text, "', not one of ", JoinNames(names));
  }
  *index = static_cast<int>(found - names.begin());
  return "";
}

ConfigKey ChoiceKey(ConfigKey key, std::string& (*field)(ConfigDraft&),
                    std::vector<std::string> names) {
  key.range = JoinNames(names);
  key.read = [field, names](const YAML::Node& node, ConfigDraft* draft) {
    int index = 0;
    std::string fault = ReadChoice(node, names, &index);
    if (fault.empty()) field(*draft) = names[index];
    return fault;
  };
  return Finished<std::string>(std::move(key), field,
                               [](const std::string& value) { return PrintValue(value); });
}

}  // namespace ballast
