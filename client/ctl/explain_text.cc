#include "client/ctl/explain_text.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/ctl/query_client.h"
#include "client/ctl/rank_list.h"
#include "client/ctl/text_table.h"

namespace ballast::ctl {
namespace {

// "1.6%"; without the sign of a zero.
std::string OneDecimal(double share) {
  const double percent = std::round(share * 1000) / 10;
  return absl::StrFormat("%.1f%%", percent == 0 ? 0.0 : percent);
}

std::string ShowSeconds(double seconds) {
  return seconds < 10 ? absl::StrFormat("%.3g s", seconds) : BriefSeconds(seconds);
}

std::string ShowAge(double now, double then) {
  return absl::StrCat(BriefSeconds(now - then), " ago");
}

std::string NotDueText(const v1::Explanation& explanation) {
  std::vector<std::string> schedule;
  if (explanation.solve_every_steps() > 0) {
    schedule.push_back(absl::StrCat(explanation.steps_since_solve(), " of ",
                                    explanation.solve_every_steps(),
                                    " steps (planning.solve_every_steps)"));
  }
  if (explanation.solve_every_seconds() > 0) {
    schedule.push_back(absl::StrCat(BriefSeconds(explanation.seconds_since_solve()), " of ",
                                    BriefSeconds(explanation.solve_every_seconds()),
                                    " (planning.solve_every)"));
  }
  const std::string since = explanation.solves() == 0 ? "since the start" : "since the last solve";
  if (schedule.empty()) {
    return "No solve now: neither planning.solve_every_steps nor planning.solve_every asks for "
           "one.";
  }
  return absl::StrCat("No solve now: not due; ", absl::StrJoin(schedule, " and "), " have passed ",
                      since, ".");
}

bool WasAdopted(const v1::Decision& decision) {
  return decision.reason() == "adopted" || decision.reason() == "forced" ||
         decision.reason() == "rollback";
}

// "new plan 7.42 (a91f03c2)" with what became of it, or why there is none.
std::string Headline(const v1::Decision& decision) {
  if (decision.reason() == "solve_failed") {
    return absl::StrCat("the solve ", decision.outcome(), ".");
  }
  if (!WasAdopted(decision)) return "no new plan.";
  if (decision.plan().version().sequence() == 0) {
    return absl::StrCat("a new plan that was never sent, ", decision.outcome(), ".");
  }
  const std::string plan = absl::StrCat("new plan ", ShowPlan(decision.plan()));
  if (decision.outcome() == "done") return absl::StrCat(plan, ", active on all ranks.");
  if (decision.outcome() == "offered") return absl::StrCat(plan, ", on its way.");
  return absl::StrCat(plan, ", ", decision.outcome(), ".");
}

std::string CostAgainstBenefit(const v1::Decision& decision) {
  return absl::StrCat("the busiest rank loads for ", ShowSeconds(decision.cost_seconds()), ", and ",
                      ShowSeconds(decision.benefit_seconds()), " are won until the next solve");
}

std::string Why(const v1::Explanation& explanation, const v1::Decision& decision) {
  const std::string& reason = decision.reason();
  const std::string required =
      absl::StrCat(OneDecimal(decision.required_gain()), " is required (planning.min_gain)");
  if (reason == "adopted") {
    return absl::StrCat("Why: the gain is ", OneDecimal(decision.gain()), ", ", required, "; ",
                        CostAgainstBenefit(decision), ".");
  }
  if (reason == "forced") return "Why: an operator asked for it (plan force).";
  if (reason == "rollback") return "Why: an operator brought an earlier plan back (plan rollback).";
  if (reason == "no_moves") return "Why not: the planner gives the plan that runs.";
  if (reason == "no_gain") {
    return absl::StrCat("Why not: the gain is ", OneDecimal(decision.gain()), ", ", required, ".");
  }
  if (reason == "cost_exceeds_gain") {
    return absl::StrCat("Why not: ", CostAgainstBenefit(decision),
                        " (planning.migration_bytes_per_second, planning.moe_seconds_per_step).");
  }
  if (reason == "min_interval") {
    return absl::StrCat("Why not: the plan before is younger than ",
                        BriefSeconds(explanation.min_interval_seconds()),
                        " (planning.min_interval).");
  }
  if (reason == "observe_only") {
    return absl::StrCat("Would have been adopted: the gain is ", OneDecimal(decision.gain()), ", ",
                        required, "; ", CostAgainstBenefit(decision),
                        ". Why not: planning.observe_only is set.");
  }
  return absl::StrCat("Why not: ", reason, ".");
}

void PrintFigures(const v1::Decision& decision, std::ostream& out) {
  const bool adopted = WasAdopted(decision);
  out << absl::StrFormat(
      "%s takes max/mean from %.3f to %.3f: gain %s of MoE time, within %s of the lower bound.\n",
      adopted ? "It" : "The best candidate", decision.imbalance_now(), decision.imbalance_new(),
      OneDecimal(decision.gain()), OneDecimal(decision.gap()));
  out << absl::StrCat("Cost: ", decision.moved_slots(), " slots, ",
                      ShowBytes(decision.same_row_bytes() + decision.cross_row_bytes()), " (",
                      ShowBytes(decision.same_row_bytes()), " within a row, ",
                      ShowBytes(decision.cross_row_bytes()), " across rows), busiest rank ",
                      ShowBytes(decision.busiest_rank_bytes()), " in about ",
                      ShowSeconds(decision.cost_seconds()), ".\n");
}

void PrintDecision(const v1::Explanation& explanation, const v1::Decision& decision,
                   std::ostream& out) {
  out << absl::StrCat("\nDecision ", decision.number(), ", ",
                      ShowAge(explanation.now_unix_seconds(), decision.solved_unix_seconds()),
                      " at step ", decision.step(), ", plan ", ShowPlan(decision.base()), ": ",
                      Headline(decision), "\n");
  if (decision.reason() != "solve_failed") {
    PrintFigures(decision, out);
    out << Why(explanation, decision) << "\n";
    out << absl::StrFormat(
        "Also seen: balancedness mean/max %.3f -> %.3f; imbalance (max-mean)/mean %.3f -> %.3f; "
        "initial plan max/mean %.3f.\n",
        decision.balancedness_now(), decision.balancedness_new(), decision.imbalance_now() - 1,
        decision.imbalance_new() - 1, decision.imbalance_initial());
  }
  constexpr std::size_t kShownHex = 16;
  out << absl::StrCat("Inputs ", decision.input_digest().substr(0, kShownHex), ", planner ",
                      decision.planner(), decision.branch().empty() ? "" : " ", decision.branch(),
                      ", ", absl::StrFormat("%.1f", decision.solve_milliseconds()), " ms.\n");
}

}  // namespace

std::string HoldText(const v1::Explanation& explanation) {
  const std::string& hold = explanation.hold();
  if (hold == "none") return "A solve is due now.";
  if (hold == "paused") return "No solve now: an operator paused the group.";
  if (hold == "ranks_missing") {
    return absl::StrCat("No solve now: ", explanation.missing_ranks_size(), " of ",
                        explanation.ranks(),
                        " ranks are missing: ", ShowRanks(explanation.missing_ranks()), ".");
  }
  if (hold == "coverage_low") {
    return absl::StrCat("No solve now: ", OneDecimal(explanation.coverage()),
                        " of the ranks report, ", OneDecimal(explanation.min_coverage()),
                        " are needed (planning.min_coverage); silent for ",
                        BriefSeconds(explanation.stale_after_seconds()), " or more: ranks ",
                        ShowRanks(explanation.silent_ranks()), ".");
  }
  if (hold == "window_young") {
    return absl::StrCat("No solve now: ", explanation.batches(), " of ", explanation.min_batches(),
                        " batches of load are in (planning.min_batches).");
  }
  if (hold == "rollout_busy") {
    return absl::StrCat("No solve now: a plan is on its way, ", explanation.phase(), " for ",
                        BriefSeconds(explanation.phase_age_seconds()),
                        explanation.waiting_for().empty() ? "" : "; ", explanation.waiting_for(),
                        ".");
  }
  if (hold == "not_due") return NotDueText(explanation);
  return absl::StrCat("No solve now: ", hold, ".");
}

void PrintExplanation(const v1::Explanation& explanation, std::ostream& out) {
  const std::string plan = explanation.decided().version().sequence() == 0
                               ? "the initial plan"
                               : absl::StrCat("plan ", ShowPlan(explanation.decided()));
  out << explanation.ep_group() << " runs " << plan;
  if (explanation.decided_unix_seconds() > 0) {
    out << ", decided "
        << ShowAge(explanation.now_unix_seconds(), explanation.decided_unix_seconds());
  }
  out << ".\n" << HoldText(explanation) << "\n";
  if (explanation.decisions().empty()) {
    out << "\nNothing has been solved for this group yet.\n";
  }
  for (const v1::Decision& decision : explanation.decisions()) {
    PrintDecision(explanation, decision, out);
  }
}

}  // namespace ballast::ctl
