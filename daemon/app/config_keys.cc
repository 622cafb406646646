// The description of every key of the configuration.

#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "core/solver/planner.h"
#include "daemon/app/config_key.h"
#include "daemon/app/key_types.h"

namespace ballast {
namespace {

using Draft = ConfigDraft;
using absl::Hours;
using absl::Milliseconds;
using absl::Minutes;
using absl::Seconds;

// What the address of a Unix socket has room for.
constexpr std::size_t kMaxSocketPath = 107;

constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 40;

ConfigKey Key(const char* path, const char* type, const char* unit, const char* help) {
  ConfigKey key;
  key.path = path;
  key.type = type;
  key.unit = unit;
  key.help = help;
  return key;
}

ConfigKey Reloadable(ConfigKey key) {
  key.reloadable = true;
  return key;
}

// Without a default; the example file has `example`.
ConfigKey Required(ConfigKey key, const char* example) {
  key.required = true;
  key.example = example;
  return key;
}

ConfigKey Ranged(ConfigKey key, const char* range) {
  key.range = range;
  return key;
}

// With a default that depends on other keys.
ConfigKey Derived(ConfigKey key, const char* preset, const char* example) {
  key.preset = preset;
  key.example = example;
  return key;
}

std::string CheckAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  int port = -1;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return absl::StrCat("is '", text, "', not HOST:PORT with a port in [0, 65535]");
  }
  return "";
}

std::string CheckOptionalAddress(const std::string& text) {
  return text.empty() ? "" : CheckAddress(text);
}

std::string CheckSocket(const std::string& text) {
  if (text.size() <= kMaxSocketPath) return "";
  return absl::StrCat("is ", text, ", longer than ", kMaxSocketPath, " bytes; empty turns it off");
}

std::string CheckName(const std::string& text) { return text.empty() ? "is empty" : ""; }

using Keys = std::vector<ConfigKey>;

void AddAddresses(Keys* keys) {
  keys->push_back(TextKey(
      Ranged(Key("grpc.listen", "address", "", "All gRPC services. Port 0 takes a free one."),
             "HOST:PORT"),
      [](Draft & d) -> auto& { return d.config.grpc_listen; }, CheckAddress));
  keys->push_back(TextKey(
      Ranged(Key("http.listen", "address", "", "/metrics, /livez, /readyz. Empty: no HTTP."),
             "HOST:PORT or empty"),
      [](Draft & d) -> auto& { return d.config.http_listen; }, CheckOptionalAddress));
}

void AddStore(Keys* keys) {
  keys->push_back(EnumKey(
      Key("store.kind", "name", "", "Where plans are kept; memory forgets everything on restart."),
      +[](Draft & d) -> auto& { return d.config.store_kind; }, {"sqlite", "memory"}));
  keys->push_back(TextKey(
      Key("store.path", "path", "",
          "The SQLite file; its folder must exist. A lock file lies beside "
          "it."),
      [](Draft & d) -> auto& { return d.config.store_path; }, CheckName));
  keys->push_back(TextKey(
      Derived(Ranged(Key("admin.socket", "path", "",
                         "The Unix socket of the admin service, mode 0600. Empty: none."),
                     "at most 107 bytes, or empty"),
              "admin.sock in the folder of store.path; none for a store in memory",
              "/run/ballastd/admin.sock"),
      [](Draft & d) -> auto& { return d.config.admin_socket; }, CheckSocket));
  keys->push_back(TextKey(
      Derived(Key("admin.audit_path", "path", "",
                  "One JSON line for each admin call. Empty: in the log only."),
              "audit.log in the folder of store.path; none for a store in memory",
              "/var/lib/ballastd/audit.log"),
      [](Draft & d) -> auto& { return d.config.admin_audit_path; }));
}

void AddLog(Keys* keys) {
  keys->push_back(ChoiceKey(
      Reloadable(Key("log.level", "name", "", "Events below this level are not written.")),
      [](Draft & d) -> auto& { return d.config.log_level; },
      {"trace", "debug", "info", "warn", "error"}));
  keys->push_back(
      EnumKey(Key("log.format", "name", "", "Form of an event's line on standard error."),
              +[](Draft & d) -> auto& { return d.config.log_format; }, {"logfmt", "json"}));
}

