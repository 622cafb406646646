#include "daemon/app/config.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/app/yaml_section.h"

namespace ballast {
namespace {

// What the address of a Unix socket has room for.
constexpr std::size_t kMaxSocketPath = 107;

constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 40;

void ReadLoad(YamlSection section, LoadWindowOptions* load) {
  int averaging = static_cast<int>(load->averaging);
  section.ReadName("averaging", {"half_life_steps", "half_life_time", "plain"}, &averaging);
  load->averaging = static_cast<Averaging>(averaging);
  section.Read("half_life_steps", &load->half_life_steps, 1, 1e12);
  section.Read("half_life", &load->half_life, absl::Seconds(1), absl::Hours(1));
  section.Read("window_batches", &load->window_batches, 1, 10000);
  section.Read("batch_steps", &load->batch_steps, 1, kMaxCount);
  section.Read("scenarios", &load->num_scenarios, 0, 1000);
  section.Read("stale_after", &load->stale_after, absl::Milliseconds(100), absl::Hours(1));
  section.Finish();
}

void ReadPlanning(YamlSection section, PolicyOptions* policy) {
  section.Read("solve_every_steps", &policy->solve_every_steps, 0, kMaxCount);
  section.Read("solve_every", &policy->solve_every, absl::Milliseconds(100),
               absl::InfiniteDuration());
  section.Read("min_interval", &policy->min_interval, absl::ZeroDuration(), absl::Hours(24));
  section.Read("min_gain", &policy->min_gain, 0, 0.999);
  section.Read("min_coverage", &policy->min_coverage, 0.001, 1);
  section.Read("min_batches", &policy->min_batches, 1, 1000000);
  section.Read("moe_seconds_per_step", &policy->moe_seconds_per_step, 1e-6, 1000);
  section.Read("migration_bytes_per_second", &policy->migration_bytes_per_second, 1, 1e15);
  section.Read("observe_only", &policy->observe_only);
  if (policy->solve_every_steps == 0 && policy->solve_every == absl::InfiniteDuration()) {
    section.Fault("solve_every_steps", "is 0 and solve_every is never: no solve would ever be due");
  }
  section.Finish();
}

void ReadRollout(YamlSection section, CoordinatorOptions* rollout) {
  section.Read("prepare_timeout", &rollout->prepare_timeout, absl::Milliseconds(100),
               absl::Hours(1));
  section.Read("lagging_after", &rollout->lagging_after, absl::Milliseconds(100), absl::Hours(1));
  section.Finish();
}

void ReadPlanner(YamlSection section, GroupConfig* group) {
  const std::vector<std::string> names = PlannerNames();
  int name = 0;
  section.ReadName("name", names, &name);
  group->planner = names[name];
  int policy = static_cast<int>(group->planner_options.policy);
  section.ReadName("policy", {"auto", "hierarchical", "global"}, &policy);
  group->planner_options.policy = static_cast<EplbPolicy>(policy);
  int ties = static_cast<int>(group->planner_options.ties);
  section.ReadName("ties", {"stable", "libstdcxx"}, &ties);
  group->planner_options.ties = static_cast<TieOrder>(ties);
  section.Read("seed", &group->planner_options.seed, 0, std::numeric_limits<std::uint64_t>::max());
  section.Finish();
}

void ReadModel(YamlSection section, ModelShape* shape) {
  section.Read("layers", &shape->num_layers, 1, kMaxLayers);
  section.Read("experts", &shape->num_experts, 1, kMaxExperts);
  section.Read("expert_groups", &shape->num_expert_groups, 1, kMaxExperts);
  section.Read("top_k", &shape->top_k, 1, kMaxExperts);
  section.Read("expert_bytes", &shape->expert_bytes, 0, std::int64_t{1} << 40);
  for (const char* key : {"layers", "experts", "top_k"}) {
    if (!section.Has(key)) section.Fault(key, "is missing");
  }
  section.Finish();
}

// One value for all ranks, or a list with one for each.
template <typename T>
std::vector<T> ReadPerRank(YamlSection& section, const char* key, int ranks, T fallback) {
  const YAML::Node node = section.Child(key);
  std::vector<T> values(ranks, fallback);
  if (!node.IsDefined()) return values;
  try {
    if (node.IsScalar()) return std::vector<T>(ranks, node.as<T>());
    if (node.IsSequence() && static_cast<int>(node.size()) == ranks) {
      for (int rank = 0; rank < ranks; ++rank) values[rank] = node[rank].as<T>();
      return values;
    }
  } catch (const YAML::Exception&) {
    section.Fault(key, "has a value that is not a number");
    return values;
  }
  section.Fault(key, absl::StrCat("must be one number or a list of ", ranks, " (one a rank)"));
  return values;
}

absl::StatusOr<Topology> ReadTopology(YamlSection& section) {
  int ranks = 0;
  int row_size = 0;
  section.Read("ranks", &ranks, 1, kMaxRanks);
  section.Read("row_size", &row_size, 1, kMaxRanks);
  for (const char* key : {"ranks", "row_size", "slots_per_rank"}) {
    if (!section.Has(key)) section.Fault(key, "is missing");
  }
  const std::vector<int> slots = ReadPerRank<int>(section, "slots_per_rank", ranks, 1);
  const std::vector<double> speeds = ReadPerRank<double>(section, "speeds", ranks, 1.0);
  std::vector<RankSpec> specs(ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    specs[rank] = {.row = RowId(rank / std::max(row_size, 1)),
                   .num_slots = slots[rank],
                   .relative_speed = speeds[rank]};
  }
  return Topology::Create(std::move(specs));
}

// What holds for all groups unless one says otherwise.
struct GroupDefaults {
  LoadWindowOptions load;
  PolicyOptions policy;
  CoordinatorOptions rollout;
};

// A group whose faults are noted is returned all the same, so that the next is read too.
GroupConfig ReadGroup(const YAML::Node& node, const std::string& path,
                      const GroupDefaults& defaults, ConfigFaults* faults) {
  YamlSection section(node, path, faults);
  const std::size_t faults_before = faults->size();
  std::string name;
  section.Read("name", &name);
  if (name.empty()) section.Fault("name", "is missing");
  ModelShape shape;
  ReadModel(YamlSection(section.Child("model"), section.PathOf("model"), faults), &shape);
  absl::StatusOr<Topology> topology = ReadTopology(section);
  // What does not fit together is worth telling only where each value is right by itself.
  if (faults->size() == faults_before) {
    const absl::Status shape_status = CheckShape(shape);
    if (!shape_status.ok()) section.Fault("model", std::string(shape_status.message()));
    if (!topology.ok()) {
      section.Fault("ranks", std::string(topology.status().message()));
    } else if (topology->num_slots() < shape.num_experts) {
      section.Fault("slots_per_rank", absl::StrCat("gives ", topology->num_slots(), " slots for ",
                                                   shape.num_experts, " experts"));
    }
  }
  GroupConfig group{name,
                    shape,
                    topology.ok() ? *std::move(topology) : *Topology::Uniform(1, 1, 1),
                    "eplb",
                    PlannerOptions{},
                    defaults.load,
                    defaults.policy,
                    defaults.rollout};
  ReadPlanner(YamlSection(section.Child("planner"), section.PathOf("planner"), faults), &group);
  ReadLoad(YamlSection(section.Child("load"), section.PathOf("load"), faults), &group.load);
  ReadPlanning(YamlSection(section.Child("planning"), section.PathOf("planning"), faults),
               &group.policy);
  ReadRollout(YamlSection(section.Child("rollout"), section.PathOf("rollout"), faults),
              &group.rollout);
  section.Read("plans_kept", &group.plans_kept, 10, 1000000);
  section.Read("decisions_kept", &group.decisions_kept, 10, 1000000);
  section.Finish();
  return group;
}

void ReadGroups(YamlSection& root, const GroupDefaults& defaults, ConfigFaults* faults,
                Config* config) {
  const YAML::Node groups = root.Child("groups");
  if (!groups.IsDefined() || !groups.IsSequence() || groups.size() == 0) {
    root.Fault("groups", "must list at least one EP group");
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::string path = absl::StrCat("groups[", i, "]");
    GroupConfig group = ReadGroup(groups[i], path, defaults, faults);
    if (!names.insert(group.name).second) {
      faults->push_back(absl::StrCat("line ", groups[i].Mark().line + 1, ": ", path, ".name '",
                                     group.name, "' is used twice"));
    }
    config->groups.push_back(std::move(group));
  }
}

// `name` in the folder of the store; none for a store that has no folder.
std::string BesideStore(const Config& config, const char* name) {
  if (config.store_kind != StoreKind::kSqlite) return "";
  const std::size_t slash = config.store_path.rfind('/');
  return slash == std::string::npos ? name : config.store_path.substr(0, slash + 1) + name;
}

// After the store, in whose folder the defaults lie.
void ReadAdmin(YamlSection section, Config* config) {
  config->admin_socket = BesideStore(*config, "admin.sock");
  config->admin_audit_path = BesideStore(*config, "audit.log");
  section.Read("socket", &config->admin_socket);
  section.Read("audit_path", &config->admin_audit_path);
  if (config->admin_socket.size() > kMaxSocketPath) {
    section.Fault("socket", absl::StrCat("is ", config->admin_socket, ", longer than ",
                                         kMaxSocketPath, " bytes; empty turns it off"));
  }
  section.Finish();
}

void ReadProcess(YamlSection& root, ConfigFaults* faults, Config* config) {
  YamlSection grpc(root.Child("grpc"), "grpc", faults);
  grpc.Read("listen", &config->grpc_listen);
  grpc.Finish();
  YamlSection http(root.Child("http"), "http", faults);
  http.Read("listen", &config->http_listen);
  http.Finish();
  YamlSection store(root.Child("store"), "store", faults);
  int kind = static_cast<int>(config->store_kind);
  store.ReadName("kind", {"sqlite", "memory"}, &kind);
  config->store_kind = static_cast<StoreKind>(kind);
  store.Read("path", &config->store_path);
  store.Finish();
  ReadAdmin(YamlSection(root.Child("admin"), "admin", faults), config);
  YamlSection log(root.Child("log"), "log", faults);
  const std::vector<std::string> levels = {"trace", "debug", "info", "warn", "error"};
  int level = 2;
  log.ReadName("level", levels, &level);
  config->log_level = levels[level];
  int format = static_cast<int>(config->log_format);
  log.ReadName("format", {"logfmt", "json"}, &format);
  config->log_format = static_cast<LogFormat>(format);
  log.Finish();
  YamlSection session(root.Child("session"), "session", faults);
  session.Read("heartbeat_period", &config->heartbeat_period, absl::Milliseconds(100),
               absl::Minutes(1));
  session.Read("write_deadline", &config->write_deadline, absl::Milliseconds(100), absl::Hours(1));
  session.Read("report_period", &config->report_period, absl::Milliseconds(10), absl::Minutes(1));
  session.Finish();
}

}  // namespace

absl::StatusOr<Config> ParseConfig(absl::string_view yaml) {
  YAML::Node document;
  try {
    document = YAML::Load(std::string(yaml));
  } catch (const YAML::Exception& fault) {
    return absl::InvalidArgumentError(absl::StrCat("line ", fault.mark.line + 1, ": ", fault.msg));
  }
  Config config;
  ConfigFaults faults;
  GroupDefaults defaults;
  YamlSection root(document, "", &faults);
  ReadProcess(root, &faults, &config);
  ReadLoad(YamlSection(root.Child("load"), "load", &faults), &defaults.load);
  ReadPlanning(YamlSection(root.Child("planning"), "planning", &faults), &defaults.policy);
  ReadRollout(YamlSection(root.Child("rollout"), "rollout", &faults), &defaults.rollout);
  ReadGroups(root, defaults, &faults, &config);
  root.Finish();
  if (!faults.empty()) return absl::InvalidArgumentError(absl::StrJoin(faults, "\n"));
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  }
  std::stringstream text;
  text << file.rdbuf();
  absl::StatusOr<Config> config = ParseConfig(text.str());
  if (config.ok()) return config;
  return absl::Status(config.status().code(), absl::StrCat(path, ":\n", config.status().message()));
}

}  // namespace ballast
