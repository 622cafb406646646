#include "client/ctl/check_report.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/ctl/query_client.h"
#include "client/ctl/rank_list.h"
#include "client/ctl/text_table.h"

namespace ballast::ctl {
namespace {

using Lines = std::vector<CheckLine>;

// Chosen: a query on one machine takes a millisecond, across a data centre ten.
constexpr double kSlowSeconds = 0.1;
constexpr double kTooSlowSeconds = 1;

// Chosen: ages are shown in seconds, so a second shows; a minute makes alerts lie.
constexpr double kClockWarnSeconds = 1;
constexpr double kClockFailSeconds = 60;

// As the alert BallastStoreSpace warns, and as /readyz fails.
constexpr double kStoreWarnBytes = 256 << 20;
constexpr double kStoreFailBytes = 16 << 20;

const char* StateName(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return "ok";
    case CheckState::kWarn:
      return "WARN";
    case CheckState::kFail:
      return "FAIL";
  }
  return "FAIL";
}

void Ok(Lines& lines, std::string name, std::string detail) {
  lines.push_back({CheckState::kOk, std::move(name), std::move(detail), ""});
}

std::string ShowBytes(double bytes) {
  if (bytes >= 1e9) return absl::StrFormat("%.1f GB", bytes / 1e9);
  return absl::StrFormat("%.1f MB", bytes / 1e6);
}

void JudgeReach(const Findings& findings, Lines& lines) {
  const double latency = findings.latency_seconds;
  const std::string text =
      absl::StrCat(findings.address, " answers in ", absl::StrFormat("%.1f ms", latency * 1e3));
  if (latency < kSlowSeconds) return Ok(lines, "reachable", text);
  lines.push_back(
      {latency < kTooSlowSeconds ? CheckState::kWarn : CheckState::kFail, "reachable",
       absl::StrCat(text, ", which is slow: the network, or a daemon without CPU"),
       "look at the load of the daemon's machine, and at ballast_solve_duration_seconds"});
}

void JudgeVersions(const Findings& findings, Lines& lines) {
  const std::string& server = findings.health.version();
  const std::string text =
      absl::StrCat("ballastctl ", findings.client_version, ", ballastd ", server);
  if (server == findings.client_version) return Ok(lines, "versions", text);
  lines.push_back({CheckState::kWarn, "versions",
                   absl::StrCat(text, ": one of them may not know what the other says"),
                   "install the same version of both"});
}

void JudgeClock(const Findings& findings, Lines& lines) {
  const double ahead = findings.clock_ahead_seconds;
  const double apart = std::abs(ahead);
  if (apart < kClockWarnSeconds) {
    return Ok(lines, "clock", "the daemon's clock and this one agree to a second");
  }
  lines.push_back({apart < kClockFailSeconds ? CheckState::kWarn : CheckState::kFail, "clock",
                   absl::StrFormat("the daemon's clock is %.1f s %s this one: ages here and alerts "
                                   "on timestamps are off by as much",
                                   apart, ahead > 0 ? "ahead of" : "behind"),
                   "let NTP run on both machines"});
}

void JudgeReadiness(const Findings& findings, bool all, Lines& lines) {
  int passed = 0;
  for (const v1::NamedCheck& check : findings.health.checks()) {
    const std::string name = absl::StrCat("ready ", check.name());
    if (!check.ok()) {
      lines.push_back({CheckState::kFail, name, check.detail(),
                       "GET /readyz?verbose and the daemon's log tell more"});
      continue;
    }
    ++passed;
    if (all) Ok(lines, name, check.detail());
  }
  if (!all && passed == findings.health.checks_size()) {
    Ok(lines, "ready", absl::StrCat("all ", passed, " checks of /readyz pass"));
  }
}

void JudgeStore(const Findings& findings, Lines& lines) {
  const v1::DaemonHealth& health = findings.health;
  if (!health.store_fault().empty()) {
    lines.push_back({CheckState::kFail, "store",
                     absl::StrCat(health.store_fault(), ": no plan can be decided"),
                     "look at the disk and at the permissions of its folder"});
    return;
  }
  if (health.store_kind() == "memory") {
    lines.push_back({CheckState::kWarn, "store", "in memory: a restart forgets the plans",
                     "set store.kind: sqlite and store.path"});
    return;
  }
  const auto free = static_cast<double>(health.store_free_bytes());
  const std::string text =
      absl::StrCat(health.store_path(), ", ", ShowBytes(static_cast<double>(health.store_bytes())),
                   "; ", ShowBytes(free), " of ",
                   ShowBytes(static_cast<double>(health.store_capacity_bytes())), " are free");
  if (free >= kStoreWarnBytes) return Ok(lines, "store", text);
  lines.push_back({free < kStoreFailBytes ? CheckState::kFail : CheckState::kWarn, "store",
                   absl::StrCat(text, ": a full disk stops all changes of plan"),
                   "free space on that file system"});
}

// Ranks of the group in one of `states`.
std::vector<std::uint32_t> RanksIn(const v1::GroupStatus& group,
                                   const std::vector<std::string>& states) {
  std::vector<std::uint32_t> ranks;
  for (const v1::WorkerStatus& worker : group.workers()) {
    if (std::find(states.begin(), states.end(), worker.state()) != states.end()) {
      ranks.push_back(worker.rank());
    }
  }
  return ranks;
}

// "rank 3" or "ranks 3, 7".
std::string NameRanks(const std::vector<std::uint32_t>& ranks) {
  return absl::StrCat(ranks.size() == 1 ? "rank " : "ranks ", ShowRanks(ranks));
}

// An observed group whose workers never come.
bool IsObservedFromOutside(const v1::GroupStatus& group) {
  return group.observe_only() && group.ranks_connected() == 0;
}

void JudgeWorkers(const v1::GroupStatus& group, Lines& lines) {
  const std::string name = absl::StrCat("workers ", group.ep_group());
  const std::string show =
      absl::StrCat("ballastctl workers --group ", group.ep_group(), " has the reason of each");
  if (IsObservedFromOutside(group)) {
    return Ok(lines, name, "observed from outside, so no worker needs a session");
  }
  const std::vector<std::uint32_t> gone = RanksIn(group, {"gone", "left"});
  if (!gone.empty()) {
    lines.push_back(
        {group.observe_only() ? CheckState::kWarn : CheckState::kFail, name,
         absl::StrCat(group.ranks_connected(), " of ", group.ranks(),
                      " ranks are connected; no plan is made without ", NameRanks(gone)),
         absl::StrCat("see whether these workers run and reach the daemon; ", show)});
  }
  const std::vector<std::uint32_t> behind = RanksIn(group, {"stale", "nacked", "lagging", "ahead"});
  if (!behind.empty()) {
    lines.push_back(
        {CheckState::kFail, name,
         absl::StrCat(NameRanks(behind), behind.size() == 1 ? " does" : " do",
                      " not run the plan, or ", behind.size() == 1 ? "is" : "are", " silent"),
         show});
  }
  if (!gone.empty() || !behind.empty()) return;
  Ok(lines, name, absl::StrCat("all ", group.ranks(), " ranks are connected and in step"));
}

void JudgePlan(const v1::GroupStatus& group, Lines& lines) {
  const std::string name = absl::StrCat("plan ", group.ep_group());
  const bool initial = group.decided().version().sequence() == 0;
  const std::string plan =
      initial ? "the initial plan" : absl::StrCat("plan ", ShowPlan(group.decided()));
  if (group.paused()) {
    lines.push_back({CheckState::kWarn, name,
                     absl::StrCat(plan, "; paused by ", group.paused_by(),
                                  group.paused_reason().empty() ? "" : ": ", group.paused_reason()),
                     absl::StrCat("ballastctl plan resume --group ", group.ep_group(),
                                  " once the reason is gone")});
    return;
  }
  if (group.phase() != "idle" && !group.phase().empty()) {
    return Ok(lines, name,
              absl::StrCat(plan, "; another is ", group.phase(), " for ",
                           BriefSeconds(group.phase_age_seconds())));
  }
  Ok(lines, name, group.observe_only() ? absl::StrCat(plan, "; observes only, adopts none") : plan);
}

void JudgeReports(const GroupFindings& group, Lines& lines) {
  const v1::Explanation& explanation = group.explanation;
  const std::string name = absl::StrCat("reports ", group.status.ep_group());
  if (explanation.silent_ranks().empty()) {
    return Ok(lines, name,
              absl::StrCat("all ranks report; ", explanation.batches(), " batches, ",
                           explanation.solves(), " solves"));
  }
  const std::vector<std::uint32_t> silent(explanation.silent_ranks().begin(),
                                          explanation.silent_ranks().end());
  const bool enough = explanation.coverage() >= explanation.min_coverage();
  const bool outside = IsObservedFromOutside(group.status);
  lines.push_back(
      {enough || outside ? CheckState::kWarn : CheckState::kFail, name,
       absl::StrCat(NameRanks(silent), silent.size() == 1 ? " has" : " have", " not reported for ",
                    BriefSeconds(explanation.stale_after_seconds()), " or more",
                    enough ? "" : ", so nothing is solved"),
       outside ? "send counters with ballastctl load send"
               : absl::StrCat("idle ranks report too, so see what these do: ballastctl "
                              "explain ",
                              group.status.ep_group())});
}

void JudgeCoverage(const GroupFindings& group, Lines& lines) {
  const v1::Coverage& coverage = group.coverage;
  const std::string name = absl::StrCat("coverage ", group.status.ep_group());
  if (coverage.uncovered_now() > 0) {
    lines.push_back(
        {CheckState::kFail, name,
         absl::StrCat(coverage.uncovered_now(), " of ", coverage.layers() * coverage.experts(),
                      " layer-expert pairs have no replica on a connected rank"),
         absl::StrCat("bring these ranks back; ballastctl coverage ", group.status.ep_group(),
                      " names them")});
    return;
  }
  const auto& lost = coverage.lost_with_rank();
  const auto worst = std::max_element(lost.begin(), lost.end());
  Ok(lines, name,
     worst == lost.end() || *worst == 0
         ? "each pair has a replica, with any one rank lost too"
         : absl::StrCat("each pair has a replica; the loss of rank ", worst - lost.begin(),
                        " alone would take ", *worst, " with it"));
}

void ListRanks(const v1::GroupStatus& group, Lines& lines) {
  for (const v1::WorkerStatus& worker : group.workers()) {
    const double age = worker.last_report_age_seconds();
    Ok(lines, absl::StrCat("rank ", group.ep_group(), " ", worker.rank()),
       absl::StrCat(worker.state(), ", last report ",
                    age < 0 ? "never" : absl::StrCat(BriefSeconds(age), " ago"), ", step ",
                    worker.step(), worker.detail().empty() ? "" : "; ", worker.detail()));
  }
}

}  // namespace

