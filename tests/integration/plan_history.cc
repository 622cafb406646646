#include "tests/integration/plan_history.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace ballast {
namespace {

// What a log line says of a plan: event=NAME group=demo plan="TERM.SEQUENCE (DIGEST)".
struct PlanEvent {
  bool decided = false;  // Otherwise recovered by a new daemon.
  int sequence = 0;
  std::string digest;
};

std::optional<PlanEvent> ReadPlanEvent(absl::string_view line, const std::string& group) {
  const std::string of_group = absl::StrCat(" group=", group, " ");
  const bool decided = absl::StrContains(line, "event=plan.decided" + of_group);
  if (!decided && !absl::StrContains(line, "event=group.recovered" + of_group)) {
    return std::nullopt;
  }
  const std::vector<absl::string_view> plan =
      absl::StrSplit(line.substr(line.find("plan=\"")), absl::ByAnyChar("\".()"));
  PlanEvent event{.decided = decided, .digest = std::string(plan.at(3))};
  EXPECT_TRUE(absl::SimpleAtoi(plan.at(2), &event.sequence)) << line;
  return event;
}

}  // namespace

int CheckPlanHistory(const std::string& log, const std::string& group) {
  int decided = 0;
  PlanEvent last;
  for (absl::string_view line : absl::StrSplit(log, '\n')) {
    const std::optional<PlanEvent> event = ReadPlanEvent(line, group);
    if (!event.has_value()) continue;
    EXPECT_GE(event->sequence, last.sequence) << line;
    if (event->sequence == last.sequence && !last.digest.empty()) {
      EXPECT_EQ(event->digest, last.digest) << line;
    }
    if (event->decided) {
      EXPECT_GT(event->sequence, last.sequence) << line;
      ++decided;
    }
    last = *event;
  }
  return decided;
}

}  // namespace ballast
