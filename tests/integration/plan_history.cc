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
  enum class Kind { kProposed, kDecided, kRecovered };
  Kind kind = Kind::kProposed;
  std::string plan;  // All of the text.
  int sequence = 0;
};

std::optional<PlanEvent> ReadPlanEvent(absl::string_view line, const std::string& group) {
  const std::string of_group = absl::StrCat(" group=", group, " ");
  PlanEvent event;
  if (absl::StrContains(line, "event=plan.proposed" + of_group)) {
    event.kind = PlanEvent::Kind::kProposed;
  } else if (absl::StrContains(line, "event=plan.decided" + of_group)) {
    event.kind = PlanEvent::Kind::kDecided;
  } else if (absl::StrContains(line, "event=group.recovered" + of_group)) {
    event.kind = PlanEvent::Kind::kRecovered;
  } else {
    return std::nullopt;
  }
  const std::vector<absl::string_view> quoted =
      absl::StrSplit(line.substr(line.find("plan=\"")), '"');
  event.plan = std::string(quoted.at(1));
  const std::vector<absl::string_view> parts = absl::StrSplit(event.plan, absl::ByAnyChar(". "));
  EXPECT_TRUE(absl::SimpleAtoi(parts.at(1), &event.sequence)) << line;
  return event;
}

// The daemons of one store, one after the other.
class History {
 public:
  explicit History(const std::vector<absl::string_view>& crash_points)
      : crash_points_(crash_points) {}

  void Take(const PlanEvent& event) {
    switch (event.kind) {
      case PlanEvent::Kind::kRecovered:
        if (daemons_ > 0) CheckRecovered(event);
        ++daemons_;
        last_ = event;
        proposed_.clear();
        return;
      case PlanEvent::Kind::kProposed:
        EXPECT_GT(event.sequence, last_.sequence);
        proposed_ = event.plan;
        return;
      case PlanEvent::Kind::kDecided:
        EXPECT_EQ(event.plan, proposed_);
        EXPECT_GT(event.sequence, last_.sequence);
        ++decided_;
        last_ = event;
        return;
    }
  }

  int decided() const { return decided_; }

 private:
  void CheckRecovered(const PlanEvent& event) const {
    const std::size_t ended = daemons_ - 1;
    const absl::string_view point = ended < crash_points_.size() ? crash_points_[ended] : "";
    if (point == "decide.stored") {
      EXPECT_EQ(event.plan, proposed_) << "daemon " << ended << " had decided it";
    } else if (!point.empty() || proposed_.empty()) {
      EXPECT_EQ(event.plan, last_.plan) << "daemon " << ended << " died at " << point;
    } else {
      EXPECT_TRUE(event.plan == last_.plan || event.plan == proposed_)
          << "daemon " << ended << " had " << last_.plan << " and proposed " << proposed_;
    }
  }

  const std::vector<absl::string_view>& crash_points_;
  std::size_t daemons_ = 0;  // That have begun.
  int decided_ = 0;
  PlanEvent last_;        // Decided or recovered.
  std::string proposed_;  // The newest of this daemon; empty: none.
};

}  // namespace

int CheckPlanHistory(const std::string& log, const std::string& group,
                     const std::vector<absl::string_view>& crash_points) {
  History history(crash_points);
  for (const absl::string_view line : absl::StrSplit(log, '\n')) {
    SCOPED_TRACE(line);
    const std::optional<PlanEvent> event = ReadPlanEvent(line, group);
    if (event.has_value()) history.Take(*event);
  }
  return history.decided();
}

}  // namespace ballast
