#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/lint/rules.h"
#include "tests/lint/source_text.h"

namespace ballast::lint {
namespace {

std::string FolderOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

// `target` as seen from `folder`, without "." and "..".
std::string Resolve(const std::string& folder, std::string_view target) {
  std::vector<std::string> parts;
  const std::string whole = folder + "/" + std::string(target);
  std::size_t begin = 0;
  while (begin <= whole.size()) {
    const std::size_t end = std::min(whole.find('/', begin), whole.size());
    const std::string part = whole.substr(begin, end - begin);
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    begin = end + 1;
  }
  std::string path;
  for (const std::string& part : parts) path += (path.empty() ? "" : "/") + part;
  return path;
}

// Fenced code is no text: its lines become empty.
std::vector<std::string> TextLines(const std::string& markdown) {
  std::vector<std::string> lines;
  bool fenced = false;
  for (std::string_view line : LinesOf(markdown)) {
    const bool fence = line.starts_with("```");
    if (fence) fenced = !fenced;
    lines.emplace_back(fenced || fence ? "" : line);
  }
  return lines;
}

// The anchor that a heading gets: lower case, words joined by dashes, no punctuation.
std::string AnchorOf(std::string_view heading) {
  std::string anchor;
  for (char c : heading) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '_' || c == '-') {
      anchor += static_cast<char>(std::tolower(byte));
    } else if (c == ' ') {
      anchor += '-';
    }
  }
  return anchor;
}

std::set<std::string> AnchorsOf(const std::string& markdown) {
  std::set<std::string> anchors;
  for (const std::string& line : TextLines(markdown)) {
    const std::size_t text = line.find_first_not_of('#');
    if (text == 0 || text == std::string::npos || line[text] != ' ') continue;
    anchors.insert(AnchorOf(std::string_view(line).substr(text + 1)));
  }
  return anchors;
}

class LinkChecker {
 public:
  explicit LinkChecker(const std::vector<SourceFile>& tree) {
    for (const SourceFile& file : tree) {
      text_of_[file.path] = &file.text;
      for (std::string folder = FolderOf(file.path); !folder.empty(); folder = FolderOf(folder)) {
        folders_.insert(folder);
      }
    }
  }

  void Check(const SourceFile& file, Violations* violations) const {
    int number = 0;
    for (const std::string& line : TextLines(file.text)) {
      ++number;
      for (std::size_t at = line.find("]("); at != std::string::npos;
           at = line.find("](", at + 1)) {
        const std::size_t end = line.find(')', at);
        if (end == std::string::npos) continue;
        const std::string target = line.substr(at + 2, end - at - 2);
        if (!Leads(file.path, target)) {
          violations->push_back({file.path, number, "the link " + target + " leads nowhere"});
        }
      }
    }
  }

 private:
  bool Leads(const std::string& from, const std::string& target) const {
    if (target.find("://") != std::string::npos || target.starts_with("mailto:")) return true;
    const std::size_t hash = target.find('#');
    const std::string path = hash == 0 ? from : Resolve(FolderOf(from), target.substr(0, hash));
    const auto file = text_of_.find(path);
    if (hash == std::string::npos) return file != text_of_.end() || folders_.contains(path);
    return file != text_of_.end() && AnchorsOf(*file->second).contains(target.substr(hash + 1));
  }

  std::map<std::string, const std::string*> text_of_;
  std::set<std::string> folders_;
};

}  // namespace

Violations CheckLinks(const std::vector<SourceFile>& tree) {
  Violations violations;
  const LinkChecker checker(tree);
  for (const SourceFile& file : tree) {
    if (file.path.ends_with(".md")) checker.Check(file, &violations);
  }
  return violations;
}

Violations CheckBuilt(const std::vector<SourceFile>& tree) {
  std::map<std::string, std::string> lists;
  for (const SourceFile& file : tree) {
    if (file.path.ends_with("/CMakeLists.txt") || file.path.ends_with(".cmake")) {
      lists[FolderOf(file.path)] += file.text;
    }
  }
  Violations violations;
  for (const SourceFile& file : tree) {
    if (!file.path.ends_with(".cc")) continue;
    const std::string folder = FolderOf(file.path);
    const auto list = lists.find(folder);
    const std::string name = file.path.substr(folder.size() + 1);
    if (list == lists.end() || FindToken(list->second, name) == std::string_view::npos) {
      violations.push_back({file.path, 0, "not named in the CMake files of its folder"});
    }
  }
  return violations;
}

