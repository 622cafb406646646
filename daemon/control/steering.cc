#include "daemon/control/steering.h"

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"

namespace ballast {

absl::Status CheckExpected(const SteeringCall& call, const PlanId& decided) {
  if (!call.expected.has_value() || *call.expected == decided.version) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the decided plan is ", PlanIdText(decided), ", not ",
                                         call.expected->term, ".", call.expected->sequence,
                                         " as expected"));
}

std::string SteeredReason(const SteeringCall& call, const PlanVersion& content) {
  std::string text = "forced";
  if (call.kind == SteeringCall::Kind::kRollback) {
    text = absl::StrCat("rollback to ", content == PlanVersion{}
                                            ? "the initial plan"
                                            : absl::StrCat(content.term, ".", content.sequence));
  }
  if (!call.who.empty()) absl::StrAppend(&text, " by ", call.who);
  if (!call.reason.empty()) absl::StrAppend(&text, ": ", call.reason);
  return text;
}

}  // namespace ballast
