#ifndef BALLAST_TESTS_LINT_SOURCE_TEXT_H_
#define BALLAST_TESTS_LINT_SOURCE_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace ballast::lint {

// A file of the tree. `path` is relative to the top folder, with forward slashes.
struct SourceFile {
  std::string path;
  std::string text;
};

enum class Blank {
  kComments,             // Comments become spaces.
  kCommentsAndLiterals,  // Also what stands between the quotes of strings and characters.
};

// `text` of a C++ file with the parts named blanked. Line breaks stay, so that line
// numbers hold; the length in bytes stays as well.
std::string BlankOut(std::string_view text, Blank what);

// Lines without their line breaks; a break at the end begins no further line.
std::vector<std::string_view> LinesOf(std::string_view text);

// 1-based line of the byte at `offset`.
int LineAt(std::string_view text, std::size_t offset);

bool IsWordCharacter(char c);

// First place at or after `from` where `token` stands as a word of its own: no word
// character before it, and none after it if it ends with one. npos if nowhere.
std::size_t FindToken(std::string_view text, std::string_view token, std::size_t from = 0);

// True for .h, .cc files.
bool IsCpp(std::string_view path);

// All files of ours under `top`, sorted by path: the fixed folders of the tree and the files
// beside them. Build folders, version control and binary files are left out.
std::vector<SourceFile> LoadTree(const std::string& top);

}  // namespace ballast::lint

#endif  // BALLAST_TESTS_LINT_SOURCE_TEXT_H_