namespace {

constexpr std::string_view kOperations = "docs/operations.md";
constexpr std::string_view kRunbooks = "docs/runbooks.md";

std::string_view TextOf(const std::vector<SourceFile>& tree, std::string_view path) {
  const auto file = std::find_if(tree.begin(), tree.end(), [path](const SourceFile& candidate) {
    return candidate.path == path;
  });
  return file == tree.end() ? std::string_view() : std::string_view(file->text);
}

bool IsMetricName(std::string_view name) {
  return name.starts_with("ballast_") || name.starts_with("process_");
}

// String literals that are names of metrics, with their places.
std::map<std::string, std::size_t> MetricsOfCode(std::string_view code) {
  std::map<std::string, std::size_t> metrics;
  for (std::size_t at = code.find('"'); at != std::string_view::npos;) {
    const std::size_t end = code.find('"', at + 1);
    if (end == std::string_view::npos) break;
    const std::string name(code.substr(at + 1, end - at - 1));
    if (IsMetricName(name)) metrics.emplace(name, at);
    at = code.find('"', end + 1);
  }
  return metrics;
}

// Metrics that a row of a table begins with: "| a, b | labels | meaning |".
std::map<std::string, int> MetricsOfTables(std::string_view document) {
  std::map<std::string, int> metrics;
  int number = 0;
  for (std::string_view line : LinesOf(document)) {
    ++number;
    if (!line.starts_with("| ")) continue;
    std::string cell(line.substr(2, line.find('|', 2) - 2));
    std::replace(cell.begin(), cell.end(), ',', ' ');
    for (std::size_t at = 0; at < cell.size();) {
      const std::size_t end = std::min(cell.find(' ', at), cell.size());
      const std::string word = cell.substr(at, end - at);
      if (IsMetricName(word)) metrics.emplace(word, number);
      at = end + 1;
    }
  }
  return metrics;
}

}  // namespace

Violations CheckMetricsExplained(const std::vector<SourceFile>& tree) {
  const std::string path = "daemon/observe/metric_families.h";
  const std::string_view code = TextOf(tree, path);
  const std::map<std::string, std::size_t> made = MetricsOfCode(code);
  const std::map<std::string, int> explained = MetricsOfTables(TextOf(tree, kOperations));
  Violations violations;
  for (const auto& [name, at] : made) {
    if (explained.contains(name)) continue;
    violations.push_back({path, LineAt(code, at),
                          name + " is not explained in a table of " + std::string(kOperations)});
  }
  for (const auto& [name, line] : explained) {
    if (made.contains(name)) continue;
    violations.push_back({std::string(kOperations), line, name + " is not exported"});
  }
  return violations;
}

Violations CheckAlertsHaveRunbooks(const std::vector<SourceFile>& tree) {
  const std::string path = "deploy/prometheus/rules.yml";
  const std::string_view rules = TextOf(tree, path);
  const std::set<std::string> anchors = AnchorsOf(std::string(TextOf(tree, kRunbooks)));
  constexpr std::string_view kAlert = "- alert: ";
  Violations violations;
  for (std::size_t at = rules.find(kAlert); at != std::string_view::npos;) {
    const std::size_t begin = at + kAlert.size();
    const std::string name(rules.substr(begin, rules.find_first_of(" \n", begin) - begin));
    const std::size_t next = rules.find(kAlert, begin);
    const std::string anchor = AnchorOf(name);
    const std::string url = "runbook_url: '" + std::string(kRunbooks) + "#" + anchor + "'";
    if (rules.substr(at, next - at).find(url) == std::string_view::npos) {
      violations.push_back({path, LineAt(rules, at), name + " has no " + url});
    }
    if (!anchors.contains(anchor)) {
      violations.push_back(
          {path, LineAt(rules, at), name + " has no section in " + std::string(kRunbooks)});
    }
    at = next;
  }
  return violations;
}

}  // namespace ballast::lint
