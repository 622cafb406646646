// Goal: what a scraper sees of a daemon that works: each metric that is promised, under its
// name, type and labels, and nothing that Prometheus' own checker objects to.
// Method: a daemon and a fleet of 16 workers until a plan is active everywhere, one scrape;
// tests/data/metrics/expected.prom says what must be there.

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

// Of a text in Prometheus' format.
struct Exposition {
  std::map<std::string, std::string> help_of;
  std::map<std::string, std::string> type_of;
  std::map<std::string, std::set<std::set<std::string>>> labels_of;  // Names of labels, by series.
};

Exposition Parse(const std::string& text) {
  Exposition exposition;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (words.size() == 4 && words[1] == "HELP") exposition.help_of[words[2]] = words[3];
    if (words.size() == 4 && words[1] == "TYPE") exposition.type_of[words[2]] = words[3];
    if (line[0] == '#') continue;
    const std::size_t brace = line.find('{');
    std::set<std::string> labels;
    if (brace != absl::string_view::npos) {
      const absl::string_view inside = line.substr(brace + 1, line.rfind('}') - brace - 1);
      for (absl::string_view label : absl::StrSplit(inside, "\",")) {
        labels.emplace(label.substr(0, label.find('=')));
      }
    }
    exposition.labels_of[std::string(line.substr(0, line.find_first_of("{ ")))].insert(labels);
  }
  return exposition;
}

// The text of a scrape while a fleet runs a plan that the daemon made.
std::string ScrapeAtWork(TestDaemon& daemon) {
  EXPECT_TRUE(daemon.Start());
  auto fleet = daemon.StartFleet();
  EXPECT_TRUE(daemon.AwaitInLog("event=plan.active"));
  // The prediction of the plan is published with the control loop's next turn.
  std::string text;
  EXPECT_TRUE(AwaitCondition([&] {
    text = daemon.Metrics();
    return text.find("\nballast_layer_predicted_imbalance_ratio{") != std::string::npos;
  })) << text;
  return text.substr(text.find("\r\n\r\n") + 4);
}

TEST(MetricsProcessTest, AreAllThatIsPromisedAndPassPromtool) {
  TestDaemon daemon("metrics");
  const std::string text = ScrapeAtWork(daemon);
  const Exposition live = Parse(text);
  const Exposition expected = Parse(ReadFile(BALLAST_TEST_DATA "/metrics/expected.prom"));
  ASSERT_GE(expected.type_of.size(), 29);
  for (const auto& [name, type] : expected.type_of) {
    ASSERT_TRUE(live.type_of.contains(name)) << name << " is not exported:\n" << text;
    EXPECT_EQ(live.type_of.at(name), type) << name;
    EXPECT_EQ(live.help_of.at(name), expected.help_of.at(name)) << name;
  }
  for (const auto& [name, labels] : expected.labels_of) {
    ASSERT_TRUE(live.labels_of.contains(name)) << name << " has no series:\n" << text;
    EXPECT_EQ(live.labels_of.at(name), labels) << name;
  }
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_start_time_seconds", "process_open_fds", "process_max_fds"}) {
    EXPECT_TRUE(live.type_of.contains(name)) << name;
  }

  std::ofstream(daemon.File("scrape.prom")) << text;
  const std::string check =
      absl::StrCat("'" BALLAST_SOURCE_DIR "/deploy/promtool' check metrics <'",
                   daemon.File("scrape.prom"), "' >'", daemon.File("promtool"), "' 2>&1");
  EXPECT_EQ(std::system(check.c_str()), 0) << ReadFile(daemon.File("promtool"));
}

}  // namespace
}  // namespace ballast
