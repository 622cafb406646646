#include "daemon/app/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
  EXPECT_THAT(faults, HasSubstr("line 4: planning.min_gian is no key; nearest is min_gain"));
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
  EXPECT_THAT(FaultsOf("groups: [\n  {name: a"), HasSubstr("line "));
}

TEST(ConfigTest, NamesMissingKeysOfAGroup) {
  const std::string faults = FaultsOf("groups:\n  - model: {layers: 1}\n");
  EXPECT_THAT(faults, HasSubstr("groups[0].name is missing"));
  EXPECT_THAT(faults, HasSubstr("groups[0].model.experts is missing"));
  EXPECT_THAT(faults, HasSubstr("groups[0].ranks is missing"));
}

TEST(ConfigTest, SaysWhichFileCanNotBeRead) {
  const absl::Status status = LoadConfig("/nonexistent/ballastd.yaml").status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/ballastd.yaml"));
}

}  // namespace
}  // namespace ballast
