// Goal: each rule finds what it is there for, and lets good code pass.
// Method: planted violations in memory.
#include "tests/lint/rules.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lint/source_text.h"

namespace ballast::lint {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

auto At(int line, const std::string& what) {
  return AllOf(Field("line", &Violation::line, line),
               Field("what", &Violation::what, HasSubstr(what)));
}

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "  x = x + 1;\n";
  return text;
}

TEST(BlankOutTest, KeepsLengthAndLines) {
  const std::string text = "int a; // {\n/* {\n */ char b = '{'; auto c = \"{\\\"{\";\n";
  const std::string blank = BlankOut(text, Blank::kCommentsAndLiterals);
  EXPECT_EQ(blank.size(), text.size());
  EXPECT_THAT(LinesOf(blank), SizeIs(3));
  EXPECT_EQ(blank.find('{'), std::string::npos);
  EXPECT_NE(blank.find("auto c = \""), std::string::npos);
}

TEST(BlankOutTest, KnowsRawStringsAndDigitSeparators) {
  const std::string raw = "auto a = R\"x(\" { )\" { )x\"; int b = 1'000; {";
  EXPECT_EQ(BlankOut(raw, Blank::kCommentsAndLiterals).find('{'), raw.size() - 1);
}

TEST(BlankOutTest, LeavesLiteralsIfOnlyCommentsGo) {
  const std::string text = "f(\"// no comment\");  // comment";
  const std::string blank = BlankOut(text, Blank::kComments);
  EXPECT_NE(blank.find("// no comment"), std::string::npos);
  EXPECT_EQ(blank.find("// comment"), std::string::npos);
}

TEST(SizesTest, FindsALongFunction) {
  const std::string text =
      "namespace a {\nclass B {\n  int Get() const {\n" + Lines(69) + "  }\n};\n}\n";
  EXPECT_THAT(CheckSizes({"core/a.cc", text}), ElementsAre(At(3, "a function of 71 lines")));
}

TEST(SizesTest, AcceptsTheLimitsThemselves) {
  EXPECT_THAT(CheckSizes({"core/a.cc", "int f() {\n" + Lines(68) + "}\n"}), IsEmpty());
  EXPECT_THAT(CheckSizes({"core/a.cc", std::string(800, '\n')}), IsEmpty());
  EXPECT_THAT(CheckSizes({"core/a.cc", "// " + std::string(97, 'x') + "\n"}), IsEmpty());
  EXPECT_THAT(CheckSizes({"core/a.cc", "// " + std::string(95, 'x') + "\u00e4\u00e4\n"}),
              IsEmpty());
}

TEST(SizesTest, CountsFunctionsNotNamespacesOrClasses) {
  const std::string body = "  int f() {\n" + Lines(30) + "  }\n";
  const std::string text = "namespace a {\nstruct B {\n" + body + body + body + "};\n}\n";
  EXPECT_THAT(CheckSizes({"core/a.cc", text}), IsEmpty());
}

TEST(SizesTest, SeesTestsTemplatesAndInitializers) {
  const std::string text = "template <class T>\nvoid F() {\n" + Lines(70) + "}\n" +
                           "const std::vector<int> k = {1,\n" + Lines(80) + "};\n" +
                           "TEST(A, B) {\n  if (x) {\n  }\n" + Lines(70) + "}\n";
  EXPECT_THAT(CheckSizes({"tests/a.cc", text}),
              ElementsAre(At(2, "72 lines"), At(156, "74 lines")));
}

TEST(SizesTest, IsNotMisledByMacrosDeclarationsOrArguments) {
  const std::string macro = "#define A(x) { \\\n  if (x) {\n";
  const std::string record = "int f(int);\nstruct B {\n" + Lines(80) + "};\n";
  const std::string arguments = "INSTANTIATE(A, Values(B{\n" + Lines(80) + "}));\n";
  const std::string function = "void g() {\n" + Lines(70) + "}\n";
  EXPECT_THAT(CheckSizes({"core/a.cc", macro + record + arguments + function}),
              ElementsAre(At(168, "72 lines")));
}

TEST(SizesTest, SeesConstructorsWithBracedMembers) {
  const std::string text = "A::A(int x) : a_{x}, b_(x) {\n" + Lines(80) + "}\n";
  EXPECT_THAT(CheckSizes({"core/a.cc", text}), ElementsAre(At(1, "82 lines")));
}

