#ifndef BALLAST_CLIENT_CTL_TEXT_TABLE_H_
#define BALLAST_CLIENT_CTL_TEXT_TABLE_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace ballast::ctl {

// Columns as wide as their widest cell, two spaces between them, no trailing
// blanks. A cell that is a number stands to the right if its column asks for it.
class TextTable {
 public:
  // A heading that begins with '>' makes a column of numbers.
  explicit TextTable(const std::vector<std::string>& headings);

  // As many cells as headings; checked.
  void AddLine(std::vector<std::string> cells);

  bool empty() const { return lines_.size() == 1; }
  void Print(std::ostream& out) const;

 private:
  std::vector<bool> right_;                      // [columns]
  std::vector<std::vector<std::string>> lines_;  // The headings first.
};

// `text` with control characters but line ends as `\x1b`: what workers say of themselves must
// not steer the reader's terminal.
std::string Harmless(const std::string& text);

// Fixed-point text of a number, e.g. Fixed(1.0834, 3) = "1.083".
std::string Fixed(double value, int decimals);

// At most four significant digits, for loads of any magnitude.
std::string Brief(double value);

// "8.4%", or "0%" for nothing at all.
std::string Percent(double part);

// A duration in the largest two units: "3d4h", "12m", "38s".
std::string BriefSeconds(double seconds);

// "4.9 GB", "352.0 MB", "12 bytes": decimal units.
std::string ShowBytes(std::int64_t bytes);

// "2026-01-01 00:00:00 UTC"; "-" for 0, which stands for no time.
std::string ShowTime(double unix_seconds);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_TEXT_TABLE_H_
