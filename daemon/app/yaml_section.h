#ifndef BALLAST_DAEMON_APP_YAML_SECTION_H_
#define BALLAST_DAEMON_APP_YAML_SECTION_H_

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace ballast {

// Collects what is wrong with a configuration, a line each.
using ConfigFaults = std::vector<std::string>;

// Reads one mapping of a YAML file. Each Read() takes a key's value into its target if
// the key is there, and notes a fault with line, path and value if it does not fit.
// Finish() notes every key that no Read() asked for, with the nearest one that is known.
//
// Not thread-safe. An absent or null node is an empty section.
class YamlSection {
 public:
  // `path` is how the section is called in faults: "groups[0].planning"; "" for the file.
  YamlSection(const YAML::Node& node, std::string path, ConfigFaults* faults);

  void Read(const char* key, std::string* target);
  void Read(const char* key, bool* target);
  // Integers and numbers must lie in [low, high].
  void Read(const char* key, int* target, int low, int high);
  void Read(const char* key, std::uint64_t* target, std::uint64_t low, std::uint64_t high);
  void Read(const char* key, std::int64_t* target, std::int64_t low, std::int64_t high);
  void Read(const char* key, double* target, double low, double high);
  // "250ms", "10s", "5m", "1h", or "never" for an infinite one where `high` is infinite.
  void Read(const char* key, absl::Duration* target, absl::Duration low, absl::Duration high);

  // The value as one of the names; its index goes to *index.
  void ReadName(const char* key, const std::vector<std::string>& names, int* index);

  // The node of a key, which may be undefined; counts as asked for.
  YAML::Node Child(const char* key);
  std::string PathOf(const char* key) const;
  bool Has(const char* key) const;

  // Notes a fault at a key (or at the section if it is absent).
  void Fault(const char* key, const std::string& text);

  void Finish();

 private:
  bool Scalar(const char* key, std::string* text);
  template <typename T>
  void ReadNumber(const char* key, T* target, T low, T high);

  YAML::Node node_;
  std::string path_;
  ConfigFaults* faults_;
  std::vector<std::string> known_;
};

// The candidate with the least edit distance to `word`; "" if there are none.
std::string NearestWord(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_YAML_SECTION_H_
