#include "client/ctl/text_table.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "core/base/check.h"

namespace ballast::ctl {

TextTable::TextTable(const std::vector<std::string>& headings) {
  std::vector<std::string> line;
  for (const std::string& heading : headings) {
    right_.push_back(heading.front() == '>');
    line.push_back(right_.back() ? heading.substr(1) : heading);
  }
  lines_.push_back(std::move(line));
}

void TextTable::AddLine(std::vector<std::string> cells) {
  BALLAST_CHECK(cells.size() == right_.size());
  for (std::string& cell : cells) cell = Harmless(cell);
  lines_.push_back(std::move(cells));
}

void TextTable::Print(std::ostream& out) const {
  std::vector<std::size_t> width(right_.size(), 0);
  for (const std::vector<std::string>& line : lines_) {
    for (std::size_t i = 0; i < line.size(); ++i) width[i] = std::max(width[i], line[i].size());
  }
  for (const std::vector<std::string>& line : lines_) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string pad(width[i] - line[i].size(), ' ');
      text += (i > 0 ? "  " : "") + (right_[i] ? pad + line[i] : line[i] + pad);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << "\n";
  }
}

std::string Harmless(const std::string& text) {
  std::string harmless;
  for (const char c : text) {
    if (c != '\n' && absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppend(&harmless, "\\x", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      harmless += c;
    }
  }
  return harmless;
}

std::string Fixed(double value, int decimals) { return absl::StrFormat("%.*f", decimals, value); }

std::string Brief(double value) {
  const bool whole = std::abs(value) >= 1000 && std::abs(value) < 1e9;
  return absl::StrFormat(whole ? "%.0f" : "%.4g", value);
}

std::string Percent(double part) {
  return part == 0 ? "0%" : absl::StrFormat("%.2f%%", part * 100);
}

std::string BriefSeconds(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::max(seconds, 0.0));
  const std::int64_t days = whole / 86400;
  const std::int64_t hours = whole / 3600 % 24;
  const std::int64_t minutes = whole / 60 % 60;
  if (days > 0) return absl::StrCat(days, "d", hours, "h");
  if (hours > 0) return absl::StrCat(hours, "h", minutes, "m");
  if (minutes > 0) return absl::StrCat(minutes, "m", whole % 60, "s");
  return absl::StrCat(whole, "s");
}

std::string ShowBytes(std::int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= 1000000000) return absl::StrFormat("%.1f GB", value / 1e9);
  if (bytes >= 1000000) return absl::StrFormat("%.1f MB", value / 1e6);
  if (bytes >= 1000) return absl::StrFormat("%.1f kB", value / 1e3);
  return absl::StrCat(bytes, " bytes");
}

std::string ShowTime(double unix_seconds) {
  if (unix_seconds <= 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::UnixEpoch() + absl::Seconds(unix_seconds),
                          absl::UTCTimeZone());
}

}  // namespace ballast::ctl