TEST(SizesTest, LimitsHeadersSourcesAndLines) {
  EXPECT_THAT(CheckSizes({"core/a.h", std::string(250, '\n')}), IsEmpty());
  EXPECT_THAT(CheckSizes({"core/a.h", std::string(251, '\n')}), ElementsAre(At(0, "251 lines")));
  EXPECT_THAT(CheckSizes({"core/a.cc", std::string(801, '\n')}), ElementsAre(At(0, "801 lines")));
  EXPECT_THAT(CheckSizes({"core/a.cc", "\n// " + std::string(98, 'x')}),
              ElementsAre(At(2, "101 characters")));
  EXPECT_THAT(CheckSizes({"proto/a.proto", "\n// " + std::string(98, 'x')}), SizeIs(1));
}

struct IncludeCase {
  const char* path;
  const char* include;
  bool allowed;
};

class IncludesTest : public ::testing::TestWithParam<IncludeCase> {};

TEST_P(IncludesTest, AreJudgedByFolder) {
  const IncludeCase& c = GetParam();
  const SourceFile file{c.path, std::string("#include ") + c.include + "\n"};
  EXPECT_THAT(CheckIncludes(file), SizeIs(c.allowed ? 0 : 1)) << c.path << " " << c.include;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, IncludesTest,
    ::testing::Values(
        IncludeCase{"core/model/a.h", "<vector>", true},
        IncludeCase{"core/model/a.h", "\"absl/status/status.h\"", true},
        IncludeCase{"core/model/a.h", "\"core/base/ids.h\"", true},
        IncludeCase{"core/model/a.h", "\"grpcpp/grpcpp.h\"", false},
        IncludeCase{"core/model/a.h", "<google/protobuf/message.h>", false},
        IncludeCase{"core/model/a.cc", "\"spdlog/spdlog.h\"", false},
        IncludeCase{"core/policy/a.cc", "<prometheus/counter.h>", false},
        IncludeCase{"core/store/a.cc", "<sqlite3.h>", false},
        IncludeCase{"core/trace/a.cc", "<sqlite3.h>", true},
        IncludeCase{"core/model/a.cc", "<unistd.h>", false},
        IncludeCase{"core/model/a.cc", "<openssl/evp.h>", false},
        IncludeCase{"core/base/fingerprint.cc", "<openssl/evp.h>", true},
        IncludeCase{"core/routing/a.h", "\"core/routing/b.h\"", true},
        IncludeCase{"core/routing/a.h", "\"core/base/ids.h\"", true},
        IncludeCase{"core/routing/a.h", "\"core/base/check.h\"", false},
        IncludeCase{"core/routing/a.h", "\"absl/types/span.h\"", false},
        IncludeCase{"core/model/a.h", "\"core/solver/planner.h\"", false},
        IncludeCase{"core/model/a.h", "\"core/routing/placement_table.h\"", false},
        IncludeCase{"core/solver/a.h", "\"core/model/topology.h\"", true},
        IncludeCase{"core/base/a.h", "\"daemon/app/config.h\"", false},
        IncludeCase{"daemon/store/a.h", "\"daemon/publish/b.h\"", false},
        IncludeCase{"daemon/app/a.cc", "\"daemon/publish/b.h\"", true},
        IncludeCase{"daemon/control/a.cc", "<grpcpp/grpcpp.h>", false},
        IncludeCase{"daemon/observe/a.cc", "<grpcpp/grpcpp.h>", true},
        IncludeCase{"daemon/control/a.cc", "\"spdlog/spdlog.h\"", false},
        IncludeCase{"daemon/admin/a.cc", "<sqlite3.h>", false},
        IncludeCase{"daemon/control/a.cc", "\"ballast/v1/load.pb.h\"", false},
        IncludeCase{"daemon/ingest/load_service.cc", "\"ballast/v1/load.grpc.pb.h\"", true},
        IncludeCase{"daemon/ingest/load_service.h", "\"ballast/v1/load.grpc.pb.h\"", false},
        IncludeCase{"proto/wire/a.h", "\"ballast/v1/load.pb.h\"", true},
        IncludeCase{"proto/wire/a.h", "\"ballast/v1/load.grpc.pb.h\"", false},
        IncludeCase{"client/ctl/a.cc", "\"tests/lint/rules.h\"", false},
        IncludeCase{"tests/lint/a.cc", "\"tests/lint/rules.h\"", true},
        IncludeCase{"tests/lint/a.cc", "\"daemon/app/config.h\"", true}));

TEST(IncludeFoldersTest, HaveALayerEach) {
  EXPECT_THAT(CheckIncludes({"core/other/a.h", ""}), ElementsAre(At(0, "no layer")));
  EXPECT_THAT(CheckIncludes({"tests/other/a.h", ""}), IsEmpty());
}

