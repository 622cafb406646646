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
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:GRPC"}
http: {listen: "127.0.0.1:HTTP"}
store: {path: "FOLDER/ballast.db"}
session: {heartbeat_period: 200ms, report_period: 50ms}
load: {batch_steps: 10, half_life_steps: 100}
planning: {solve_every_steps: 60, min_interval: 100ms, moe_seconds_per_step: 0.02}
groups:
  - name: demo
    model: {layers: 24, experts: 32, top_k: 4, expert_bytes: 13219200}
    ranks: 16
    row_size: 4
    slots_per_rank: 3
)";

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

class MetricsProcessTest : public ::testing::Test {
 protected:
  MetricsProcessTest() : folder_(MakeTempFolder("metrics")), grpc_(FreePort()), http_(FreePort()) {
    std::ofstream(folder_ + "/ballastd.yaml") << absl::StrReplaceAll(
        kConfig,
        {{"GRPC", absl::StrCat(grpc_)}, {"HTTP", absl::StrCat(http_)}, {"FOLDER", folder_}});
  }

  // The text of a scrape while a fleet runs a plan that the daemon made.
  std::string ScrapeAtWork() {
    daemon_ = ChildProcess::Start(
        {BALLAST_BINARY_DIR "/ballastd", "--config", folder_ + "/ballastd.yaml"},
        folder_ + "/ballastd");
    EXPECT_TRUE(daemon_->WaitForErr("event=daemon.ready", 30)) << daemon_->Err();
    fleet_ = ChildProcess::Start(
        {BALLAST_BINARY_DIR "/ballast_fleet", "--daemon", absl::StrCat("127.0.0.1:", grpc_),
         "--group", "demo", "--trace", BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace",
         "--ranks", "16", "--row-size", "4", "--slots-per-rank", "3", "--step-ms", "10", "--steps",
         "100000", "--once"},
        folder_ + "/fleet");
    EXPECT_TRUE(daemon_->WaitForErr("event=plan.active", 60)) << daemon_->Err();
    // The prediction of the plan is published with the control loop's next turn.
    std::string text;
    do {
      text = HttpGet(http_, "/metrics");
    } while (daemon_->running() && fleet_->running() &&
             text.find("\nballast_layer_predicted_imbalance_ratio{") == std::string::npos);
    return text.substr(text.find("\r\n\r\n") + 4);
  }

  const std::string folder_;
  const int grpc_;
  const int http_;
  std::unique_ptr<ChildProcess> daemon_;
  std::unique_ptr<ChildProcess> fleet_;
};

TEST_F(MetricsProcessTest, AreAllThatIsPromisedAndPassPromtool) {
  const std::string text = ScrapeAtWork();
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

  std::ofstream(folder_ + "/scrape.prom") << text;
  const std::string check =
      absl::StrCat("'" BALLAST_SOURCE_DIR "/deploy/promtool' check metrics <'", folder_,
                   "/scrape.prom' >'", folder_, "/promtool' 2>&1");
  EXPECT_EQ(std::system(check.c_str()), 0) << ReadFile(folder_ + "/promtool");
}

}  // namespace
}  // namespace ballast
