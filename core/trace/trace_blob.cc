#include "core/trace/trace_blob.h"

#include <zstd.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"

namespace ballast {
namespace {

// Chosen: traces are written once and read often; 19 is the densest level that needs
// no extra memory in the reader.
constexpr int kCompressionLevel = 19;

int BytesPerExpert(const ModelShape& shape) { return shape.num_experts <= 256 ? 1 : 2; }

std::int64_t PicksPerToken(const ModelShape& shape) {
  return std::int64_t{shape.num_layers} * shape.top_k;
}

void AppendLittleEndian(std::uint16_t value, int width, std::string& raw) {
  for (int i = 0; i < width; ++i) raw.push_back(static_cast<char>(value >> (8 * i)));
}

// Takes integers off the front of a string that is known to be long enough.
class RawReader {
 public:
  explicit RawReader(absl::string_view raw) : raw_(raw) {}

  std::uint16_t Take(int width) {
    unsigned value = 0;
    for (int i = 0; i < width; ++i) {
      value |= static_cast<unsigned>(static_cast<unsigned char>(raw_[next_++])) << (8 * i);
    }
    return static_cast<std::uint16_t>(value);
  }

 private:
  absl::string_view raw_;
  std::size_t next_ = 0;
};

// Places of all picks of a step, [token][layer][k] like its ids.
std::vector<std::uint16_t> PlacesOf(const ModelShape& shape, const ExpertRanking& ranking,
                                    const TraceStep& step) {
  std::vector<std::uint16_t> places = step.experts;
  const std::size_t picks = static_cast<std::size_t>(PicksPerToken(shape));
  for (int token = 0; token < step.num_tokens(); ++token) {
    ranking.ToPlaces(shape, absl::MakeSpan(places).subspan(token * picks, picks));
  }
  return places;
}

absl::StatusOr<TraceStep> FromRaw(const ModelShape& shape, const ExpertRanking& ranking,
                                  int num_tokens, absl::string_view raw) {
  TraceStep step;
  RawReader reader(raw);
  std::uint16_t slot = 0;
  for (int token = 0; token < num_tokens; ++token) {
    slot = static_cast<std::uint16_t>(slot + reader.Take(2));
    step.request_slot.push_back(slot);
  }
  const std::size_t picks = static_cast<std::size_t>(PicksPerToken(shape));
  step.experts.resize(num_tokens * picks);
  const int width = BytesPerExpert(shape);
  for (std::size_t pick = 0; pick < picks; ++pick) {
    for (int token = 0; token < num_tokens; ++token) {
      step.experts[token * picks + pick] = reader.Take(width);
    }
  }
  for (int token = 0; token < num_tokens; ++token) {
    if (ranking.ToExperts(shape, absl::MakeSpan(step.experts).subspan(token * picks, picks))) {
      continue;
    }
    return absl::DataLossError(absl::StrCat("token ", token, ": a place is not in the ranking"));
  }
  return step;
}

std::string Compress(const std::string& raw) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  BALLAST_CHECK(context != nullptr);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kCompressionLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string blob(ZSTD_compressBound(raw.size()), '\0');
  const std::size_t size =
      ZSTD_compress2(context.get(), blob.data(), blob.size(), raw.data(), raw.size());
  BALLAST_CHECK(!ZSTD_isError(size));
  blob.resize(size);
  return blob;
}

absl::StatusOr<std::string> Decompress(std::int64_t raw_bytes, absl::string_view blob) {
  const unsigned long long announced = ZSTD_getFrameContentSize(blob.data(), blob.size());
  if (announced != static_cast<unsigned long long>(raw_bytes)) {
    return absl::DataLossError(absl::StrCat("the blob does not announce ", raw_bytes, " bytes"));
  }
  std::string raw(static_cast<std::size_t>(raw_bytes), '\0');
  const std::size_t size = ZSTD_decompress(raw.data(), raw.size(), blob.data(), blob.size());
  if (ZSTD_isError(size)) {
    return absl::DataLossError(absl::StrCat("the blob is broken: ", ZSTD_getErrorName(size)));
  }
  if (size != raw.size()) {
    return absl::DataLossError(
        absl::StrCat("the blob holds ", size, " bytes instead of ", raw_bytes));
  }
  return raw;
}

}  // namespace

std::int64_t RawStepBytes(const ModelShape& shape, std::int64_t num_tokens) {
  return num_tokens * (2 + PicksPerToken(shape) * BytesPerExpert(shape));
}

