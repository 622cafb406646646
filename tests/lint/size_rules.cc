#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/lint/rules.h"
#include "tests/lint/source_text.h"

namespace ballast::lint {
namespace {

constexpr int kMaxLineCharacters = 100;
constexpr int kMaxFunctionLines = 70;
constexpr int kMaxHeaderLines = 250;
constexpr int kMaxSourceLines = 800;

// Bytes that begin a character of UTF-8.
int CharactersOf(std::string_view line) {
  return static_cast<int>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
  }));
}

// Preprocessor lines with their continuations become spaces: macros hold braces as they like.
std::string WithoutPreprocessor(std::string text) {
  bool continued = false;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::size_t first = text.find_first_not_of(" \t", begin);
    if (continued || (first < end && text[first] == '#')) {
      continued = end > begin && text[end - 1] == '\\';
      std::fill(text.begin() + static_cast<std::ptrdiff_t>(begin),
                text.begin() + static_cast<std::ptrdiff_t>(end), ' ');
    } else {
      continued = false;
    }
    begin = end + 1;
  }
  return text;
}

// Finds function bodies at the level of namespaces and classes.
class FunctionFinder {
 public:
  struct Body {
    int first_line;
    int last_line;
  };

  explicit FunctionFinder(std::string_view text) : text_(text) {}

  std::vector<Body> Run() {
    for (at_ = 0; at_ < text_.size(); ++at_) Step(text_[at_]);
    return std::move(bodies_);
  }

 private:
  enum class Scope { kDeclarations, kFunction, kOther };
  struct Open {
    Scope scope;
    std::size_t brace;
  };

  bool AmongDeclarations() const {
    return open_.empty() || open_.back().scope == Scope::kDeclarations;
  }

  void Step(char c) {
    if (c == '(') ++parentheses_;
    if (c == ')') --parentheses_;
    if (c == ';' && parentheses_ == 0) header_begin_ = at_ + 1;
    if (c == '{') OpenBrace();
    if (c == '}') CloseBrace();
  }

  void OpenBrace() {
    const std::string_view header = text_.substr(header_begin_, at_ - header_begin_);
    open_.push_back({ScopeAfter(header), at_});
    if (open_.back().scope != Scope::kOther) {
      header_begin_ = at_ + 1;
      parentheses_ = 0;
    }
  }

  void CloseBrace() {
    if (open_.empty()) return;
    const Open opened = open_.back();
    open_.pop_back();
    if (opened.scope == Scope::kOther) return;
    header_begin_ = at_ + 1;
    parentheses_ = 0;
    if (opened.scope == Scope::kFunction) {
      bodies_.push_back({LineAt(text_, opened.brace), LineAt(text_, at_)});
    }
  }

  // What a brace after `header` (since the last ';', '{' or '}') opens.
  Scope ScopeAfter(std::string_view header) const {
    if (!AmongDeclarations() || parentheses_ > 0) return Scope::kOther;
    if (FindToken(header, "namespace") != std::string_view::npos) return Scope::kDeclarations;
    const std::string_view declared = header.substr(TemplateEnd(header));
    if (declared.find('(') != std::string_view::npos) return Scope::kFunction;
    for (const char* word : {"class", "struct", "union", "extern"}) {
      if (FindToken(declared, word) != std::string_view::npos) return Scope::kDeclarations;
    }
    return Scope::kOther;
  }

  // Where `template <...>` at the start of a header ends; 0 if there is none.
  static std::size_t TemplateEnd(std::string_view header) {
    const std::size_t begin = FindToken(header, "template");
    if (begin == std::string_view::npos) return 0;
    int depth = 0;
    for (std::size_t i = begin; i < header.size(); ++i) {
      if (header[i] == '<') ++depth;
      if (header[i] == '>' && --depth == 0) return i + 1;
    }
    return 0;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t header_begin_ = 0;
  int parentheses_ = 0;
  std::vector<Open> open_;
  std::vector<Body> bodies_;
};

void CheckFunctions(const SourceFile& file, Violations* violations) {
  const std::string code = WithoutPreprocessor(BlankOut(file.text, Blank::kCommentsAndLiterals));
  for (const FunctionFinder::Body& body : FunctionFinder(code).Run()) {
    const int lines = body.last_line - body.first_line + 1;
    if (lines > kMaxFunctionLines) {
      violations->push_back({file.path, body.first_line,
                             "a function of " + std::to_string(lines) + " lines, the limit is " +
                                 std::to_string(kMaxFunctionLines)});
    }
  }
}

bool HasLineLimit(std::string_view path) {
  return IsCpp(path) || path.ends_with(".proto") || path.ends_with(".cmake") ||
         path.ends_with(".bash") || path.ends_with("CMakeLists.txt");
}

}  // namespace

Violations CheckSizes(const SourceFile& file) {
  Violations violations;
  const std::vector<std::string_view> lines = LinesOf(file.text);
  for (std::size_t i = 0; HasLineLimit(file.path) && i < lines.size(); ++i) {
    const int characters = CharactersOf(lines[i]);
    if (characters > kMaxLineCharacters) {
      violations.push_back({file.path, static_cast<int>(i) + 1,
                            std::to_string(characters) + " characters, the limit is " +
                                std::to_string(kMaxLineCharacters)});
    }
  }
  if (!IsCpp(file.path)) return violations;
  const int limit = file.path.ends_with(".h") ? kMaxHeaderLines : kMaxSourceLines;
  if (static_cast<int>(lines.size()) > limit) {
    violations.push_back(
        {file.path, 0,
         std::to_string(lines.size()) + " lines, the limit is " + std::to_string(limit)});
  }
  CheckFunctions(file, &violations);
  return violations;
}

}  // namespace ballast::lint
