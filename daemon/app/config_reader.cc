#include "daemon/app/config_reader.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ballast {
namespace {

constexpr char kPrefix[] = "BALLAST_";

int EditDistance(const std::string& a, const std::string& b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

int LineOf(const YAML::Node& node) { return std::max(node.Mark().line, 0) + 1; }

// Whether a key may stand in a group (or else at the top of the file).
bool MayStand(const ConfigKey& key, bool in_group) {
  return key.place == KeyPlace::kShared || (key.place == KeyPlace::kGroup) == in_group;
}

const ConfigKey* FindKey(const std::string& path) {
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

// What may stand below `section`: keys and, at the top, sections.
std::vector<std::string> WordsBelow(const std::string& section, bool in_group) {
  std::vector<std::string> words;
  for (const ConfigKey& key : ConfigKeys()) {
    if (!MayStand(key, in_group)) continue;
    if (!section.empty() && SectionOf(key) != section) continue;
    std::string word = key.path;
    if (!section.empty()) {
      word = key.path.substr(section.size() + 1);
    } else if (!SectionOf(key).empty()) {
      word = SectionOf(key);
    }
    if (words.empty() || words.back() != word) words.push_back(word);
  }
  if (section.empty() && !in_group) words.push_back("groups");
  return words;
}

bool IsSection(const std::string& word, bool in_group) {
  return std::any_of(ConfigKeys().begin(), ConfigKeys().end(), [&](const ConfigKey& key) {
    return MayStand(key, in_group) && SectionOf(key) == word;
  });
}

// `name` in the folder of the store; none for a store that has no folder.
std::string BesideStore(const Config& config, const char* name) {
  if (config.store_kind != StoreKind::kSqlite) return "";
  const std::size_t slash = config.store_path.rfind('/');
  return slash == std::string::npos ? name : config.store_path.substr(0, slash + 1) + name;
}

// One value for all ranks, or one for each; nullopt for another number of them.
template <typename T>
std::optional<std::vector<T>> PerRank(const std::vector<T>& values, int ranks) {
  if (values.size() == 1) return std::vector<T>(ranks, values[0]);
  if (static_cast<int>(values.size()) != ranks) return std::nullopt;
  return values;
}

absl::StatusOr<Topology> MakeTopology(const GroupDraft& draft, const std::vector<int>& slots,
                                      const std::vector<double>& speeds) {
  std::vector<RankSpec> specs(draft.ranks);
  for (int rank = 0; rank < draft.ranks; ++rank) {
    specs[rank] = {.row = RowId(rank / draft.row_size),
                   .num_slots = slots[rank],
                   .relative_speed = speeds[rank]};
  }
  return Topology::Create(std::move(specs));
}

// Of HOST:PORT. A name counts as open: what it stands for is not known here.
bool IsLoopback(absl::string_view listen) {
  const absl::string_view host = listen.substr(0, listen.rfind(':'));
  return host == "localhost" || host == "[::1]" || absl::StartsWith(host, "127.");
}

}  // namespace

std::string NearestWord(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = 0;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(word, candidate);
    if (best.empty() || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

ConfigReader::ConfigReader(const ConfigSources& sources) : from_(sources) {}

absl::StatusOr<Config> ConfigReader::Read(absl::string_view yaml) {
  YAML::Node document;
  try {
    document = YAML::Load(std::string(yaml));
  } catch (const YAML::Exception& fault) {
    return absl::InvalidArgumentError(
        absl::StrCat(from_.file, ":", fault.mark.line + 1, ": ", fault.msg));
  }
  CollectOverrides();
  ConfigDraft draft;
  Scope root{"", &draft, {}};
  ReadMapping(document, "", &root);
  for (const Override& override : overrides_) Apply(override, &root);
  FinishProcess(&root);
  config_ = draft.config;
  TakeValues(root, false);
  ReadGroups(document.IsMap() ? document["groups"] : YAML::Node(), root);
  if (!faults_.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(
        faults_, "\n",
        [](std::string* line, const auto& fault) { absl::StrAppend(line, fault.second); }));
  }
  WarnOfOpenPorts();
  config_.warnings = warnings_;
  return std::move(config_);
}

void ConfigReader::WarnOfOpenPorts() {
  const std::pair<const char*, const std::string*> ports[] = {
      {"grpc.listen", &config_.grpc_listen}, {"http.listen", &config_.http_listen}};
  for (const auto& [key, listen] : ports) {
    if (listen->empty() || IsLoopback(*listen)) continue;
    warnings_.push_back(absl::StrCat(key, " is ", *listen,
                                     ": there is no authentication, so whoever reaches that "
                                     "port may use it; keep it on a trusted network"));
  }
}

void ConfigReader::CollectOverrides() {
  CollectEnvironment();
  CollectSettings();
}

// A variable that belongs to no section may be somebody else's, and one that a cluster manager
// sets for a service of this name looks like ours: so a name that is not known is no fault.
void ConfigReader::CollectEnvironment() {
  std::vector<std::string> names;
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.place != KeyPlace::kGroup) names.push_back(EnvironmentName(key));
  }
  for (const auto& [name, text] : from_.environment) {
    if (!absl::StartsWith(name, kPrefix)) continue;
    const auto known = std::find(names.begin(), names.end(), name);
    bool ours = false;
    for (const ConfigKey& key : ConfigKeys()) {
      if (key.place == KeyPlace::kGroup) continue;
      if (known != names.end() && EnvironmentName(key) == name) {
        AddOverride(key, text, absl::StrCat("env ", name));
      }
      const std::string key_name = EnvironmentName(key);
      const std::size_t section = std::string(kPrefix).size() + SectionOf(key).size() + 1;
      ours = ours || absl::StartsWith(name, key_name.substr(0, section));
    }
    if (known == names.end() && ours) {
      warnings_.push_back(absl::StrCat("env ", name, " is no key and is ignored; nearest is ",
                                       NearestWord(name, names)));
    }
  }
}

void ConfigReader::CollectSettings() {
  std::vector<std::string> paths;
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.place != KeyPlace::kGroup) paths.push_back(key.path);
  }
  for (const std::string& setting : from_.settings) {
    const std::string path = setting.substr(0, setting.find('='));
    const ConfigKey* key = FindKey(path);
    if (path.size() == setting.size()) {
      AddFault(0, absl::StrCat("--set ", setting, " is not KEY=VALUE"));
    } else if (key == nullptr) {
      AddFault(0, absl::StrCat("--set ", setting, ": ", path, " is no key; nearest is ",
                               NearestWord(path, paths)));
    } else if (key->place == KeyPlace::kGroup) {
      AddFault(0, absl::StrCat("--set ", setting, ": ", path,
                               " belongs to one group and stands in the file only"));
    } else {
      AddOverride(*key, setting.substr(path.size() + 1), "flag --set");
    }
  }
}

