#include "daemon/app/config_reference.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/app/config_key.h"

namespace ballast {
namespace {

constexpr std::size_t kColumns = 96;

constexpr char kIntroduction[] = R"(# Configuration

Made from the keys' description in daemon/app/config_keys.cc; a test compares.

`ballastd --config FILE` reads one YAML file. [deploy/ballastd.yaml](../deploy/ballastd.yaml) is
an example that names every key.

- `--check-config` says what is wrong and ends, with status 78 if anything is: all faults at once,
  each with file, line, key and value, an unknown key with the nearest known one.
- `--print-config` prints the configuration in force, as YAML that means the same, with the source
  of each value.
- `--set KEY=VALUE` sets one key, such as `--set log.level=debug`; it may be repeated.
- `--dry-run` plans and never pushes: `--set planning.observe_only=true`.

A value comes from, the later the stronger: the default; the file, where what a group says is
stronger than what stands at the top for all groups; the environment; the flags. The environment
variable of `planning.min_gain` is `BALLAST_PLANNING_MIN_GAIN`. Variables and flags hold for every
group; the keys of one group stand in the file only. A variable of one of our sections that names
no key is ignored with a warning.

Durations are written `250ms`, `10s`, `5m`, `1h`.

SIGHUP reads everything again. Where anything is wrong nothing changes: the event
`config.reload_refused` names all faults, and `ballast_config_last_reload_successful` is 0.
Otherwise the keys marked *reload* are taken over within a turn of each group's threads, and the
event `config.reloaded` names old and new values. Changes of other keys are named by the event
`config.restart_needed`, at each reload until a restart takes them.
)";

constexpr char kExampleHead[] =
    R"(# Configuration of ballastd: every key, its meaning and, where there is one, its default.
# Check: ballastd --config FILE --check-config. In force: --print-config. Reference:
# docs/configuration.md. SIGHUP takes over the keys that are marked "reload".
)";

constexpr char kExampleShared[] = R"(
# The sections load, planning and rollout hold for all groups. A group may have its own, which
# need to say only what differs.
)";

constexpr char kExampleGroups[] = R"(
# The EP groups; at least one. This one has the shape of a DeepSeek-V3 decode cluster.
groups:
  -
)";

std::string TypeOf(const ConfigKey& key) {
  return key.unit.empty() ? key.type : absl::StrCat(key.type, ", ", key.unit);
}

void AddTable(KeyPlace place, std::string* text) {
  absl::StrAppend(text, "\n| key | type | default | range | reload | meaning |\n",
                  "|---|---|---|---|---|---|\n");
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.place != place) continue;
    absl::StrAppend(text, "| ", key.path, " | ", TypeOf(key), " | ", key.preset, " | ");
    absl::StrAppend(text, key.range, " | ", key.reloadable ? "yes" : "", " | ", key.help, " |\n");
  }
}

// `words` as a comment of lines that are not too long.
std::string Comment(const std::string& words, std::size_t indent) {
  const std::string begin = absl::StrCat(std::string(indent, ' '), "#");
  std::string text;
  std::string line = begin;
  for (absl::string_view word : absl::StrSplit(words, ' ')) {
    if (line.size() + 1 + word.size() > kColumns) {
      absl::StrAppend(&text, line, "\n");
      line = begin;
    }
    absl::StrAppend(&line, " ", word);
  }
  return absl::StrCat(text, line, "\n");
}

std::string FactsOf(const ConfigKey& key) {
  std::string words = absl::StrCat("[", TypeOf(key));
  if (!key.range.empty()) absl::StrAppend(&words, "; ", key.range);
  absl::StrAppend(&words, key.required ? "; required" : absl::StrCat("; default ", key.preset));
  return absl::StrCat(words, key.reloadable ? "; reload]" : "]");
}

void AddExample(KeyPlace place, std::size_t indent, std::string* text) {
  std::string section;
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.place != place) continue;
    const std::string new_section = SectionOf(key);
    if (new_section != section && !new_section.empty()) {
      if (indent == 0) absl::StrAppend(text, "\n");
      absl::StrAppend(text, std::string(indent, ' '), new_section, ":\n");
    }
    section = new_section;
    const std::size_t deep = indent + (section.empty() ? 0 : 2);
    const std::string name = section.empty() ? key.path : key.path.substr(section.size() + 1);
    absl::StrAppend(text, Comment(key.help, deep), Comment(FactsOf(key), deep),
                    std::string(deep, ' '), name, ": ",
                    key.example.empty() ? key.preset : key.example, "\n");
  }
}

}  // namespace

std::string ConfigReference() {
  std::string text = absl::StrCat(kIntroduction, "\n## The process\n");
  AddTable(KeyPlace::kProcess, &text);
  absl::StrAppend(&text,
                  "\n## All groups, or one\n\n"
                  "At the top of the file for all groups; in a group for that group.\n");
  AddTable(KeyPlace::kShared, &text);
  absl::StrAppend(&text, "\n## Groups\n\n`groups` lists at least one EP group.\n");
  AddTable(KeyPlace::kGroup, &text);
  return text;
}

std::string ConfigExample() {
  std::string text = kExampleHead;
  AddExample(KeyPlace::kProcess, 0, &text);
  absl::StrAppend(&text, kExampleShared);
  AddExample(KeyPlace::kShared, 0, &text);
  absl::StrAppend(&text, kExampleGroups);
  AddExample(KeyPlace::kGroup, 4, &text);
  return text;
}

}  // namespace ballast