void AddSession(Keys* keys) {
  keys->push_back(RangeKey<absl::Duration>(
      Key("session.heartbeat_period", "duration", "",
          "How often a worker proves that it lives. One that says nothing for three periods is "
          "named stale."),
      [](Draft & d) -> auto& { return d.config.heartbeat_period; }, Milliseconds(100), Minutes(1)));
  keys->push_back(RangeKey<absl::Duration>(
      Reloadable(Key("session.write_deadline", "duration", "",
                     "A session that takes nothing for so long, although something waits for it, "
                     "is closed.")),
      [](Draft & d) -> auto& { return d.config.write_deadline; }, Milliseconds(100), Hours(1)));
  keys->push_back(RangeKey<absl::Duration>(
      Reloadable(Key("session.report_period", "duration", "",
                     "How often a worker reports its counters. Shorter: fresher batches, more "
                     "traffic. A change reaches a worker with its next credit.")),
      [](Draft & d) -> auto& { return d.config.report_period; }, Milliseconds(10), Minutes(1)));
}

void AddLoad(Keys* keys) {
  keys->push_back(EnumKey(
      Key("load.averaging", "name", "",
          "How batches of counters are averaged: by a half-life in steps or in time, or a plain "
          "mean of the last."),
      +[](Draft & d) -> auto& { return d.group.config.load.averaging; },
      {"half_life_steps", "half_life_time", "plain"}));
  keys->push_back(RangeKey<double>(
      Reloadable(Key("load.half_life_steps", "number", "steps",
                     "The weight of a batch halves in so many steps. Higher: calmer, slower to "
                     "follow.")),
      [](Draft & d) -> auto& { return d.group.config.load.half_life_steps; }, 1, 1e12));
  keys->push_back(RangeKey<absl::Duration>(
      Reloadable(Key("load.half_life", "duration", "", "The same in time.")),
      [](Draft & d) -> auto& { return d.group.config.load.half_life; }, Seconds(1), Hours(1)));
  keys->push_back(RangeKey<int>(
      Key("load.window_batches", "integer", "batches", "What the plain mean is taken of."),
      [](Draft & d) -> auto& { return d.group.config.load.window_batches; }, 1, 10000));
  keys->push_back(RangeKey<std::uint64_t>(
      Reloadable(Ranged(Key("load.batch_steps", "integer", "steps",
                            "Length of a batch, counted on the smallest last step over the ranks."),
                        ">= 1")),
      [](Draft & d) -> auto& { return d.group.config.load.batch_steps; }, 1, kMaxCount));
  keys->push_back(RangeKey<int>(
      Key("load.scenarios", "integer", "batches", "Last batches kept one by one."),
      [](Draft & d) -> auto& { return d.group.config.load.num_scenarios; }, 0, 1000));
  keys->push_back(RangeKey<absl::Duration>(
      Reloadable(Key("load.stale_after", "duration", "",
                     "A rank whose last report is older is not covered.")),
      [](Draft & d) -> auto& { return d.group.config.load.stale_after; }, Milliseconds(100),
      Hours(1)));
}

void AddSchedule(Keys* keys) {
  keys->push_back(RangeKey<std::uint64_t>(
      Reloadable(
          Ranged(Key("planning.solve_every_steps", "integer", "steps",
                     "A solve is due after so many steps, counted on the smallest last step over "
                     "the ranks. 0: only by time."),
                 ">= 0")),
      [](Draft & d) -> auto& { return d.group.config.policy.solve_every_steps; }, 0, kMaxCount));
  keys->push_back(RangeKey<absl::Duration>(
      Reloadable(Ranged(Key("planning.solve_every", "duration", "",
                            "A solve is due after so long. Whichever comes first; both may not be "
                            "off."),
                        ">= 100ms, or never")),
      [](Draft & d) -> auto& { return d.group.config.policy.solve_every; }, Milliseconds(100),
      absl::InfiniteDuration()));
  keys->push_back(RangeKey<absl::Duration>(
      Reloadable(Key("planning.min_interval", "duration", "", "Between two adopted plans.")),
      [](Draft & d) -> auto& { return d.group.config.policy.min_interval; }, absl::ZeroDuration(),
      Hours(24)));
  keys->push_back(RangeKey<double>(
      Reloadable(Key("planning.min_coverage", "number", "share of ranks",
                     "Ranks with fresh reports, below which nothing is solved.")),
      [](Draft & d) -> auto& { return d.group.config.policy.min_coverage; }, 0.001, 1));
  keys->push_back(RangeKey<std::uint64_t>(
      Reloadable(Key("planning.min_batches", "integer", "batches",
                     "Closed batches before the first solve.")),
      [](Draft & d) -> auto& { return d.group.config.policy.min_batches; }, 1, 1000000));
}

