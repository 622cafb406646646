#include "tests/integration/process_line.h"

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

using nlohmann::json;

constexpr char kEager[] = R"(
grpc: {listen: "127.0.0.1:GRPC"}
http: {listen: "127.0.0.1:HTTP"}
store: {path: "FOLDER/ballast.db"}
session: {heartbeat_period: 200ms, report_period: 20ms}
load: {batch_steps: 5, half_life_steps: 5}
planning:
  solve_every_steps: 10
  min_interval: 0s
  min_gain: 0
  min_batches: 1
  moe_seconds_per_step: 100
groups:
)";

std::string GroupText(const std::string& name, int ranks, int row_size, int slots) {
  return absl::StrCat("  - name: ", name,
                      "\n    model: {layers: 24, experts: 32, top_k: 4, expert_bytes: 13219200}",
                      "\n    ranks: ", ranks, "\n    row_size: ", row_size,
                      "\n    slots_per_rank: ", slots, "\n");
}

}  // namespace

std::uint64_t Number(const json& value) { return std::stoull(value.get<std::string>()); }

pid_t WorkerPid(const ChildProcess& fleet, int rank) {
  std::istringstream children(
      ReadFile(absl::StrCat("/proc/", fleet.pid(), "/task/", fleet.pid(), "/children")));
  pid_t pid = 0;
  for (int i = 0; i <= rank; ++i) {
    if (!(children >> pid)) return 0;
  }
  return pid;
}

ProcessLine::ProcessLine(const std::string& name, const std::string& config)
    : folder_(MakeTempFolder(name)), grpc_(FreePort()), http_(FreePort()) {
  std::ofstream(folder_ + "/ballastd.yaml") << absl::StrReplaceAll(
      config, {{"GRPC", absl::StrCat(grpc_)}, {"HTTP", absl::StrCat(http_)}, {"FOLDER", folder_}});
}

ProcessLine::~ProcessLine() {
  daemon_.reset();
  if (!::testing::Test::HasFailure()) std::filesystem::remove_all(folder_);
}

std::string ProcessLine::EagerConfig(const std::string& groups) { return kEager + groups; }
std::string ProcessLine::GroupOf16(const std::string& name) { return GroupText(name, 16, 4, 3); }
std::string ProcessLine::GroupOf4(const std::string& name) { return GroupText(name, 4, 2, 10); }

void ProcessLine::LaunchDaemon() {
  daemon_ =
      ChildProcess::Start({BALLAST_BINARY_DIR "/ballastd", "--config", folder_ + "/ballastd.yaml"},
                          folder_ + "/ballastd");
}

bool ProcessLine::StartDaemon() {
  const std::size_t offset = Log().size();
  LaunchDaemon();
  const bool ready = daemon_->WaitForErr("event=daemon.ready", kPatienceSeconds, offset);
  EXPECT_TRUE(ready) << LogEnd();
  return ready;
}

void ProcessLine::KillDaemon() {
  daemon_->Signal(SIGKILL);
  EXPECT_EQ(daemon_->Wait(kPatienceSeconds), 128 + SIGKILL) << LogEnd();
}

std::unique_ptr<ChildProcess> ProcessLine::StartFleet(const std::string& group, int ranks, int port,
                                                      const std::vector<std::string>& more) {
  const bool many = ranks == 16;
  std::vector<std::string> argv = {BALLAST_BINARY_DIR "/ballast_fleet",
                                   "--daemon",
                                   absl::StrCat("127.0.0.1:", port == 0 ? grpc_ : port),
                                   "--group",
                                   group,
                                   "--trace",
                                   BALLAST_TEST_DATA "/traces/gpt-oss-20b-decode.trace",
                                   "--ranks",
                                   absl::StrCat(ranks),
                                   "--row-size",
                                   many ? "4" : "2",
                                   "--slots-per-rank",
                                   many ? "3" : "10",
                                   "--step-ms",
                                   "10",
                                   "--reconnect-ms",
                                   "200"};
  argv.insert(argv.end(), more.begin(), more.end());
  return ChildProcess::Start(argv, absl::StrCat(folder_, "/fleet", ++fleets_));
}

bool ProcessLine::EndFleet(ChildProcess& fleet) {
  fleet.Signal(SIGINT);
  const auto code = fleet.Wait(kPatienceSeconds);
  EXPECT_EQ(code, 0) << fleet.Err();
  return code == 0;
}

std::unique_ptr<ChildProcess> ProcessLine::Ctl(const std::vector<std::string>& words) {
  std::vector<std::string> argv = {BALLAST_BINARY_DIR "/ballastctl"};
  argv.insert(argv.end(), words.begin(), words.end());
  auto ctl = ChildProcess::Start(argv, absl::StrCat(folder_, "/ctl", ++ctl_calls_));
  ctl->Wait(kPatienceSeconds);
  return ctl;
}

json ProcessLine::Group(const std::string& name) {
  const auto ctl = Ctl({"status", "--daemon", absl::StrCat("127.0.0.1:", grpc_), "-o", "json"});
  const json status = json::parse(ctl->Out(), nullptr, /*allow_exceptions=*/false);
  if (!status.is_object()) return nullptr;
  for (const json& group : status["groups"]) {
    if (group["ep_group"] == name) return group;
  }
  return nullptr;
}

json ProcessLine::GroupWhen(const std::string& name, const std::string& what,
                            const std::function<bool(const json&)>& holds) {
  json group;
  const bool held = AwaitCondition([&] {
    group = Group(name);
    return group.is_object() && holds(group);
  });
  EXPECT_TRUE(held) << "waited for: " << what << "\n" << group << "\n" << LogEnd();
  return group;
}

json ProcessLine::GroupAfterSteps(const std::string& name, std::uint64_t steps) {
  const json begin =
      GroupWhen(name, "steps", [](const json& group) { return group["step"] != "0"; });
  if (!begin.is_object()) return begin;
  const std::uint64_t end = Number(begin["step"]) + steps;
  return GroupWhen(name, absl::StrCat("step ", end),
                   [&](const json& group) { return Number(group["step"]) >= end; });
}

int ProcessLine::CountInLog(const std::string& text, std::size_t offset) const {
  const std::string log = Log();
  int count = 0;
  for (std::size_t at = offset; (at = log.find(text, at)) != std::string::npos; ++at) ++count;
  return count;
}

bool ProcessLine::AwaitInLog(const std::string& text, int count, std::size_t offset) {
  const bool found = AwaitCondition([&] { return CountInLog(text, offset) >= count; });
  EXPECT_TRUE(found) << "waited for " << count << " times: " << text << "\n" << LogEnd();
  return found;
}

std::string ProcessLine::LogEnd() const {
  const std::string log = Log();
  return log.substr(log.size() - std::min<std::size_t>(log.size(), 4000));
}

}  // namespace ballast