absl::Status CheckStep(const TraceInfo& info, const TraceStep& step) {
  const std::int64_t picks = PicksPerToken(info.shape);
  const std::int64_t num_tokens = step.num_tokens();
  if (static_cast<std::int64_t>(step.experts.size()) != num_tokens * picks) {
    return absl::InvalidArgumentError(absl::StrCat(step.experts.size(), " expert ids for ",
                                                   num_tokens, " tokens of ", picks, " picks"));
  }
  if (RawStepBytes(info.shape, num_tokens) > kMaxStepBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(num_tokens, " tokens are more than fit in ", kMaxStepBytes, " bytes"));
  }
  for (std::int64_t token = 0; token < num_tokens; ++token) {
    if (step.request_slot[token] >= info.num_request_slots) {
      return absl::InvalidArgumentError(absl::StrCat("token ", token, ": request slot ",
                                                     step.request_slot[token], " out of [0, ",
                                                     info.num_request_slots, ")"));
    }
    for (std::int64_t pick = 0; pick < picks; ++pick) {
      const std::uint16_t expert = step.experts[token * picks + pick];
      if (expert < info.shape.num_experts) continue;
      return absl::InvalidArgumentError(absl::StrCat("token ", token, ", layer ",
                                                     pick / info.shape.top_k, ": expert ", expert,
                                                     " out of [0, ", info.shape.num_experts, ")"));
    }
  }
  return absl::OkStatus();
}

std::string EncodeStep(const TraceInfo& info, const ExpertRanking& ranking, const TraceStep& step) {
  std::string raw;
  raw.reserve(static_cast<std::size_t>(RawStepBytes(info.shape, step.num_tokens())));
  std::uint16_t previous = 0;
  for (const std::uint16_t slot : step.request_slot) {
    AppendLittleEndian(static_cast<std::uint16_t>(slot - previous), 2, raw);
    previous = slot;
  }
  const std::vector<std::uint16_t> places = PlacesOf(info.shape, ranking, step);
  const std::size_t picks = static_cast<std::size_t>(PicksPerToken(info.shape));
  const int width = BytesPerExpert(info.shape);
  for (std::size_t pick = 0; pick < picks; ++pick) {
    for (int token = 0; token < step.num_tokens(); ++token) {
      AppendLittleEndian(places[token * picks + pick], width, raw);
    }
  }
  return Compress(raw);
}

absl::StatusOr<TraceStep> DecodeStep(const TraceInfo& info, const ExpertRanking& ranking,
                                     const StoredStep& stored) {
  // The bound on the tokens alone keeps the product of the next test from overflowing.
  if (stored.num_tokens < 0 || stored.num_tokens > kMaxStepBytes ||
      RawStepBytes(info.shape, stored.num_tokens) > kMaxStepBytes) {
    return absl::DataLossError(
        absl::StrCat(stored.num_tokens, " tokens do not fit in ", kMaxStepBytes, " bytes"));
  }
  BALLAST_ASSIGN_OR_RETURN(const std::string raw,
                           Decompress(RawStepBytes(info.shape, stored.num_tokens), stored.blob));
  BALLAST_ASSIGN_OR_RETURN(TraceStep step,
                           FromRaw(info.shape, ranking, static_cast<int>(stored.num_tokens), raw));
  if (const absl::Status status = CheckStep(info, step); !status.ok()) {
    return absl::DataLossError(status.message());
  }
  return step;
}

std::string EncodeRanking(const ModelShape& shape, const ExpertRanking& ranking) {
  std::string raw;
  const int width = BytesPerExpert(shape);
  for (const std::uint16_t expert : ranking.orders()) AppendLittleEndian(expert, width, raw);
  return Compress(raw);
}

absl::StatusOr<ExpertRanking> DecodeRanking(const ModelShape& shape, absl::string_view blob) {
  const int width = BytesPerExpert(shape);
  const std::int64_t entries =
      std::int64_t{shape.num_layers} * shape.num_experts * shape.num_experts;
  if (entries * width > kMaxStepBytes) {
    return absl::DataLossError(
        absl::StrCat("a ranking of ", entries, " entries does not fit in ", kMaxStepBytes));
  }
  BALLAST_ASSIGN_OR_RETURN(const std::string raw, Decompress(entries * width, blob));
  RawReader reader(raw);
  std::vector<std::uint16_t> orders(static_cast<std::size_t>(entries));
  for (std::uint16_t& expert : orders) expert = reader.Take(width);
  return ExpertRanking::FromOrders(shape, std::move(orders));
}

}  // namespace ballast