void AddAdoption(Keys* keys) {
  keys->push_back(RangeKey<double>(
      Reloadable(Key("planning.min_gain", "number", "share of the straggler load",
                     "What a plan must save. It must also win more time, gain x "
                     "moe_seconds_per_step x steps to the next solve, than its loading takes: the "
                     "bytes of the busiest rank / migration_bytes_per_second.")),
      [](Draft & d) -> auto& { return d.group.config.policy.min_gain; }, 0, 0.999));
  keys->push_back(RangeKey<double>(
      Reloadable(Key("planning.moe_seconds_per_step", "number", "seconds",
                     "MoE time of one serving step: what the gain is a share of.")),
      [](Draft & d) -> auto& { return d.group.config.policy.moe_seconds_per_step; }, 1e-6, 1000));
  keys->push_back(RangeKey<double>(
      Reloadable(Key("planning.migration_bytes_per_second", "number", "bytes a second",
                     "How fast one rank loads weights.")),
      [](Draft & d) -> auto& { return d.group.config.policy.migration_bytes_per_second; }, 1,
      1e15));
  keys->push_back(BooleanKey(
      Reloadable(Key("planning.observe_only", "", "",
                     "Solve and record, never adopt: the way to begin on a cluster that matters. "
                     "The flag --dry-run sets it for all groups.")),
      [](Draft & d) -> auto& { return d.group.config.policy.observe_only; }));
}

void AddRollout(Keys* keys) {
  keys->push_back(RangeKey<absl::Duration>(
      Reloadable(Key("rollout.prepare_timeout", "duration", "",
                     "A rank that loads without progress for so long aborts the plan.")),
      [](Draft & d) -> auto& { return d.group.config.rollout.prepare_timeout; }, Milliseconds(100),
      Hours(1)));
  keys->push_back(RangeKey<absl::Duration>(
      Reloadable(Key("rollout.lagging_after", "duration", "",
                     "A rank that has not switched so long after the decision is named.")),
      [](Draft & d) -> auto& { return d.group.config.rollout.lagging_after; }, Milliseconds(100),
      Hours(1)));
}

void AddModel(Keys* keys) {
  keys->push_back(TextKey(
      Required(Ranged(Key("name", "text", "",
                          "What workers and ballastctl call the group; the "
                          "metric label group."),
                      "unique"),
               "decode0"),
      [](Draft & d) -> auto& { return d.group.config.name; }, CheckName));
  keys->push_back(RangeKey<int>(
      Required(Key("model.layers", "integer", "layers", "MoE layers only."), "58"),
      [](Draft & d) -> auto& { return d.group.config.shape.num_layers; }, 1, kMaxLayers));
  keys->push_back(RangeKey<int>(
      Required(Key("model.experts", "integer", "experts", "Logical experts of a layer."), "256"),
      [](Draft & d) -> auto& { return d.group.config.shape.num_experts; }, 1, kMaxExperts));
  ConfigKey expert_groups =
      Key("model.expert_groups", "integer", "groups",
          "Expert groups of the gate. A multiple of the rows makes EPLB hierarchical.");
  expert_groups.example = "8";
  keys->push_back(RangeKey<int>(
      expert_groups, [](Draft & d) -> auto& { return d.group.config.shape.num_expert_groups; }, 1,
      kMaxExperts));
  keys->push_back(RangeKey<int>(
      Required(Ranged(Key("model.top_k", "integer", "experts", "Experts of one token."),
                      "1 .. model.experts"),
               "8"),
      [](Draft & d) -> auto& { return d.group.config.shape.top_k; }, 1, kMaxExperts));
  ConfigKey bytes = Key("model.expert_bytes", "integer", "bytes",
                        "Weights of one expert in one layer. 0: unknown, then moves cost nothing.");
  bytes.example = "44040192";
  keys->push_back(RangeKey<std::int64_t>(
      bytes, [](Draft & d) -> auto& { return d.group.config.shape.expert_bytes; }, 0,
      std::int64_t{1} << 40));
}

