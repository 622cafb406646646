#include "daemon/observe/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace ballast {
namespace {

// Positions after the command's closing bracket, which is field 2 of proc(5).
constexpr std::size_t kUserTicks = 14 - 3;
constexpr std::size_t kSystemTicks = 15 - 3;
constexpr std::size_t kStartTicks = 22 - 3;
constexpr std::size_t kVirtualBytes = 23 - 3;
constexpr std::size_t kResidentPages = 24 - 3;

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<double> BootTime(absl::string_view stat) {
  for (absl::string_view line : absl::StrSplit(stat, '\n')) {
    double seconds = 0;
    if (absl::StartsWith(line, "btime ") && absl::SimpleAtod(line.substr(6), &seconds)) {
      return seconds;
    }
  }
  return std::nullopt;
}

double CountOpenFiles() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

std::optional<ProcessUsage> ParseProcStat(absl::string_view self_stat, absl::string_view stat,
                                          double ticks_per_second, double page_bytes) {
  // The command may hold blanks and brackets of its own.
  const std::size_t bracket = self_stat.rfind(')');
  const std::optional<double> boot = BootTime(stat);
  if (bracket == absl::string_view::npos || !boot.has_value()) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(self_stat.substr(bracket + 1), absl::ByAnyChar(" \n"), absl::SkipEmpty());
  const auto number = [&fields](std::size_t at) {
    double value = -1;
    if (at >= fields.size() || !absl::SimpleAtod(fields[at], &value)) return -1.0;
    return value;
  };
  for (std::size_t at : {kUserTicks, kSystemTicks, kStartTicks, kVirtualBytes, kResidentPages}) {
    if (number(at) < 0) return std::nullopt;
  }
  ProcessUsage usage;
  usage.cpu_seconds = (number(kUserTicks) + number(kSystemTicks)) / ticks_per_second;
  usage.start_unix_seconds = *boot + number(kStartTicks) / ticks_per_second;
  usage.virtual_bytes = number(kVirtualBytes);
  usage.resident_bytes = number(kResidentPages) * page_bytes;
  return usage;
}

std::optional<ProcessUsage> ReadProcessUsage() {
  std::optional<ProcessUsage> usage = ParseProcStat(
      ReadAll("/proc/self/stat"), ReadAll("/proc/stat"), static_cast<double>(sysconf(_SC_CLK_TCK)),
      static_cast<double>(sysconf(_SC_PAGESIZE)));
  if (!usage.has_value()) return usage;
  usage->open_fds = CountOpenFiles();
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    usage->max_fds = limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<double>::infinity()
                                                     : static_cast<double>(limit.rlim_cur);
  }
  return usage;
}

}  // namespace ballast
