#include "tests/integration/test_daemon.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

using nlohmann::json;

// So much of each log is printed.
constexpr std::size_t kLogEnd = 4000;

}  // namespace

TestDaemon::~TestDaemon() {
  if (!::testing::Test::HasFailure()) return;
  std::vector<std::filesystem::path> logs;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".err") logs.push_back(entry.path());
  }
  std::sort(logs.begin(), logs.end());
  for (const std::filesystem::path& path : logs) {
    const std::string log = ReadFile(path);
    if (log.empty()) continue;
    std::fprintf(stderr, "--- %s\n%s\n", path.c_str(),
                 log.substr(log.size() - std::min(log.size(), kLogEnd)).c_str());
  }
}

std::unique_ptr<ChildProcess> TestDaemon::StartFleet(const FleetRun& run) {
  const auto group =
      std::find_if(config().groups.begin(), config().groups.end(),
                   [&](const TestGroup& candidate) { return candidate.name == run.group; });
  BALLAST_CHECK(group != config().groups.end());
  std::vector<std::string> line = {
      BALLAST_BINARY_DIR "/ballast_fleet",
      "--daemon",
      absl::StrCat("127.0.0.1:", run.port == 0 ? grpc_port() : run.port),
      "--group",
      run.group,
      "--trace",
      BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace",
      "--ranks",
      absl::StrCat(group->ranks),
      "--row-size",
      absl::StrCat(group->row_size),
      "--slots-per-rank",
      absl::StrCat(group->slots_per_rank),
      "--step-ms",
      absl::StrCat(run.step_ms),
      "--reconnect-ms",
      "200"};
  line.insert(line.end(), run.words.begin(), run.words.end());
  return ChildProcess::Start(line, File(absl::StrCat("fleet", ++fleets_)));
}

CtlRun TestDaemon::Ctl(std::vector<std::string> words) {
  words.insert(words.begin(), BALLAST_BINARY_DIR "/ballastctl");
  auto ctl = ChildProcess::Start(words, File(absl::StrCat("ctl", ++ctl_runs_)));
  CtlRun run;
  run.code = ctl->Wait().value_or(-1);
  run.out = ctl->Out();
  run.err = ctl->Err();
  run.document = json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  return run;
}

CtlRun TestDaemon::Ask(std::vector<std::string> words) {
  words.insert(words.end(), {"--daemon", Address()});
  return Ctl(std::move(words));
}

json TestDaemon::AskJson(std::vector<std::string> words) {
  words.insert(words.end(), {"-o", "json"});
  return Ask(std::move(words)).document;
}

CtlRun TestDaemon::Steer(std::vector<std::string> words) {
  words.insert(words.begin(), "plan");
  words.insert(words.end(), {"--yes", "--socket", File("admin.sock")});
  return Ctl(std::move(words));
}

json TestDaemon::Group(const std::string& name) {
  const json status = AskJson({"status"});
  if (!status.is_object()) return nullptr;
  for (const json& group : status["groups"]) {
    if (group["ep_group"] == name) return group;
  }
  return nullptr;
}

json TestDaemon::GroupWhen(const std::string& name, const std::string& what,
                           const std::function<bool(const json&)>& holds) {
  json group;
  const bool held = AwaitCondition([&] {
    group = Group(name);
    return group.is_object() && holds(group);
  });
  EXPECT_TRUE(held) << "waited for: " << what << "\n" << group;
  return group;
}

json TestDaemon::GroupAfterSteps(const std::string& name, std::uint64_t steps) {
  const json begin =
      GroupWhen(name, "steps", [](const json& group) { return group["step"] != "0"; });
  if (!begin.is_object()) return begin;
  const std::uint64_t end = Number(begin["step"]) + steps;
  return GroupWhen(name, absl::StrCat("step ", end),
                   [&](const json& group) { return Number(group["step"]) >= end; });
}

double TestDaemon::Metric(const std::string& series) const {
  const std::string text = Metrics();
  const std::size_t at = text.find("\n" + series + " ");
  EXPECT_NE(at, std::string::npos) << series << "\n" << text;
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}

std::uint64_t Number(const json& value) { return std::stoull(value.get<std::string>()); }

json FleetSummary(const ChildProcess& fleet) {
  const std::string out = fleet.Out();
  const std::size_t end = out.find_last_not_of('\n');
  const std::size_t begin = out.rfind('\n', end) + 1;
  return json::parse(out.substr(begin, end - begin + 1));
}

std::vector<pid_t> WorkerPids(const ChildProcess& fleet) {
  std::istringstream children(
      ReadFile(absl::StrCat("/proc/", fleet.pid(), "/task/", fleet.pid(), "/children")));
  std::vector<pid_t> pids;
  for (pid_t pid = 0; children >> pid;) pids.push_back(pid);
  return pids;
}

}  // namespace ballast
