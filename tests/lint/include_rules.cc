#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/lint/rules.h"
#include "tests/lint/source_text.h"

namespace ballast::lint {
namespace {

// Layers of docs/architecture.md, by folder. A file may include its own folder and folders of
// lower layers.
constexpr std::pair<std::string_view, int> kLayers[] = {
    {"core/base/", 0},      {"core/model/", 1},   {"core/routing/", 1},      {"core/load/", 2},
    {"core/solver/", 2},    {"core/gating/", 2},  {"core/rollout/", 2},      {"core/store/", 2},
    {"core/trace/", 2},     {"core/policy/", 3},  {"core/replay/", 3},       {"proto/wire/", 3},
    {"daemon/control/", 4}, {"daemon/store/", 5}, {"daemon/observe/", 5},    {"daemon/ingest/", 6},
    {"daemon/publish/", 6}, {"daemon/admin/", 6}, {"daemon/app/", 7},        {"client/worker/", 5},
    {"client/ctl/", 6},     {"client/fleet/", 6}, {"client/trace_tool/", 6}, {"client/capi/", 6},
    {"client/python/", 6},
};

struct Include {
  std::string_view target;
  bool angled = false;
  int line = 0;
};

std::vector<Include> IncludesOf(std::string_view code) {
  std::vector<Include> includes;
  int number = 0;
  for (std::string_view line : LinesOf(code)) {
    ++number;
    if (!line.starts_with("#include ") || line.size() < 12) continue;
    const char close = line[9] == '<' ? '>' : '"';
    const std::size_t end = line.find(close, 10);
    if (end == std::string_view::npos) continue;
    includes.push_back({line.substr(10, end - 10), close == '>', number});
  }
  return includes;
}

std::optional<std::pair<std::string_view, int>> LayerOf(std::string_view path) {
  for (const auto& layer : kLayers) {
    if (path.starts_with(layer.first)) return layer;
  }
  return std::nullopt;
}

bool StartsWithAny(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  for (std::string_view prefix : prefixes) {
    if (text.starts_with(prefix)) return true;
  }
  return false;
}

// <vector> or <cstdint>, unlike <sys/stat.h> or <grpcpp/grpcpp.h>.
bool IsStandard(const Include& include) {
  return include.angled && include.target.find_first_of("/.") == std::string_view::npos;
}

bool IsOurs(std::string_view target) {
  return StartsWithAny(target, {"core/", "proto/", "daemon/", "client/", "tests/"});
}

// What is wrong with `include` in a file of core/, or empty.
std::string FaultInCore(std::string_view path, const Include& include) {
  const std::string_view target = include.target;
  if (IsStandard(include)) return "";
  if (path.starts_with("core/routing/")) {
    const bool allowed = target.starts_with("core/routing/") || target == "core/base/ids.h";
    return allowed ? "" : "core/routing includes the standard library, itself and core/base/ids.h";
  }
  if (IsOurs(target) || target.starts_with("absl/")) return "";
  if (path == "core/base/real_clock.cc" && target == "pthread.h") return "";
  if (path == "core/base/fingerprint.cc" && target.starts_with("openssl/")) return "";
  if (path.starts_with("core/trace/") &&
      StartsWithAny(target, {"sqlite3.h", "zstd.h", "nlohmann/"})) {
    return "";
  }
  return "core/ includes the standard library and Abseil";
}

// What is wrong with a foreign header in the layers above core, or empty.
std::string FaultAboveCore(std::string_view path, std::string_view target) {
  const bool grpc =
      StartsWithAny(target, {"grpc", "grpcpp/", "grpc++/"}) || target.ends_with(".grpc.pb.h");
  if (grpc && StartsWithAny(path, {"proto/wire/", "daemon/control/", "daemon/store/"})) {
    return "no gRPC in this folder";
  }
  const bool observed = StartsWithAny(target, {"spdlog/", "prometheus/"});
  if (observed && path.starts_with("daemon/control/")) return "control logs and counts nothing";
  if (target.starts_with("sqlite3") && path.starts_with("daemon/") &&
      !path.starts_with("daemon/store/")) {
    return "SQLite of the daemon is in daemon/store only";
  }
  return "";
}

bool MaySeeGeneratedCode(std::string_view path) {
  return path.ends_with("_service.cc") ||
         StartsWithAny(path, {"proto/wire/", "client/worker/", "client/ctl/", "client/fleet/"});
}

std::string FaultOfLayer(std::string_view path, std::string_view target) {
  const auto own = LayerOf(path);
  const auto other = LayerOf(target);
  if (!own || !other || own->first == other->first || other->second < own->second) return "";
  return std::string(own->first) + " (layer " + std::to_string(own->second) +
         ") must not include " + std::string(other->first) + " (layer " +
         std::to_string(other->second) + ")";
}

std::string FaultOf(std::string_view path, const Include& include) {
  const std::string_view target = include.target;
  if (path.starts_with("tests/")) return "";
  if (target.starts_with("tests/")) return "only tests include tests";
  if (target.ends_with(".pb.h") && !MaySeeGeneratedCode(path)) {
    return "generated messages stay in proto/wire, *_service.cc and the clients";
  }
  if (std::string fault = FaultOfLayer(path, target); !fault.empty()) return fault;
  return path.starts_with("core/") ? FaultInCore(path, include) : FaultAboveCore(path, target);
}

}  // namespace

Violations CheckIncludes(const SourceFile& file) {
  Violations violations;
  if (!IsCpp(file.path)) return violations;
  if (!file.path.starts_with("tests/") && !LayerOf(file.path)) {
    violations.push_back({file.path, 0, "its folder has no layer in tests/lint/include_rules.cc"});
  }
  const std::string code = BlankOut(file.text, Blank::kComments);
  for (const Include& include : IncludesOf(code)) {
    const std::string fault = FaultOf(file.path, include);
    if (fault.empty()) continue;
    violations.push_back(
        {file.path, include.line, "includes " + std::string(include.target) + ": " + fault});
  }
  return violations;
}

}  // namespace ballast::lint