struct CallCase {
  const char* path;
  const char* code;
  bool allowed;
};

class CallsTest : public ::testing::TestWithParam<CallCase> {};

TEST_P(CallsTest, AreJudgedByFolder) {
  const CallCase& c = GetParam();
  EXPECT_THAT(CheckCalls({c.path, c.code}), SizeIs(c.allowed ? 0 : 1)) << c.path << " " << c.code;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, CallsTest,
    ::testing::Values(CallCase{"core/load/a.cc", "auto t = absl::Now();", false},
                      CallCase{"core/load/a.cc", "auto t = std::chrono::steady_clock::now();",
                               false},
                      CallCase{"daemon/control/a.cc", "absl::SleepFor(absl::Seconds(1));", false},
                      CallCase{"tests/load/a.cc", "std::this_thread::sleep_for(1s);", false},
                      CallCase{"tests/load/a.cc", "std::random_device device;", false},
                      CallCase{"core/base/random.cc", "int x = rand();", false},
                      CallCase{"core/base/random.cc", "int x = operand();", true},
                      CallCase{"core/load/a.cc", "// absl::Now() is not called here", true},
                      CallCase{"core/load/a.cc", "f(\"absl::Now()\");", true},
                      CallCase{"core/base/real_clock.cc", "auto t = absl::Now();", true},
                      CallCase{"daemon/app/main.cc", "std::random_device device;", true},
                      CallCase{"tests/bench/a.cc", "std::chrono::steady_clock::now();", true},
                      CallCase{"client/fleet/a.cc", "absl::SleepFor(step);", true},
                      CallCase{"client/worker/a.cc", "absl::SleepFor(step);", false},
                      CallCase{"client/fleet/a.cc", "m.AwaitWithTimeout(c, d);", false},
                      CallCase{"tests/load/a.cc", "done.WaitForNotificationWithTimeout(d);", false},
                      CallCase{"core/load/a.cc", "std::cerr << 1;", false},
                      CallCase{"core/load/a.cc", "std::snprintf(b, 1, f);", true},
                      CallCase{"core/load/a.cc", "std::printf(f);", false},
                      CallCase{"client/ctl/a.cc", "std::cout << 1;", true},
                      CallCase{"core/solver/a.cc", "std::unordered_map<int, int> m;", false},
                      CallCase{"core/load/a.cc", "std::unordered_map<int, int> m;", true},
                      CallCase{"core/load/a.cc", "throw 1;", false},
                      CallCase{"tests/load/a.cc", "throw 1;", true},
                      CallCase{"core/load/a.h", "using namespace std;", false}));

TEST(NamesTest, RefusesNamesWithoutASubject) {
  EXPECT_THAT(CheckName({"core/util/a.h", ""}), SizeIs(1));
  EXPECT_THAT(CheckName({"core/model/string_utils.h", ""}), SizeIs(1));
  EXPECT_THAT(CheckName({"tests/model/test_helpers.cc", ""}), SizeIs(1));
  EXPECT_THAT(CheckName({"core/common.h", ""}), SizeIs(1));
  EXPECT_THAT(CheckName({"core/model/utility_function.h", ""}), IsEmpty());
  EXPECT_THAT(CheckName({"core/model/uncommon.h", ""}), IsEmpty());
}

TEST(GuardsTest, AreMadeOfThePath) {
  const std::string good =
      "#ifndef BALLAST_CORE_A_B_H_\n#define BALLAST_CORE_A_B_H_\n\n#endif  // "
      "BALLAST_CORE_A_B_H_\n";
  EXPECT_THAT(CheckGuard({"core/a_b.h", good}), IsEmpty());
  EXPECT_THAT(CheckGuard({"core/a_c.h", good}), SizeIs(1));
  EXPECT_THAT(CheckGuard({"core/a_b.h", "#pragma once\n"}), SizeIs(1));
}

TEST(MarkersTest, FindsUnfinishedWorkAnywhere) {
  EXPECT_THAT(CheckMarkers({"docs/a.md",
                            "a\nTO"
                            "DO: b\n"}),
              ElementsAre(At(2, "docs/limits.md")));
  EXPECT_THAT(CheckMarkers({"core/a.cc",
                            "// FIX"
                            "ME(x)\n"}),
              SizeIs(1));
  EXPECT_THAT(CheckMarkers({"core/a.cc",
                            "// XX"
                            "X\n"}),
              SizeIs(1));
}

