#include "core/trace/trace_import.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

absl::StatusOr<std::size_t> ColumnOf(const std::vector<absl::string_view>& header,
                                     absl::string_view name) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) {
    return absl::InvalidArgumentError(absl::StrCat("line 1: no column ", name));
  }
  return static_cast<std::size_t>(found - header.begin());
}

absl::StatusOr<std::int64_t> NumberAt(const std::vector<absl::string_view>& fields,
                                      std::size_t column) {
  if (column >= fields.size()) {
    return absl::InvalidArgumentError(absl::StrCat("only ", fields.size(), " columns"));
  }
  std::int64_t value = 0;
  if (!absl::SimpleAtoi(fields[column], &value) || value < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("column ", column + 1, ": '", fields[column], "' is no number >= 0"));
  }
  return value;
}

absl::Status CheckTopK(const ModelShape& shape, absl::Span<const std::uint8_t> topk) {
  const std::size_t per_token = static_cast<std::size_t>(shape.num_layers) * shape.top_k;
  if (topk.size() % per_token != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(topk.size(), " ids are no multiple of ", per_token, " a token"));
  }
  for (std::size_t i = 0; i < topk.size(); ++i) {
    if (topk[i] < shape.num_experts) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("token ", i / per_token, ", layer ", i % per_token / shape.top_k, ": expert ",
                     topk[i], " out of [0, ", shape.num_experts, ")"));
  }
  return absl::OkStatus();
}

absl::Status CheckSamples(absl::Span<const RequestSample> samples, std::int64_t num_tokens) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const RequestSample& sample = samples[i];
    if (sample.token_offset >= 0 && sample.num_tokens >= 0 && sample.token_offset <= num_tokens &&
        sample.num_tokens <= num_tokens - sample.token_offset) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat("request ", i, ": tokens [", sample.token_offset,
                                                   ", +", sample.num_tokens, ") leave the ",
                                                   num_tokens, " there are"));
  }
  return absl::OkStatus();
}

std::vector<RequestSample> Ordered(absl::Span<const RequestSample> samples,
                                   const ImportOptions& options) {
  std::vector<RequestSample> requests(samples.begin(), samples.end());
  if (options.order == RequestOrder::kMixed) {
    Random random(options.seed);
    for (std::size_t i = requests.size(); i > 1; --i) {
      std::swap(requests[i - 1], requests[random.Below(i)]);
    }
  }
  std::erase_if(requests, [](const RequestSample& sample) { return sample.num_tokens == 0; });
  return requests;
}

// What the request slots hold: a request each, whose front is the next token.
class SlotBoard {
 public:
  SlotBoard(std::vector<RequestSample> requests, int num_slots)
      : requests_(std::move(requests)), slots_(num_slots) {}

  // Gives every empty slot the next request; false if one stays empty.
  bool Refill() {
    for (RequestSample& slot : slots_) {
      if (slot.num_tokens > 0) continue;
      if (next_ == requests_.size()) return false;
      slot = requests_[next_++];
    }
    return true;
  }

  // The next token of slot `slot`, by its place in the stream.
  std::int64_t TakeToken(int slot) {
    --slots_[slot].num_tokens;
    return slots_[slot].token_offset++;
  }

 private:
  const std::vector<RequestSample> requests_;
  std::size_t next_ = 0;
  std::vector<RequestSample> slots_;
};

TraceStep NextStep(absl::Span<const std::uint8_t> topk, std::size_t per_token, int num_slots,
                   SlotBoard& board) {
  TraceStep step;
  step.experts.reserve(num_slots * per_token);
  for (int slot = 0; slot < num_slots; ++slot) {
    step.request_slot.push_back(static_cast<std::uint16_t>(slot));
    const auto token = topk.subspan(board.TakeToken(slot) * per_token, per_token);
    step.experts.insert(step.experts.end(), token.begin(), token.end());
  }
  return step;
}

}  // namespace

absl::StatusOr<std::vector<RequestSample>> ParseSamples(absl::string_view csv) {
  std::vector<RequestSample> samples;
  std::size_t offset_column = 0;
  std::size_t tokens_column = 0;
  int line_number = 0;
  for (absl::string_view line : absl::StrSplit(csv, '\n')) {
    ++line_number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ',');
    if (line_number == 1) {
      BALLAST_ASSIGN_OR_RETURN(offset_column, ColumnOf(fields, "token_offset"));
      BALLAST_ASSIGN_OR_RETURN(tokens_column, ColumnOf(fields, "tokens"));
      continue;
    }
    if (line.empty()) continue;
    const absl::StatusOr<std::int64_t> offset = NumberAt(fields, offset_column);
    const absl::StatusOr<std::int64_t> tokens = NumberAt(fields, tokens_column);
    for (const absl::Status& status : {offset.status(), tokens.status()}) {
      if (status.ok()) continue;
      return absl::InvalidArgumentError(absl::StrCat("line ", line_number, ", ", status.message()));
    }
    samples.push_back({*offset, *tokens});
  }
  return samples;
}

absl::StatusOr<std::vector<TraceStep>> ImportTopK(const ModelShape& shape,
                                                  absl::Span<const std::uint8_t> topk,
                                                  absl::Span<const RequestSample> samples,
                                                  const ImportOptions& options) {
  BALLAST_RETURN_IF_ERROR(CheckShape(shape));
  BALLAST_RETURN_IF_ERROR(CheckTopK(shape, topk));
  const std::size_t per_token = static_cast<std::size_t>(shape.num_layers) * shape.top_k;
  BALLAST_RETURN_IF_ERROR(
      CheckSamples(samples, static_cast<std::int64_t>(topk.size() / per_token)));
  const int num_slots = options.num_request_slots;
  if (num_slots < 1 || num_slots > 65536) {
    return absl::InvalidArgumentError(
        absl::StrCat("request slots ", num_slots, " are not in [1, 65536]"));
  }
  SlotBoard board(Ordered(samples, options), num_slots);
  if (!board.Refill()) {
    return absl::FailedPreconditionError(
        absl::StrCat(samples.size(), " requests do not fill ", num_slots, " request slots"));
  }
  std::vector<TraceStep> steps;
  int to_skip = options.skip_steps;
  while (options.max_steps == 0 || static_cast<int>(steps.size()) < options.max_steps) {
    TraceStep step = NextStep(topk, per_token, num_slots, board);
    if (to_skip > 0) {
      --to_skip;
    } else {
      steps.push_back(std::move(step));
    }
    if (!board.Refill()) break;
  }
  return steps;
}

}  // namespace ballast
