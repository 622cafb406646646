#include "daemon/app/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kGood[] = R"(
grpc: {listen: "127.0.0.1:0"}
store: {kind: memory}
planning: {min_gain: 0.05, solve_every_steps: 200}
groups:
  - name: demo
    model: {layers: 2, experts: 8, top_k: 2, expert_bytes: 1000}
    ranks: 4
    row_size: 2
    slots_per_rank: 3
    planning: {min_interval: 2s}
  - name: uneven
    model: {layers: 1, experts: 4, top_k: 1}
    ranks: 3
    row_size: 3
    slots_per_rank: [2, 1, 1]
    speeds: [1.0, 0.5, 2.0]
    planning: {min_gain: 0.1}
)";

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string FaultsOf(const std::string& yaml) {
  return std::string(ParseConfig(yaml).status().message());
}

TEST(ConfigTest, ReadsGroupsWithTheirTopologies) {
  const absl::StatusOr<Config> config = ParseConfig(kGood);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->groups.size(), 2);
  EXPECT_EQ(config->groups[0].topology.num_slots(), 12);
  EXPECT_EQ(config->groups[0].topology.row_of(RankId(3)), RowId(1));
  EXPECT_EQ(config->groups[1].topology.slots_of(RankId(0)).count, 2);
  EXPECT_EQ(config->groups[1].topology.relative_speed(RankId(2)), 2.0);
  EXPECT_EQ(config->store_kind, StoreKind::kMemory);
}

TEST(ConfigTest, GroupsTakeTheSharedSectionUnlessTheySayOtherwise) {
  const absl::StatusOr<Config> config = ParseConfig(kGood);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->groups[0].policy.min_gain, 0.05);
  EXPECT_EQ(config->groups[0].policy.min_interval, absl::Seconds(2));
  EXPECT_EQ(config->groups[1].policy.min_gain, 0.1);
  EXPECT_EQ(config->groups[1].policy.solve_every_steps, 200);
}

TEST(ConfigTest, TheAdminFilesLieBesideTheStoreUnlessToldOtherwise) {
  const std::string sqlite =
      Replaced(kGood, "store: {kind: memory}", "store: {path: /data/ballast.db}");
  EXPECT_EQ(ParseConfig(sqlite)->admin_socket, "/data/admin.sock");
  EXPECT_EQ(ParseConfig(sqlite)->admin_audit_path, "/data/audit.log");
  EXPECT_EQ(ParseConfig(sqlite + "admin: {socket: \"\", audit_path: /log/a}\n")->admin_socket, "");
  EXPECT_EQ(ParseConfig(sqlite + "admin: {audit_path: /log/a}\n")->admin_audit_path, "/log/a");
  EXPECT_EQ(ParseConfig(kGood)->admin_socket, "");
  EXPECT_EQ(ParseConfig(kGood)->admin_audit_path, "");
}

TEST(ConfigTest, RefusesASocketPathThatTheKernelWouldCut) {
  EXPECT_THAT(FaultsOf(kGood + ("admin: {socket: /" + std::string(107, 'a') + "}\n")),
              HasSubstr("longer than 107 bytes"));
  EXPECT_TRUE(ParseConfig(kGood + ("admin: {socket: /" + std::string(106, 'a') + "}\n")).ok());
}

TEST(ConfigTest, NamesTheNearestKeyForAnUnknownOne) {
  const std::string faults = FaultsOf(Replaced(kGood, "min_gain: 0.05", "min_gian: 0.05"));
  EXPECT_THAT(faults,
              HasSubstr("configuration:4: planning.min_gian is no key; nearest is min_gain"));
}

TEST(ConfigTest, ReportsAllFaultsAtOnce) {
  std::string yaml = Replaced(kGood, "min_gain: 0.05", "min_gain: 1.5");
  yaml = Replaced(yaml, "ranks: 4", "ranks: four");
  yaml = Replaced(yaml, "min_interval: 2s", "min_interval: soon");
  const std::string faults = FaultsOf(yaml);
  EXPECT_THAT(faults, HasSubstr("planning.min_gain 1.5 is not in [0, 0.999]"));
  EXPECT_THAT(faults, HasSubstr("groups[0].ranks 'four' is not a whole number"));
  EXPECT_THAT(faults, HasSubstr("groups[0].planning.min_interval 'soon' is not a duration"));
}