TEST(MarkersTest, FindsDisabledAndSilentlySkippedTests) {
  EXPECT_THAT(CheckMarkers({"tests/a.cc",
                            "TEST(A, DISABLED_"
                            "B) {}\n"}),
              SizeIs(1));
  EXPECT_THAT(CheckMarkers({"tests/a.cc", "\nGTEST_SKIP();\n"}), ElementsAre(At(2, "reason")));
  EXPECT_THAT(CheckMarkers({"tests/a.cc", "GTEST_SKIP()\n    << \"no file\";\n"}), IsEmpty());
}

TEST(ScriptsTest, AreBashInStrictMode) {
  EXPECT_THAT(CheckScript({"a", "#!/usr/bin/env bash\nset -euo pipefail\n"}), IsEmpty());
  EXPECT_THAT(CheckScript({"a", "#!/usr/bin/env bash\nset -e\n"}), SizeIs(1));
  EXPECT_THAT(CheckScript({"a", "#!/bin/sh\n\nset -euo pipefail\n"}), SizeIs(1));
}

TEST(LinksTest, LeadToFilesFoldersAndHeadings) {
  const SourceFile target{"docs/b.md", "# Some `title`, (x)\n```\n# code\n```\n"};
  const auto check = [&target](const std::string& text) {
    return CheckLinks({{"README.md", text}, target, {"docs/sub/c.md", "[up](../b.md)"}});
  };
  EXPECT_THAT(check("[b](docs/b.md) [f](docs) [w](https://x.org/y) [h](docs/b.md#some-title-x)"),
              IsEmpty());
  EXPECT_THAT(check("\n[b](docs/x.md)"), ElementsAre(At(2, "docs/x.md")));
  EXPECT_THAT(check("[b](docs/b.md#code)"), SizeIs(1));
  EXPECT_THAT(check("# here\n[b](#here) [c](#there)"), ElementsAre(At(2, "#there")));
  EXPECT_THAT(check("```\n[b](docs/x.md)\n```\n"), IsEmpty());
}

TEST(BuiltTest, FindsSourcesThatNobodyBuilds) {
  const SourceFile list{"core/CMakeLists.txt", "ballast_library(SRCS a.cc long_b.cc)"};
  EXPECT_THAT(CheckBuilt({list, {"core/a.cc", ""}}), IsEmpty());
  EXPECT_THAT(CheckBuilt({list, {"core/b.cc", ""}}), SizeIs(1));
  EXPECT_THAT(CheckBuilt({list, {"core/b.cc", ""}, {"core/b.cmake", "b.cc"}}), IsEmpty());
  EXPECT_THAT(CheckBuilt({list, {"core/x/a.cc", ""}}), SizeIs(1));
}

TEST(MetricsTest, AreThoseThatTheTablesExplain) {
  const SourceFile code{"daemon/observe/metric_families.h",
                        "\nMake(\"ballast_plans_total\", \"Plans.\");\n"};
  const auto check = [&code](const std::string& document) {
    return CheckMetricsExplained({code, {"docs/operations.md", document}});
  };
  EXPECT_THAT(check("| ballast_plans_total | group | x |\nballast_other in a sentence\n"),
              IsEmpty());
  EXPECT_THAT(check("| ballast_plans_total_other | | |\n"),
              UnorderedElementsAre(At(2, "ballast_plans_total is not explained"),
                                   At(1, "ballast_plans_total_other is not exported")));
  EXPECT_THAT(check("| process_a, ballast_plans_total | | |\n"),
              ElementsAre(At(1, "process_a is not exported")));
}

TEST(AlertsTest, LeadToTheirSection) {
  const auto check = [](const std::string& rules, const std::string& runbooks) {
    return CheckAlertsHaveRunbooks(
        {{"deploy/prometheus/rules.yml", rules}, {"docs/runbooks.md", runbooks}});
  };
  const std::string one = "  - alert: BallastOne\n    runbook_url: 'docs/runbooks.md#ballastone'\n";
  const std::string two = "  - alert: BallastTwo\n    runbook_url: 'docs/runbooks.md#ballastone'\n";
  EXPECT_THAT(check(one, "## BallastOne\n"), IsEmpty());
  EXPECT_THAT(check(one, "BallastOne\n"), ElementsAre(At(1, "no section")));
  EXPECT_THAT(check(two + one, "## BallastOne\n## BallastTwo\n"),
              ElementsAre(At(1, "BallastTwo has no runbook_url")));
}

}  // namespace
}  // namespace ballast::lint