void ConfigReader::AddOverride(const ConfigKey& key, const std::string& text,
                               const std::string& source) {
  ConfigDraft scratch;
  const std::string fault = key.read(YAML::Node(text), &scratch);
  if (fault.empty()) {
    overrides_.push_back({&key, text, source});
  } else {
    AddFault(0, absl::StrCat(source, ": ", key.path, " ", fault));
  }
}

void ConfigReader::Apply(const Override& override, Scope* scope) const {
  override.key->read(YAML::Node(override.text), scope->draft);
  scope->sources[override.key->path] = override.source;
}

void ConfigReader::ReadMapping(const YAML::Node& node, const std::string& section, Scope* scope) {
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsMap()) {
    const std::string full = FullPath(*scope, section);
    AddFault(LineOf(node), absl::StrCat(full.empty() ? "the file" : full,
                                        " must be a mapping of keys to values"));
    return;
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string word = entry.first.IsScalar() ? entry.first.Scalar() : "(not a word)";
    if (seen.insert(word).second) {
      ReadEntry(entry.first, entry.second, section, scope);
    } else {
      const std::string path = section.empty() ? word : absl::StrCat(section, ".", word);
      AddFault(LineOf(entry.first), absl::StrCat(FullPath(*scope, path), " is given twice"));
    }
  }
}

void ConfigReader::ReadEntry(const YAML::Node& key, const YAML::Node& value,
                             const std::string& section, Scope* scope) {
  const bool in_group = !scope->path.empty();
  const std::string word = key.IsScalar() ? key.Scalar() : "(not a word)";
  const std::string path = section.empty() ? word : absl::StrCat(section, ".", word);
  lines_[FullPath(*scope, path)] = LineOf(key);
  const ConfigKey* known = FindKey(path);
  if (known != nullptr && MayStand(*known, in_group)) {
    const std::string fault = known->read(value, scope->draft);
    if (!fault.empty()) FaultAt(*scope, path, fault);
    scope->sources[path] = absl::StrCat(from_.file, ":", LineOf(key));
    return;
  }
  if (section.empty() && IsSection(word, in_group)) {
    ReadMapping(value, word, scope);
    return;
  }
  if (path == "groups" && !in_group) return;  // Read last, when what holds for all is known.
  FaultAt(*scope, path,
          absl::StrCat("is no key; nearest is ", NearestWord(word, WordsBelow(section, in_group))));
}

void ConfigReader::ReadGroups(const YAML::Node& node, const Scope& root) {
  if (!node.IsDefined() || !node.IsSequence() || node.size() == 0) {
    FaultAt(root, "groups", "must list at least one EP group");
    return;
  }
  for (std::size_t i = 0; i < node.size(); ++i) {
    ReadGroup(node[i], absl::StrCat("groups[", i, "]"), root);
  }
}

