#include "core/store/plan_store_errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"

namespace ballast {
namespace {

constexpr absl::string_view kOtherTerm = "ballast/other_term";
constexpr absl::string_view kLocked = "ballast/locked";

}  // namespace

std::string PlanPlace(absl::string_view ep_group, PlanVersion version) {
  return absl::StrCat("EP group ", ep_group, ", plan ", version.term, ".", version.sequence);
}

absl::Status CheckStoreTerm(std::uint64_t term, std::uint64_t store_term) {
  if (term == store_term) return absl::OkStatus();
  absl::Status status = absl::FailedPreconditionError(
      absl::StrCat("term ", term, " is not the store's, ", store_term));
  status.SetPayload(kOtherTerm, absl::Cord());
  return status;
}

bool IsOtherTerm(const absl::Status& status) { return status.GetPayload(kOtherTerm).has_value(); }

absl::Status MarkedLocked(absl::Status status) {
  status.SetPayload(kLocked, absl::Cord());
  return status;
}

bool IsLocked(const absl::Status& status) { return status.GetPayload(kLocked).has_value(); }

absl::Status CheckStoreBase(absl::string_view ep_group, const PlanId& base,
                            const std::optional<PlanId>& decided,
                            const std::optional<PlanVersion>& preparing) {
  if (preparing.has_value()) {
    return absl::AbortedError(absl::StrCat(PlanPlace(ep_group, *preparing), " is preparing"));
  }
  if (decided.has_value() && base != *decided) {
    return absl::AbortedError(absl::StrCat("EP group ", ep_group, ": base ", PlanIdText(base),
                                           " is not the newest decided plan, ",
                                           PlanIdText(*decided)));
  }
  return absl::OkStatus();
}

absl::Status NoSuchPlan(absl::string_view ep_group, PlanVersion version) {
  return absl::NotFoundError(absl::StrCat(PlanPlace(ep_group, version), " is not in the store"));
}

absl::Status NoDecidedPlan(absl::string_view ep_group) {
  return absl::NotFoundError(absl::StrCat("EP group ", ep_group, " has no decided plan"));
}

absl::Status PlanIsAborted(absl::string_view ep_group, PlanVersion version) {
  return absl::FailedPreconditionError(absl::StrCat(PlanPlace(ep_group, version), " is aborted"));
}

absl::Status PlanIsDecided(absl::string_view ep_group, PlanVersion version) {
  return absl::FailedPreconditionError(
      absl::StrCat(PlanPlace(ep_group, version), " is decided, and that for ever"));
}

absl::Status BadKeep(int keep) {
  return absl::InvalidArgumentError(absl::StrCat("keep ", keep, " is below 0"));
}

absl::Status PauseOfNoGroup() { return absl::InvalidArgumentError("pause of no EP group"); }

absl::Status MembershipOfNoGroup() {
  return absl::InvalidArgumentError("membership of no EP group");
}

absl::Status CheckGeneration(std::uint64_t stored, std::uint64_t next) {
  if (next >= stored) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("membership generation ", next, " after ", stored));
}

absl::Status CheckDecisionsKept(int keep) {
  if (keep >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("keep ", keep, " decisions is below 1"));
}

absl::Status NoSuchDecision(absl::string_view ep_group, PlanVersion plan) {
  return absl::NotFoundError(
      absl::StrCat(PlanPlace(ep_group, plan), ": no decision that led to it is in the store"));
}

}  // namespace ballast