TEST(ConfigTest, RefusesFewerSlotsThanExperts) {
  EXPECT_THAT(FaultsOf(Replaced(kGood, "experts: 8", "experts: 80")),
              HasSubstr("groups[0].slots_per_rank gives 12 slots for 80 experts"));
}

TEST(ConfigTest, RefusesAListThatDoesNotFitTheRanks) {
  EXPECT_THAT(FaultsOf(Replaced(kGood, "[2, 1, 1]", "[2, 1]")),
              HasSubstr("groups[1].slots_per_rank must be one number or a list of 3"));
}

TEST(ConfigTest, RefusesAPlannerThatIsNotKnownAndNamesThoseThatAre) {
  const std::string faults =
      FaultsOf(Replaced(kGood, "    ranks: 4", "    planner: {name: magic}\n    ranks: 4"));
  EXPECT_THAT(faults, HasSubstr("groups[0].planner.name is 'magic', not one of"));
  EXPECT_THAT(faults, HasSubstr("eplb"));
}

TEST(ConfigTest, RefusesTwoGroupsOfOneName) {
  EXPECT_THAT(FaultsOf(Replaced(kGood, "name: uneven", "name: demo")),
              HasSubstr("groups[1].name 'demo' is used twice"));
}

TEST(ConfigTest, RefusesAPolicyThatWouldNeverSolve) {
  EXPECT_THAT(FaultsOf(Replaced(kGood, "solve_every_steps: 200", "solve_every_steps: 0")),
              HasSubstr("no solve would ever be due"));
}

TEST(ConfigTest, RefusesAFileWithoutGroups) {
  EXPECT_THAT(FaultsOf("grpc: {listen: \"127.0.0.1:1\"}"),
              HasSubstr("groups must list at least one EP group"));
  EXPECT_THAT(FaultsOf(""), HasSubstr("groups must list"));
}

TEST(ConfigTest, NamesTheLineOfASyntaxError) {
  EXPECT_THAT(FaultsOf("groups: [\n  {name: a"), HasSubstr("configuration:2: "));
}

TEST(ConfigTest, NamesMissingKeysOfAGroup) {
  const std::string faults = FaultsOf("groups:\n  - model: {layers: 1}\n");
  EXPECT_THAT(faults, HasSubstr("groups[0].name is missing"));
  EXPECT_THAT(faults, HasSubstr("groups[0].model.experts is missing"));
  EXPECT_THAT(faults, HasSubstr("groups[0].ranks is missing"));
}

TEST(ConfigTest, NamesFaultsInTheOrderOfTheFile) {
  std::string yaml = Replaced(kGood, "min_gain: 0.1", "min_gain: 2");
  yaml = Replaced(yaml, "kind: memory", "kind: disk");
  EXPECT_EQ(FaultsOf(yaml),
            "configuration:3: store.kind is 'disk', not one of sqlite, memory\n"
            "configuration:18: groups[1].planning.min_gain 2 is not in [0, 0.999]");
}

TEST(ConfigTest, RefusesAKeyThatIsGivenTwiceOrHasNoValue) {
  const std::string faults =
      FaultsOf(Replaced(kGood, "row_size: 2", "row_size: 2\n    row_size: 4\n    plans_kept:"));
  EXPECT_THAT(faults, HasSubstr("configuration:10: groups[0].row_size is given twice"));
  EXPECT_THAT(faults, HasSubstr("configuration:11: groups[0].plans_kept has no value"));
}

TEST(ConfigTest, RefusesAddressesWithoutAPort) {
  EXPECT_THAT(FaultsOf(Replaced(kGood, "127.0.0.1:0", "127.0.0.1")),
              HasSubstr("grpc.listen is '127.0.0.1', not HOST:PORT"));
  EXPECT_THAT(FaultsOf(Replaced(kGood, "127.0.0.1:0", "127.0.0.1:70000")),
              HasSubstr("configuration:2: grpc.listen is '127.0.0.1:70000'"));
  EXPECT_TRUE(ParseConfig(Replaced(kGood, "127.0.0.1:0", "[::1]:0")).ok());
}