void ConfigReader::ReadGroup(const YAML::Node& node, const std::string& path, const Scope& root) {
  ConfigDraft draft = *root.draft;
  Scope scope{path, &draft, root.sources};
  lines_[path] = LineOf(node);
  const std::size_t faults_before = faults_.size();
  ReadMapping(node, "", &scope);
  for (const Override& override : overrides_) Apply(override, &scope);
  CheckRequired(scope);
  const PolicyOptions& policy = draft.group.config.policy;
  if (policy.solve_every_steps == 0 && policy.solve_every == absl::InfiniteDuration()) {
    FaultAt(scope, "planning.solve_every_steps",
            "is 0 and solve_every is never: no solve would ever be due");
  }
  const std::string& name = draft.group.config.name;
  if (!name.empty() && !names_.insert(name).second) {
    FaultAt(scope, "name", absl::StrCat("'", name, "' is used twice"));
  }
  // What does not fit together is worth telling only where each value is right by itself.
  if (faults_.size() == faults_before) CheckGroup(&scope);
  config_.groups.push_back(draft.group.config);
  TakeValues(scope, true);
}

void ConfigReader::CheckRequired(const Scope& scope) {
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.required && !scope.sources.contains(key.path)) FaultAt(scope, key.path, "is missing");
  }
}

void ConfigReader::CheckGroup(Scope* scope) {
  GroupDraft& draft = scope->draft->group;
  const absl::Status shape_status = CheckShape(draft.config.shape);
  if (!shape_status.ok()) FaultAt(*scope, "model", std::string(shape_status.message()));
  const auto slots = PerRank(draft.slots_per_rank, draft.ranks);
  const auto speeds = PerRank(draft.speeds, draft.ranks);
  const std::string size =
      absl::StrCat("must be one number or a list of ", draft.ranks, " (one a rank)");
  if (!slots.has_value()) FaultAt(*scope, "slots_per_rank", size);
  if (!speeds.has_value()) FaultAt(*scope, "speeds", size);
  if (!slots.has_value() || !speeds.has_value()) return;
  absl::StatusOr<Topology> topology = MakeTopology(draft, *slots, *speeds);
  if (!topology.ok()) {
    FaultAt(*scope, "ranks", std::string(topology.status().message()));
    return;
  }
  if (topology->num_slots() < draft.config.shape.num_experts) {
    FaultAt(*scope, "slots_per_rank",
            absl::StrCat("gives ", topology->num_slots(), " slots for ",
                         draft.config.shape.num_experts, " experts"));
  }
  draft.config.topology = *std::move(topology);
}

void ConfigReader::FinishProcess(Scope* root) const {
  Config& config = root->draft->config;
  if (!root->sources.contains("admin.socket")) {
    config.admin_socket = BesideStore(config, "admin.sock");
  }
  if (!root->sources.contains("admin.audit_path")) {
    config.admin_audit_path = BesideStore(config, "audit.log");
  }
}

void ConfigReader::TakeValues(const Scope& scope, bool of_group) {
  // A group's own keys, its name above all, before those that all groups may share.
  const std::vector<KeyPlace> places =
      of_group ? std::vector<KeyPlace>{KeyPlace::kGroup, KeyPlace::kShared}
               : std::vector<KeyPlace>{KeyPlace::kProcess};
  for (KeyPlace place : places) {
    for (const ConfigKey& key : ConfigKeys()) {
      if (key.place != place) continue;
      const auto source = scope.sources.find(key.path);
      config_.values.push_back({of_group ? scope.draft->group.config.name : "", key.path,
                                key.print(*scope.draft),
                                source == scope.sources.end() ? "default" : source->second});
    }
  }
}

std::string ConfigReader::FullPath(const Scope& scope, const std::string& path) {
  if (scope.path.empty()) return path;
  return path.empty() ? scope.path : absl::StrCat(scope.path, ".", path);
}

void ConfigReader::FaultAt(const Scope& scope, const std::string& path, const std::string& text) {
  const std::string full = FullPath(scope, path);
  auto line = lines_.find(full);
  if (line != lines_.end()) return AddFault(line->second, absl::StrCat(full, " ", text));
  const ConfigKey* key = FindKey(path);
  if (key != nullptr && key->place == KeyPlace::kShared) {
    // Given for all groups: at the top of the file, or from outside.
    line = lines_.find(path);
    if (line != lines_.end()) return AddFault(line->second, absl::StrCat(path, " ", text));
    const auto source = scope.sources.find(path);
    if (source != scope.sources.end()) {
      return AddFault(0, absl::StrCat(source->second, ": ", path, " ", text));
    }
  }
  line = lines_.find(scope.path);
  AddFault(line == lines_.end() ? 1 : line->second, absl::StrCat(full, " ", text));
}

void ConfigReader::AddFault(int line, const std::string& text) {
  faults_.insert({line, line == 0 ? text : absl::StrCat(from_.file, ":", line, ": ", text)});
}

}  // namespace ballast