void AddTopology(Keys* keys) {
  keys->push_back(RangeKey<int>(
      Required(Key("ranks", "integer", "ranks", "Workers of the group."), "128"),
      [](Draft & d) -> auto& { return d.group.ranks; }, 1, kMaxRanks));
  keys->push_back(RangeKey<int>(
      Required(Key("row_size", "integer", "ranks",
                   "Ranks that reach each other cheaply: rank r is in row r / row_size."),
               "8"),
      [](Draft & d) -> auto& { return d.group.row_size; }, 1, kMaxRanks));
  keys->push_back(PerRankKey<int>(
      Required(Ranged(Key("slots_per_rank", "integer or list", "slots",
                          "Experts that a rank holds in one layer: one number, or a list with one "
                          "for each rank."),
                      ">= 1"),
               "3"),
      [](Draft & d) -> auto& { return d.group.slots_per_rank; }));
  keys->push_back(PerRankKey<double>(
      Ranged(Key("speeds", "number or list", "",
                 "Relative speed: one number, or a list with one for each rank."),
             "> 0"),
      [](Draft & d) -> auto& { return d.group.speeds; }));
}

void AddPlanner(Keys* keys) {
  keys->push_back(ChoiceKey(
      Key("planner.name", "name", "", "Which algorithm makes the plans."),
      [](Draft & d) -> auto& { return d.group.config.planner; }, PlannerNames()));
  keys->push_back(EnumKey(
      Reloadable(Key("planner.policy", "name", "",
                     "Whether EPLB keeps the experts of a group in one row; auto: where the shape "
                     "allows it.")),
      +[](Draft & d) -> auto& { return d.group.config.planner_options.policy; },
      {"auto", "hierarchical", "global"}));
  keys->push_back(EnumKey(
      Reloadable(Key("planner.ties", "name", "",
                     "Order of equal weights; libstdcxx is bit-equal to the published code.")),
      +[](Draft & d) -> auto& { return d.group.config.planner_options.ties; },
      {"stable", "libstdcxx"}));
  keys->push_back(RangeKey<std::uint64_t>(
      Reloadable(
          Ranged(Key("planner.seed", "integer", "", "For planners that draw at random."), ">= 0")),
      [](Draft & d) -> auto& { return d.group.config.planner_options.seed; }, 0,
      std::numeric_limits<std::uint64_t>::max()));
  keys->push_back(RangeKey<int>(
      Reloadable(Key("plans_kept", "integer", "plans",
                     "Plans of the history beyond which the oldest are removed.")),
      [](Draft & d) -> auto& { return d.group.config.plans_kept; }, 10, 1000000));
  keys->push_back(RangeKey<int>(
      Reloadable(Key("decisions_kept", "integer", "decisions",
                     "Decisions, one a solve, beyond which the oldest are removed; about 0.4 KB "
                     "each.")),
      [](Draft & d) -> auto& { return d.group.config.decisions_kept; }, 10, 1000000));
}

void AddAt(KeyPlace place, void (*add)(Keys*), Keys* keys) {
  const std::size_t begin = keys->size();
  add(keys);
  for (std::size_t i = begin; i < keys->size(); ++i) {
    ConfigKey& key = (*keys)[i];
    key.place = place;
    if (key.type.empty()) key.type = "name";
  }
}

Keys MakeKeys() {
  Keys keys;
  for (auto* add : {AddAddresses, AddStore, AddLog, AddSession}) {
    AddAt(KeyPlace::kProcess, add, &keys);
  }
  for (auto* add : {AddLoad, AddSchedule, AddAdoption, AddRollout}) {
    AddAt(KeyPlace::kShared, add, &keys);
  }
  for (auto* add : {AddModel, AddTopology, AddPlanner}) AddAt(KeyPlace::kGroup, add, &keys);
  return keys;
}

}  // namespace

const std::vector<ConfigKey>& ConfigKeys() {
  static const auto* const keys = new Keys(MakeKeys());
  return *keys;
}

std::string SectionOf(const ConfigKey& key) {
  const std::size_t dot = key.path.find('.');
  return dot == std::string::npos ? "" : key.path.substr(0, dot);
}

std::string EnvironmentName(const ConfigKey& key) {
  return absl::StrCat("BALLAST_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(key.path, {{".", "_"}})));
}

}  // namespace ballast
