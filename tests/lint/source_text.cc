#include "tests/lint/source_text.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace ballast::lint {
namespace {

// Walks over C++ text and copies it with comments, and perhaps literals, blanked.
class Blanker {
 public:
  Blanker(std::string_view text, Blank what) : text_(text), what_(what), out_(text) {}

  std::string Run() {
    while (at_ < text_.size()) Step();
    return std::move(out_);
  }

 private:
  bool StartsWith(std::string_view prefix) const {
    return text_.substr(at_, prefix.size()) == prefix;
  }

  void Step() {
    if (StartsWith("//")) {
      BlankTo(text_.find('\n', at_));
    } else if (StartsWith("/*")) {
      BlankTo(EndAfter(text_.find("*/", at_ + 2), 2));
    } else if (StartsWith("R\"") && !PreviousIsWord()) {
      RawString();
    } else if (text_[at_] == '"') {
      Quoted('"');
    } else if (text_[at_] == '\'' && !PreviousIsWord()) {
      Quoted('\'');  // After a word character it separates digits, as in 1'000.
    } else {
      ++at_;
    }
  }

  bool PreviousIsWord() const { return at_ > 0 && IsWordCharacter(text_[at_ - 1]); }

  static std::size_t EndAfter(std::size_t found, std::size_t length) {
    return found == std::string_view::npos ? found : found + length;
  }

  void BlankTo(std::size_t end) {
    end = std::min(end, text_.size());
    for (; at_ < end; ++at_) {
      if (text_[at_] != '\n') out_[at_] = ' ';
    }
  }

  void Literal(std::size_t begin, std::size_t end) {
    at_ = std::min(begin, text_.size());
    if (what_ == Blank::kCommentsAndLiterals) BlankTo(end);
    at_ = std::min(end, text_.size());
  }

  void Quoted(char quote) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
      end += text_[end] == '\\' ? 2 : 1;
    }
    Literal(at_ + 1, end);
    if (at_ < text_.size()) ++at_;
  }

  void RawString() {
    const std::size_t open = text_.find('(', at_);
    if (open == std::string_view::npos) {
      at_ = text_.size();
      return;
    }
    const std::string close = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
    const std::size_t end = text_.find(close, open);
    Literal(open + 1, end);
    at_ = std::min(EndAfter(end, close.size()), text_.size());
  }

  std::string_view text_;
  Blank what_;
  std::string out_;
  std::size_t at_ = 0;
};

bool IsBinary(const std::string& text) { return text.find('\0') != std::string::npos; }

void LoadFile(const std::filesystem::path& top, const std::filesystem::path& path,
              std::vector<SourceFile>* files) {
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (IsBinary(text)) return;
  files->push_back({path.lexically_relative(top).generic_string(), std::move(text)});
}

}  // namespace

std::string BlankOut(std::string_view text, Blank what) { return Blanker(text, what).Run(); }

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

int LineAt(std::string_view text, std::size_t offset) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
  return 1 + static_cast<int>(std::count(text.begin(), end, '\n'));
}

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::size_t FindToken(std::string_view text, std::string_view token, std::size_t from) {
  const bool ends_as_word = IsWordCharacter(token.back());
  for (std::size_t at = text.find(token, from); at != std::string_view::npos;
       at = text.find(token, at + 1)) {
    const std::size_t end = at + token.size();
    const bool word_before = at > 0 && IsWordCharacter(text[at - 1]);
    const bool word_after = ends_as_word && end < text.size() && IsWordCharacter(text[end]);
    if (!word_before && !word_after) return at;
  }
  return std::string_view::npos;
}

bool IsCpp(std::string_view path) { return path.ends_with(".h") || path.ends_with(".cc"); }

std::vector<SourceFile> LoadTree(const std::string& top) {
  namespace fs = std::filesystem;
  std::vector<SourceFile> files;
  for (const char* folder :
       {"core", "proto", "daemon", "client", "deploy", "tests", "docs", ".ci"}) {
    if (!fs::exists(fs::path(top) / folder)) continue;
    for (const fs::directory_entry& entry :
         fs::recursive_directory_iterator(fs::path(top) / folder)) {
      if (entry.is_regular_file()) LoadFile(top, entry.path(), &files);
    }
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(top)) {
    if (entry.is_regular_file()) LoadFile(top, entry.path(), &files);
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace ballast::lint
