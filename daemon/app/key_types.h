#ifndef BALLAST_DAEMON_APP_KEY_TYPES_H_
#define BALLAST_DAEMON_APP_KEY_TYPES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "daemon/app/config_key.h"

namespace ballast {

// How a value of one type is read from YAML text and written back. Read returns what is wrong,
// "" if nothing is, and leaves *value alone then.
std::string ReadValue(const std::string& text, std::string* value);
std::string ReadValue(const std::string& text, bool* value);
std::string ReadValue(const std::string& text, int* value);
std::string ReadValue(const std::string& text, std::int64_t* value);
std::string ReadValue(const std::string& text, std::uint64_t* value);
std::string ReadValue(const std::string& text, double* value);
std::string ReadValue(const std::string& text, absl::Duration* value);  // Knows "never".

std::string PrintValue(const std::string& value);
std::string PrintValue(bool value);
std::string PrintValue(int value);
std::string PrintValue(std::int64_t value);
std::string PrintValue(std::uint64_t value);
std::string PrintValue(double value);
std::string PrintValue(absl::Duration value);

// The scalar of a node; a fault if it is none.
std::string ReadScalar(const YAML::Node& node, std::string* text);

// Fills in what every key has: how it is printed and copied, and its default.
template <typename T>
ConfigKey Finished(ConfigKey key, T& (*field)(ConfigDraft&),
                   std::function<std::string(const T&)> print) {
  const auto value_of = [field](const ConfigDraft& draft) -> const T& {
    return field(const_cast<ConfigDraft&>(draft));
  };
  key.print = [value_of, print](const ConfigDraft& draft) { return print(value_of(draft)); };
  key.copy = [value_of, field](const ConfigDraft& from, ConfigDraft* to) {
    field(*to) = value_of(from);
  };
  if (key.required) key.preset = "required";
  if (key.preset.empty()) key.preset = key.print(ConfigDraft{});
  return key;
}

// A value in [low, high].
template <typename T>
ConfigKey RangeKey(ConfigKey key, T& (*field)(ConfigDraft&), T low, T high) {
  key.range = key.range.empty() ? PrintValue(low) + " .. " + PrintValue(high) : key.range;
  key.read = [field, low, high](const YAML::Node& node, ConfigDraft* draft) {
    std::string text;
    std::string fault = ReadScalar(node, &text);
    T value{};
    if (fault.empty()) fault = ReadValue(text, &value);
    if (!fault.empty()) return fault;
    if (value < low || value > high) {
      return text + " is not in [" + PrintValue(low) + ", " + PrintValue(high) + "]";
    }
    field(*draft) = value;
    return fault;
  };
  return Finished<T>(std::move(key), field, [](const T& value) { return PrintValue(value); });
}

// One value for all ranks, or a list with one for each.
template <typename T>
ConfigKey PerRankKey(ConfigKey key, std::vector<T>& (*field)(ConfigDraft&)) {
  key.read = [field](const YAML::Node& node, ConfigDraft* draft) -> std::string {
    std::vector<T> values(node.IsSequence() ? node.size() : 1);
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::string text;
      std::string fault = ReadScalar(node.IsSequence() ? node[i] : node, &text);
      if (fault.empty()) fault = ReadValue(text, &values[i]);
      if (!fault.empty()) return fault;
    }
    field(*draft) = std::move(values);
    return "";
  };
  return Finished<std::vector<T>>(std::move(key), field, [](const std::vector<T>& values) {
    std::string text;
    for (const T& value : values) text += (text.empty() ? "" : ", ") + PrintValue(value);
    return values.size() == 1 ? text : "[" + text + "]";
  });
}

// What ReadScalar() and a check that may be null say of a text.
ConfigKey TextKey(ConfigKey key, std::string& (*field)(ConfigDraft&),
                  std::string (*check)(const std::string&) = nullptr);
ConfigKey BooleanKey(ConfigKey key, bool& (*field)(ConfigDraft&));
// One of the names.
ConfigKey ChoiceKey(ConfigKey key, std::string& (*field)(ConfigDraft&),
                    std::vector<std::string> names);

// "is 'x', not one of a, b" for an index that is not found.
std::string ReadChoice(const YAML::Node& node, const std::vector<std::string>& names, int* index);
std::string JoinNames(const std::vector<std::string>& names);

// The same for an enumeration whose values count from 0 in the order of the names.
template <typename E>
ConfigKey EnumKey(ConfigKey key, E& (*field)(ConfigDraft&), std::vector<std::string> names) {
  key.range = JoinNames(names);
  key.read = [field, names](const YAML::Node& node, ConfigDraft* draft) {
    int index = 0;
    std::string fault = ReadChoice(node, names, &index);
    if (fault.empty()) field(*draft) = static_cast<E>(index);
    return fault;
  };
  return Finished<E>(std::move(key), field,
                     [names](const E& value) { return names.at(static_cast<int>(value)); });
}

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_KEY_TYPES_H_