TEST(ConfigTest, RefusesAKeyOfAnotherPlace) {
  EXPECT_THAT(FaultsOf(kGood + std::string("ranks: 4\n")), HasSubstr("ranks is no key"));
  EXPECT_THAT(FaultsOf(Replaced(kGood, "    ranks: 4", "    ranks: 4\n    log: {level: info}")),
              HasSubstr("groups[0].log is no key"));
}

TEST(ConfigTest, FlagsAreStrongerThanTheEnvironmentAndThatIsStrongerThanTheFile) {
  ConfigSources sources;
  sources.environment = {{"BALLAST_PLANNING_MIN_GAIN", "0.2"}, {"BALLAST_LOG_LEVEL", "warn"}};
  sources.settings = {"log.level=error"};
  const absl::StatusOr<Config> config = ParseConfig(kGood, sources);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->groups[0].policy.min_gain, 0.2);
  EXPECT_EQ(config->groups[1].policy.min_gain, 0.2) << "although the group says 0.1";
  EXPECT_EQ(config->log_level, "error");
}

TEST(ConfigTest, NamesTheSourceOfAFaultOutsideTheFile) {
  ConfigSources sources;
  sources.environment = {{"BALLAST_PLANNING_MIN_GAIN", "lots"}};
  sources.settings = {"log.levle=debug", "ranks=4", "log.level"};
  const std::string faults(ParseConfig(kGood, sources).status().message());
  EXPECT_THAT(faults,
              HasSubstr("env BALLAST_PLANNING_MIN_GAIN: planning.min_gain 'lots' is not a number"));
  EXPECT_THAT(faults,
              HasSubstr("--set log.levle=debug: log.levle is no key; nearest is log.level"));
  EXPECT_THAT(faults, HasSubstr("--set ranks=4: ranks belongs to one group"));
  EXPECT_THAT(faults, HasSubstr("--set log.level is not KEY=VALUE"));
}

TEST(ConfigTest, AFaultThatAVariableMakesNamesTheVariable) {
  ConfigSources sources;
  sources.environment = {{"BALLAST_PLANNING_SOLVE_EVERY_STEPS", "0"}};
  const std::string yaml = Replaced(kGood, ", solve_every_steps: 200", "");
  EXPECT_EQ(ParseConfig(yaml, sources).status().message(),
            "env BALLAST_PLANNING_SOLVE_EVERY_STEPS: planning.solve_every_steps is 0 and "
            "solve_every is never: no solve would ever be due");
}

TEST(ConfigTest, WarnsOfAVariableOfASectionThatNamesNoKey) {
  ConfigSources sources;
  sources.environment = {{"BALLAST_PLANNING_MIN_GIAN", "1"}, {"BALLAST_TEST_SEED", "1"}};
  const absl::StatusOr<Config> config = ParseConfig(kGood, sources);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings,
              ElementsAre("env BALLAST_PLANNING_MIN_GIAN is no key and is ignored; nearest is "
                          "BALLAST_PLANNING_MIN_GAIN"));
}

TEST(ConfigTest, WarnsOfAPortThatTheNetworkReaches) {
  const auto warnings = [](const std::string& grpc, const std::string& http) {
    ConfigSources sources;
    sources.settings = {"grpc.listen=" + grpc, "http.listen=" + http};
    return ParseConfig(kGood, sources)->warnings;
  };
  EXPECT_THAT(warnings("127.0.0.1:7441", "[::1]:7442"), IsEmpty());
  EXPECT_THAT(warnings("localhost:7441", ""), IsEmpty());
  EXPECT_THAT(warnings("0.0.0.0:7441", "127.0.0.1:7442"),
              ElementsAre("grpc.listen is 0.0.0.0:7441: there is no authentication, so whoever "
                          "reaches that port may use it; keep it on a trusted network"));
  EXPECT_THAT(warnings("[::]:7441", "planner3:7442"),
              ElementsAre(HasSubstr("grpc.listen is [::]:7441"),
                          HasSubstr("http.listen is planner3:7442")));
}