std::vector<CheckLine> JudgeFindings(const Findings& findings, bool all) {
  Lines lines;
  JudgeReach(findings, lines);
  JudgeVersions(findings, lines);
  JudgeClock(findings, lines);
  JudgeReadiness(findings, all, lines);
  JudgeStore(findings, lines);
  for (const GroupFindings& group : findings.groups) {
    JudgeWorkers(group.status, lines);
    JudgePlan(group.status, lines);
    JudgeReports(group, lines);
    JudgeCoverage(group, lines);
    if (all) ListRanks(group.status, lines);
  }
  return lines;
}

bool Passes(const std::vector<CheckLine>& lines) {
  return std::none_of(lines.begin(), lines.end(),
                      [](const CheckLine& line) { return line.state == CheckState::kFail; });
}

void PrintChecks(const std::vector<CheckLine>& lines, std::ostream& out) {
  std::size_t widest = 0;
  for (const CheckLine& line : lines) widest = std::max(widest, line.name.size());
  constexpr std::size_t kStateWidth = 6;
  for (const CheckLine& line : lines) {
    const std::string state = StateName(line.state);
    out << state << std::string(kStateWidth - state.size(), ' ') << line.name
        << std::string(widest - line.name.size() + 2, ' ') << Harmless(line.detail) << "\n";
    if (line.next.empty()) continue;
    out << std::string(kStateWidth + widest + 2, ' ') << "next: " << line.next << "\n";
  }
}

nlohmann::json ChecksJson(const std::vector<CheckLine>& lines) {
  nlohmann::json checks = nlohmann::json::array();
  for (const CheckLine& line : lines) {
    checks.push_back({{"state", StateName(line.state)},
                      {"name", line.name},
                      {"detail", line.detail},
                      {"next", line.next}});
  }
  return {{"healthy", Passes(lines)}, {"checks", checks}};
}

}  // namespace ballast::ctl
