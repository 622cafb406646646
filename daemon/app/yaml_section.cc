#include "daemon/app/yaml_section.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ballast {
namespace {

int EditDistance(const std::string& a, const std::string& b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

bool ParseNumber(const std::string& text, int* value) { return absl::SimpleAtoi(text, value); }
bool ParseNumber(const std::string& text, std::int64_t* value) {
  return absl::SimpleAtoi(text, value);
}
bool ParseNumber(const std::string& text, std::uint64_t* value) {
  return absl::SimpleAtoi(text, value);
}
bool ParseNumber(const std::string& text, double* value) {
  return absl::SimpleAtod(text, value) && std::isfinite(*value);
}

}  // namespace

std::string NearestWord(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = 0;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(word, candidate);
    if (best.empty() || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

YamlSection::YamlSection(const YAML::Node& node, std::string path, ConfigFaults* faults)
    : node_(node), path_(std::move(path)), faults_(faults) {
  if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap()) {
    faults_->push_back(absl::StrCat("line ", node_.Mark().line + 1, ": ", path_,
                                    " must be a mapping of keys to values"));
    node_ = YAML::Node(YAML::NodeType::Map);
  }
}

std::string YamlSection::PathOf(const char* key) const {
  return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key);
}

bool YamlSection::Has(const char* key) const { return node_.IsMap() && node_[key].IsDefined(); }

void YamlSection::Fault(const char* key, const std::string& text) {
  const int line = (Has(key) ? node_[key].Mark().line : node_.Mark().line) + 1;
  faults_->push_back(absl::StrCat("line ", std::max(line, 1), ": ", PathOf(key), " ", text));
}

YAML::Node YamlSection::Child(const char* key) {
  known_.push_back(key);
  return Has(key) ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
}

bool YamlSection::Scalar(const char* key, std::string* text) {
  const YAML::Node child = Child(key);
  if (!child.IsDefined()) return false;
  if (!child.IsScalar()) {
    Fault(key, "must be a single value");
    return false;
  }
  *text = child.Scalar();
  return true;
}

void YamlSection::Read(const char* key, std::string* target) { Scalar(key, target); }

void YamlSection::Read(const char* key, bool* target) {
  std::string text;
  if (!Scalar(key, &text)) return;
  if (text == "true" || text == "false") {
    *target = text == "true";
  } else {
    Fault(key, absl::StrCat("is '", text, "', not true or false"));
  }
}

template <typename T>
void YamlSection::ReadNumber(const char* key, T* target, T low, T high) {
  std::string text;
  if (!Scalar(key, &text)) return;
  T value;
  if (!ParseNumber(text, &value)) {
    const char* what = std::is_integral_v<T> ? "' is not a whole number" : "' is not a number";
    Fault(key, absl::StrCat("'", text, what));
  } else if (value < low || value > high) {
    Fault(key, absl::StrCat(text, " is not in [", low, ", ", high, "]"));
  } else {
    *target = value;
  }
}

void YamlSection::Read(const char* key, int* target, int low, int high) {
  ReadNumber(key, target, low, high);
}
void YamlSection::Read(const char* key, std::uint64_t* target, std::uint64_t low,
                       std::uint64_t high) {
  ReadNumber(key, target, low, high);
}
void YamlSection::Read(const char* key, std::int64_t* target, std::int64_t low, std::int64_t high) {
  ReadNumber(key, target, low, high);
}
void YamlSection::Read(const char* key, double* target, double low, double high) {
  ReadNumber(key, target, low, high);
}

void YamlSection::Read(const char* key, absl::Duration* target, absl::Duration low,
                       absl::Duration high) {
  std::string text;
  if (!Scalar(key, &text)) return;
  absl::Duration value;
  if (text == "never" && high == absl::InfiniteDuration()) {
    *target = high;
  } else if (!absl::ParseDuration(text, &value)) {
    Fault(key, absl::StrCat("'", text, "' is not a duration such as 250ms, 10s or 5m"));
  } else if (value < low || value > high) {
    Fault(key, absl::StrCat(text, " is not in [", absl::FormatDuration(low), ", ",
                            absl::FormatDuration(high), "]"));
  } else {
    *target = value;
  }
}

void YamlSection::ReadName(const char* key, const std::vector<std::string>& names, int* index) {
  std::string text;
  if (!Scalar(key, &text)) return;
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    Fault(key, absl::StrCat("is '", text, "', not one of ", absl::StrJoin(names, ", ")));
  } else {
    *index = static_cast<int>(found - names.begin());
  }
}

void YamlSection::Finish() {
  if (!node_.IsMap()) return;
  for (const auto& entry : node_) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "(not a word)";
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    faults_->push_back(absl::StrCat("line ", entry.first.Mark().line + 1, ": ", PathOf(key.c_str()),
                                    " is no key; nearest is ", NearestWord(key, known_)));
  }
}

}  // namespace ballast