TEST(ConfigTest, PrintsEachValueWithItsSource) {
  ConfigSources sources;
  sources.file = "a.yaml";
  sources.environment = {{"BALLAST_LOG_LEVEL", "warn"}};
  sources.settings = {"load.half_life=5m"};
  const std::string text = PrintConfig(*ParseConfig(kGood, sources));
  EXPECT_THAT(text, ContainsRegex("\n  level: warn +# env BALLAST_LOG_LEVEL\n"));
  EXPECT_THAT(text, ContainsRegex("\n  format: logfmt +# default\n"));
  EXPECT_THAT(text, ContainsRegex("\n  - name: demo +# a.yaml:6\n"));
  EXPECT_THAT(text, ContainsRegex("\n      half_life: 5m +# flag --set\n"));
  EXPECT_THAT(text, ContainsRegex("\n      solve_every_steps: 200 +# a.yaml:4\n"));
  EXPECT_THAT(text, ContainsRegex("\n    slots_per_rank: \\[2, 1, 1\\] +# a.yaml:16\n"));
}

TEST(ConfigTest, WhatIsPrintedMeansTheSame) {
  const Config config = *ParseConfig(kGood);
  const std::string text = PrintConfig(config);
  const absl::StatusOr<Config> again = ParseConfig(text);
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
  ASSERT_EQ(again->values.size(), config.values.size());
  for (std::size_t i = 0; i < config.values.size(); ++i) {
    EXPECT_EQ(again->values[i].key, config.values[i].key);
    EXPECT_EQ(again->values[i].text, config.values[i].text) << config.values[i].key;
  }
}

TEST(ConfigTest, AChangeIsTakenOverOrNamedForARestart) {
  const Config running = *ParseConfig(kGood);
  std::string yaml = Replaced(kGood, "min_gain: 0.05", "min_gain: 0.07");
  yaml = Replaced(yaml, "ranks: 4", "ranks: 6");
  yaml = Replaced(yaml, "name: uneven", "name: other");
  yaml += "log: {level: debug, format: json}\n";
  const ConfigChange change = CompareConfigs(running, *ParseConfig(yaml));
  EXPECT_THAT(change.applied, ElementsAre("log.level info -> debug",
                                          "groups[demo].planning.min_gain 0.05 -> 0.07"));
  EXPECT_THAT(change.restart, ElementsAre("log.format logfmt -> json", "groups[demo].ranks 4 -> 6",
                                          "groups[other] is new", "groups[uneven] is gone"));
  EXPECT_EQ(change.config.log_level, "debug");
  EXPECT_EQ(change.config.log_format, LogFormat::kLogfmt);
  ASSERT_EQ(change.config.groups.size(), 2);
  EXPECT_EQ(change.config.groups[0].policy.min_gain, 0.07);
  EXPECT_EQ(change.config.groups[0].topology.num_ranks(), 4);
}

TEST(ConfigTest, AChangeIsNamedUntilItIsInForce) {
  const Config running = *ParseConfig(kGood);
  const Config loaded = *ParseConfig(kGood + std::string("log: {level: debug, format: json}\n"));
  const ConfigChange second = CompareConfigs(CompareConfigs(running, loaded).config, loaded);
  EXPECT_THAT(second.applied, ElementsAre());
  EXPECT_THAT(second.restart, ElementsAre("log.format logfmt -> json"));
}

TEST(ConfigTest, SaysWhichFileCanNotBeRead) {
  ConfigSources sources;
  sources.file = "/nonexistent/ballastd.yaml";
  const absl::Status status = LoadConfig(sources).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/ballastd.yaml"));
  sources.file = "/tmp";
  EXPECT_TRUE(absl::IsUnavailable(LoadConfig(sources).status()));
  sources.file = "/dev/null";
  EXPECT_THAT(std::string(LoadConfig(sources).status().message()),
              HasSubstr("/dev/null:1: groups must list"));
}

}  // namespace
}  // namespace ballast
