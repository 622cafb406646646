#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "tests/lint/rules.h"
#include "tests/lint/source_text.h"

namespace ballast::lint {
namespace {

using Tokens = std::vector<std::string_view>;

const Tokens& WorldCalls() {
  static const auto* calls = new Tokens{
      "absl::Now(",     "GetCurrentTimeNanos(",
      "steady_clock",   "system_clock",
      "clock_gettime(", "high_resolution_clock",
      "gettimeofday(",  "time(nullptr)",
      "sleep_for",      "sleep_until",
      "SleepFor(",      "sleep(",
      "usleep(",        "nanosleep(",
      "random_device",  "rand(",
      "srand(",         "getrandom(",
  };
  return *calls;
}

// Abseil waits for a wall time, which the clock of the machine may be set back before.
const Tokens& WallTimeWaits() {
  static const auto* waits = new Tokens{
      "AwaitWithTimeout",
      "AwaitWithDeadline",
      "WaitWithTimeout",
      "WaitWithDeadline",
      "LockWhenWithTimeout",
      "LockWhenWithDeadline",
      "WriterLockWhenWithTimeout",
      "WriterLockWhenWithDeadline",
      "ReaderLockWhenWithTimeout",
      "ReaderLockWhenWithDeadline",
      "WaitForNotificationWithTimeout",
      "WaitForNotificationWithDeadline",
  };
  return *waits;
}

// The owners of wall clock and randomness: the daemon's wiring, the benchmarks that measure
// time, and the fleet, which stands for serving engines and paces its steps.
bool OwnsTheWorld(std::string_view path) {
  return path == "core/base/real_clock.cc" || path.starts_with("daemon/app/") ||
         path.starts_with("tests/bench/") || path.starts_with("client/fleet/");
}

void Ban(const SourceFile& file, std::string_view code, const Tokens& tokens,
         std::string_view reason, Violations* violations) {
  for (std::string_view token : tokens) {
    for (std::size_t at = FindToken(code, token); at != std::string_view::npos;
         at = FindToken(code, token, at + 1)) {
      violations->push_back(
          {file.path, LineAt(code, at), std::string(token) + ": " + std::string(reason)});
    }
  }
}

// The words of a path: "core/model/load_matrix.h" has core, model, load, matrix, h.
bool HasWord(std::string_view path, std::string_view word) {
  for (std::size_t at = path.find(word); at != std::string_view::npos;
       at = path.find(word, at + 1)) {
    const auto is_letter = [&path](std::size_t i) {
      return i < path.size() && std::isalpha(static_cast<unsigned char>(path[i])) != 0;
    };
    if ((at == 0 || !is_letter(at - 1)) && !is_letter(at + word.size())) return true;
  }
  return false;
}

std::string GuardOf(std::string_view path) {
  std::string guard = "BALLAST_";
  for (char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    guard += std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return guard + "_";
}

// Skips are legal where the reason is printed: GTEST_SKIP() << "...".
void CheckSkips(const SourceFile& file, std::string_view code, Violations* violations) {
  const std::string_view call = "GTEST_SKIP()";
  for (std::size_t at = FindToken(code, call); at != std::string_view::npos;
       at = FindToken(code, call, at + 1)) {
    const std::size_t next = code.find_first_not_of(" \n", at + call.size());
    if (code.substr(std::min(next, code.size()), 2) != "<<") {
      violations->push_back({file.path, LineAt(code, at), "a test skipped without a reason"});
    }
  }
}

}  // namespace

std::string Describe(const Violation& violation) {
  return violation.path + ":" + std::to_string(violation.line) + ": " + violation.what;
}

Violations CheckCalls(const SourceFile& file) {
  Violations violations;
  if (!IsCpp(file.path)) return violations;
  const std::string code = BlankOut(file.text, Blank::kCommentsAndLiterals);
  const std::string_view path = file.path;
  if (!OwnsTheWorld(path)) {
    Ban(file, code, WorldCalls(), "time and randomness come in from outside", &violations);
  }
  Ban(file, code, WallTimeWaits(), "wait with Clock::WaitUntil()", &violations);
  if (path.starts_with("core/") && path != "core/base/check.h") {
    Ban(file, code, {"std::cout", "std::cerr", "std::clog", "printf(", "fprintf("},
        "the core does not print", &violations);
  }
  if (path.starts_with("core/solver/") || path.starts_with("core/routing/")) {
    Ban(file, code, {"unordered_map", "unordered_set", "flat_hash_map", "flat_hash_set"},
        "their order would reach the result", &violations);
  }
  if (!path.starts_with("tests/")) {
    Ban(file, code, {"throw"}, "no exceptions of ours", &violations);
  }
  if (path.ends_with(".h")) {
    Ban(file, code, {"using namespace"}, "not in a header", &violations);
  }
  return violations;
}

Violations CheckName(const SourceFile& file) {
  Violations violations;
  for (const char* word : {"util", "utils", "common", "misc", "helper", "helpers"}) {
    if (HasWord(file.path, word)) {
      violations.push_back({file.path, 0, std::string("named ") + word + ": name the subject"});
    }
  }
  return violations;
}

Violations CheckGuard(const SourceFile& file) {
  if (!file.path.ends_with(".h")) return {};
  const std::string guard = GuardOf(file.path);
  const bool opened = file.text.starts_with("#ifndef " + guard + "\n#define " + guard + "\n");
  const bool closed = file.text.ends_with("#endif  // " + guard + "\n");
  if (opened && closed) return {};
  return {{file.path, 0, "the include guard is not " + guard}};
}

Violations CheckMarkers(const SourceFile& file) {
  Violations violations;
  // Written in two parts, so that this file passes its own rule.
  Ban(file, file.text,
      {"TO"
       "DO",
       "FIX"
       "ME",
       "XX"
       "X"},
      "open work stands in docs/limits.md", &violations);
  if (!IsCpp(file.path)) return violations;
  const std::string code = BlankOut(file.text, Blank::kCommentsAndLiterals);
  const std::string disabled =
      "DISABLED"
      "_";
  for (std::size_t at = code.find(disabled); at != std::string::npos;
       at = code.find(disabled, at + 1)) {
    violations.push_back({file.path, LineAt(code, at), "a disabled test"});
  }
  CheckSkips(file, code, &violations);
  return violations;
}

Violations CheckScript(const SourceFile& file) {
  if (!file.text.starts_with("#!")) return {};
  Violations violations;
  if (!file.text.starts_with("#!/usr/bin/env bash\n")) {
    violations.push_back({file.path, 1, "scripts begin with #!/usr/bin/env bash"});
  }
  if (file.text.find("\nset -euo pipefail\n") == std::string::npos) {
    violations.push_back({file.path, 0, "no set -euo pipefail"});
  }
  return violations;
}

}  // namespace ballast::lint
