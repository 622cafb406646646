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

Violations CheckMetricsExplained(const std::vector<SourceFile>& tree) {
  const std::string document = "docs/operations.md";
  const auto text_of = [&tree](const std::string& path) {
    const auto file = std::find_if(tree.begin(), tree.end(), [&path](const SourceFile& candidate) {
      return candidate.path == path;
    });
    return file == tree.end() ? std::string_view() : std::string_view(file->text);
  };
  const std::string path = "daemon/observe/metrics.cc";
  const std::string_view code = text_of(path);
  Violations violations;
  for (std::size_t at = code.find("\"ballast_"); at != std::string_view::npos;
       at = code.find("\"ballast_", at + 1)) {
    const std::string name(code.substr(at + 1, code.find('"', at + 1) - at - 1));
    if (FindToken(text_of(document), name) == std::string_view::npos) {
      violations.push_back({path, LineAt(code, at), name + " is not explained in " + document});
    }
  }
  return violations;
}

}  // namespace ballast::lint
