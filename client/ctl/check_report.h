#ifndef BALLAST_CLIENT_CTL_CHECK_REPORT_H_
#define BALLAST_CLIENT_CTL_CHECK_REPORT_H_

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "ballast/v1/query.pb.h"

namespace ballast::ctl {

// What was asked of the daemon.
struct GroupFindings {
  v1::GroupStatus status;
  v1::Explanation explanation;
  v1::Coverage coverage;
};
struct Findings {
  std::string address;
  std::string client_version;
  v1::DaemonHealth health;
  double latency_seconds = 0;      // Of one query, median.
  double clock_ahead_seconds = 0;  // The daemon's clock against ours.
  std::vector<GroupFindings> groups;
};

enum class CheckState { kOk, kWarn, kFail };

struct CheckLine {
  CheckState state = CheckState::kOk;
  std::string name;
  std::string detail;  // What is so, and why it matters if it is not ok.
  std::string next;    // What to do; empty if it is ok.
};

// Judges what was found. With `all` each readiness check and each rank has a line, without
// only those that are not ok.
std::vector<CheckLine> JudgeFindings(const Findings& findings, bool all);

// Whether no line fails; warnings do not.
bool Passes(const std::vector<CheckLine>& lines);

void PrintChecks(const std::vector<CheckLine>& lines, std::ostream& out);

// {healthy, checks: [{state: "ok"|"WARN"|"FAIL", name, detail, next}]}
nlohmann::json ChecksJson(const std::vector<CheckLine>& lines);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_CHECK_REPORT_H_
