#include "proto/wire/load_wire.h"

#include <bit>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "core/model/model_shape.h"
#include "core/model/topology.h"
#include "proto/wire/field_checks.h"
#include "proto/wire/little_endian.h"
#include "proto/wire/placement_wire.h"

namespace ballast {
namespace {

using wire::CheckInRange;

template <typename T>
void StoreCounts(const std::vector<std::uint64_t>& counts, std::string* blob) {
  blob->resize(counts.size() * sizeof(T));
  for (std::size_t i = 0; i < counts.size(); ++i) {
    StoreLittleEndian(static_cast<T>(counts[i]), blob->data() + i * sizeof(T));
  }
}

template <typename T>
void LoadCounts(const std::string& blob, std::vector<std::uint64_t>* counts) {
  counts->resize(blob.size() / sizeof(T));
  if constexpr (sizeof(T) == sizeof(std::uint64_t) && std::endian::native == std::endian::little) {
    std::memcpy(counts->data(), blob.data(), blob.size());
  } else {
    for (std::size_t i = 0; i < counts->size(); ++i) {
      (*counts)[i] = LoadLittleEndian<T>(blob.data() + i * sizeof(T));
    }
  }
}

absl::StatusOr<ReportForm> DecodeForm(v1::CounterForm form) {
  switch (form) {
    case v1::COUNTER_FORM_SLOT:
      return ReportForm::kSlot;
    case v1::COUNTER_FORM_EXPERT:
      return ReportForm::kExpert;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("Counters.form: unknown value ", static_cast<int>(form)));
  }
}

absl::Status CheckScalars(const v1::Counters& message) {
  if (message.ep_group().empty()) {
    return absl::InvalidArgumentError("Counters.ep_group: empty");
  }
  BALLAST_RETURN_IF_ERROR(wire::CheckName("Counters.ep_group", message.ep_group()));
  BALLAST_RETURN_IF_ERROR(CheckInRange("Counters.rank", message.rank(), 0, kMaxRanks - 1));
  if (message.incarnation() == 0) return absl::InvalidArgumentError("Counters.incarnation: 0");
  if (message.sequence() == 0) return absl::InvalidArgumentError("Counters.sequence: 0");
  if (message.encoding() != v1::COUNTER_ENCODING_CUMULATIVE) {
    return absl::InvalidArgumentError(
        absl::StrCat("Counters.encoding: unknown value ", static_cast<int>(message.encoding())));
  }
  // Modulo 2^64, so that "no step yet" is legal for a plan that begins with step 0.
  if (message.step_last() + 1 < message.step_first()) {
    return absl::InvalidArgumentError(absl::StrCat("Counters.step_last: ", message.step_last(),
                                                   " lies before step_first ",
                                                   message.step_first()));
  }
  return absl::OkStatus();
}

absl::Status CheckCountsSize(const v1::Counters& message) {
  if (message.counter_bits() != 32 && message.counter_bits() != 64) {
    return absl::InvalidArgumentError(
        absl::StrCat("Counters.counter_bits: ", message.counter_bits(), " is not 32 or 64"));
  }
  if (message.counter_bits() == 32 && message.tokens() >> 32 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("Counters.tokens: ", message.tokens(), " does not fit 32 bits"));
  }
  BALLAST_RETURN_IF_ERROR(CheckInRange("Counters.num_layers", message.num_layers(), 1, kMaxLayers));
  BALLAST_RETURN_IF_ERROR(
      CheckInRange("Counters.num_columns", message.num_columns(), 1, kMaxSlots));
  const std::size_t bytes =
      std::size_t{message.num_layers()} * message.num_columns() * (message.counter_bits() / 8);
  if (message.counts().size() != bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("Counters.counts: ", message.counts().size(), " bytes, not ", bytes));
  }
  return absl::OkStatus();
}

}  // namespace

void EncodeCounters(const GroupReport& report, v1::Counters* message) {
  const LoadReport& load = report.report;
  BALLAST_CHECK(load.counts.size() ==
                static_cast<std::size_t>(report.num_layers) * report.num_columns);
  BALLAST_CHECK(load.counter_bits == 32 || load.counter_bits == 64);
  message->set_ep_group(report.ep_group);
  message->set_rank(static_cast<std::uint32_t>(load.rank.value));
  message->set_incarnation(load.incarnation);
  message->set_sequence(load.sequence);
  EncodePlanId(load.plan, message->mutable_plan());
  message->set_form(load.form == ReportForm::kSlot ? v1::COUNTER_FORM_SLOT
                                                   : v1::COUNTER_FORM_EXPERT);
  message->set_encoding(v1::COUNTER_ENCODING_CUMULATIVE);
  message->set_counter_bits(static_cast<std::uint32_t>(load.counter_bits));
  message->set_step_first(load.step_first);
  message->set_step_last(load.step_last);
  message->set_num_layers(static_cast<std::uint32_t>(report.num_layers));
  message->set_num_columns(static_cast<std::uint32_t>(report.num_columns));
  message->set_padding_excluded(report.padding_excluded);
  message->set_credit_every(report.credit_every);
  if (load.counter_bits == 32) {
    message->set_tokens(static_cast<std::uint32_t>(load.tokens));
    StoreCounts<std::uint32_t>(load.counts, message->mutable_counts());
  } else {
    message->set_tokens(load.tokens);
    StoreCounts<std::uint64_t>(load.counts, message->mutable_counts());
  }
}

absl::Status DecodeCounters(const v1::Counters& message, GroupReport* report) {
  BALLAST_RETURN_IF_ERROR(CheckScalars(message));
  BALLAST_RETURN_IF_ERROR(CheckCountsSize(message));
  LoadReport& load = report->report;
  if (!message.has_plan()) return absl::InvalidArgumentError("Counters.plan: missing");
  absl::StatusOr<PlanId> plan = DecodePlanId(message.plan());
  if (!plan.ok()) return wire::InField("Counters.plan", plan.status());
  load.plan = *plan;
  BALLAST_ASSIGN_OR_RETURN(load.form, DecodeForm(message.form()));
  report->ep_group = message.ep_group();
  report->num_layers = static_cast<int>(message.num_layers());
  report->num_columns = static_cast<int>(message.num_columns());
  report->padding_excluded = message.padding_excluded();
  report->credit_every = message.credit_every();
  load.rank = RankId(static_cast<std::int32_t>(message.rank()));
  load.incarnation = message.incarnation();
  load.sequence = message.sequence();
  load.counter_bits = static_cast<int>(message.counter_bits());
  load.step_first = message.step_first();
  load.step_last = message.step_last();
  load.tokens = message.tokens();
  if (load.counter_bits == 32) {
    LoadCounts<std::uint32_t>(message.counts(), &load.counts);
  } else {
    LoadCounts<std::uint64_t>(message.counts(), &load.counts);
  }
  return absl::OkStatus();
}

void EncodeCredit(const ReportCredit& credit, v1::Credit* message) {
  message->set_next_period_ms(wire::PeriodMs(credit.next_period));
  message->set_accepted_sequence(credit.accepted_sequence);
  message->set_reject(credit.reject);
  message->set_dropped(credit.dropped);
}

absl::StatusOr<ReportCredit> DecodeCredit(const v1::Credit& message) {
  BALLAST_RETURN_IF_ERROR(wire::CheckPeriodMs("Credit.next_period_ms", message.next_period_ms()));
  ReportCredit credit;
  credit.next_period = absl::Milliseconds(message.next_period_ms());
  credit.accepted_sequence = message.accepted_sequence();
  credit.reject = message.reject();
  credit.dropped = message.dropped();
  return credit;
}

}  // namespace ballast
