// Goal: the tree keeps the rules of docs/architecture.md and CONTRIBUTING.md.
// Method: each rule looks at each file; rules_test.cc shows that the rules see violations.
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/lint/rules.h"
#include "tests/lint/source_text.h"

namespace ballast::lint {
namespace {

const std::vector<SourceFile>& Tree() {
  static const auto* tree = new std::vector<SourceFile>(LoadTree(BALLAST_SOURCE_DIR));
  return *tree;
}

void ExpectNone(const Violations& violations) {
  for (const Violation& violation : violations) ADD_FAILURE() << Describe(violation);
}

void ExpectEachFileKeeps(Violations (*check)(const SourceFile&)) {
  Violations violations;
  for (const SourceFile& file : Tree()) {
    const Violations found = check(file);
    violations.insert(violations.end(), found.begin(), found.end());
  }
  ExpectNone(violations);
}

TEST(TreeTest, HoldsTheSourcesOfEveryLayer) {
  std::set<std::string> paths;
  for (const SourceFile& file : Tree()) paths.insert(file.path);
  for (const char* path :
       {"core/base/ids.h", "core/model/topology.cc", "tests/lint/tree_test.cc",
        "deploy/install-dependencies", "deploy/prometheus/rules.yml", "docs/runbooks.md",
        "CMakeLists.txt", "daemon/observe/metric_families.h"}) {
    EXPECT_TRUE(paths.contains(path)) << path << " under " << BALLAST_SOURCE_DIR;
  }
}

TEST(TreeTest, KeepsLinesFunctionsAndFilesShort) { ExpectEachFileKeeps(CheckSizes); }

TEST(TreeTest, IncludesOnlyWhatItsLayerMay) { ExpectEachFileKeeps(CheckIncludes); }

TEST(TreeTest, CallsClocksAndRandomDevicesOnlyAtTheEdges) { ExpectEachFileKeeps(CheckCalls); }

TEST(TreeTest, NamesFilesAfterTheirSubject) { ExpectEachFileKeeps(CheckName); }

TEST(TreeTest, GuardsHeadersByTheirPath) { ExpectEachFileKeeps(CheckGuard); }

TEST(TreeTest, HasNoUnfinishedOrDisabledParts) { ExpectEachFileKeeps(CheckMarkers); }

TEST(TreeTest, RunsItsScriptsInStrictMode) { ExpectEachFileKeeps(CheckScript); }

TEST(TreeTest, LinksDocumentsThatExist) { ExpectNone(CheckLinks(Tree())); }

TEST(TreeTest, BuildsEachSourceFile) { ExpectNone(CheckBuilt(Tree())); }

TEST(TreeTest, ExplainsEachMetric) { ExpectNone(CheckMetricsExplained(Tree())); }

TEST(TreeTest, TellsFirstStepsForEachAlert) { ExpectNone(CheckAlertsHaveRunbooks(Tree())); }

TEST(TreeTest, HasScriptsThatShellcheckAccepts) {
  if (std::system("shellcheck --version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "shellcheck is not installed";
  }
  for (const SourceFile& file : Tree()) {
    const bool script = file.text.starts_with("#!") || file.path.ends_with(".bash");
    if (!script) continue;
    const std::string command = "cd '" BALLAST_SOURCE_DIR "' && shellcheck -x '" + file.path + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }
}

}  // namespace
}  // namespace ballast::lint
