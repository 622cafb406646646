#include "proto/wire/placement_wire.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/status_macros.h"
#include "proto/wire/little_endian.h"

namespace ballast {
namespace {

absl::Status CheckBlob(const char* field, const std::string& blob, std::size_t entries) {
  if (blob.size() != entries * sizeof(std::uint16_t)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", blob.size(), " bytes, not ", entries * sizeof(std::uint16_t)));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(const char* field, std::uint64_t value, int max) {
  if (value < 1 || value > static_cast<std::uint64_t>(max)) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", value, " out of [1, ", max, "]"));
  }
  return absl::OkStatus();
}

// A u32 of the wire as an int; what does not fit becomes the largest int, which no
// range check lets through.
int SaturatedInt(std::uint32_t value) {
  return static_cast<int>(
      std::min<std::uint32_t>(value, static_cast<std::uint32_t>(std::numeric_limits<int>::max())));
}

}  // namespace

void EncodePlanVersion(const PlanVersion& version, v1::PlanVersion* message) {
  message->set_term(version.term);
  message->set_sequence(version.sequence);
}

PlanVersion DecodePlanVersion(const v1::PlanVersion& message) {
  return {message.term(), message.sequence()};
}

void EncodePlanId(const PlanId& id, v1::PlanId* message) {
  EncodePlanVersion(id.version, message->mutable_version());
  message->set_digest(id.digest.data(), id.digest.size());
}

absl::StatusOr<PlanId> DecodePlanId(const v1::PlanId& message) {
  if (!message.has_version()) return absl::InvalidArgumentError("PlanId.version: missing");
  PlanId id;
  if (message.digest().size() != id.digest.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("PlanId.digest: ", message.digest().size(), " bytes, not ", id.digest.size()));
  }
  id.version = DecodePlanVersion(message.version());
  std::memcpy(id.digest.data(), message.digest().data(), id.digest.size());
  return id;
}

void EncodeModelShape(const ModelShape& shape, v1::ModelShape* message) {
  message->set_num_layers(static_cast<std::uint32_t>(shape.num_layers));
  message->set_num_experts(static_cast<std::uint32_t>(shape.num_experts));
  message->set_num_expert_groups(static_cast<std::uint32_t>(shape.num_expert_groups));
  message->set_top_k(static_cast<std::uint32_t>(shape.top_k));
  message->set_expert_bytes(static_cast<std::uint64_t>(shape.expert_bytes));
}

absl::StatusOr<ModelShape> DecodeModelShape(const v1::ModelShape& message) {
  constexpr auto kMaxBytes = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (message.expert_bytes() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("ModelShape.expert_bytes: ", message.expert_bytes(), " above ", kMaxBytes));
  }
  ModelShape shape;
  shape.num_layers = SaturatedInt(message.num_layers());
  shape.num_experts = SaturatedInt(message.num_experts());
  shape.num_expert_groups = std::max(1, SaturatedInt(message.num_expert_groups()));
  shape.top_k = SaturatedInt(message.top_k());
  shape.expert_bytes = static_cast<std::int64_t>(message.expert_bytes());
  BALLAST_RETURN_IF_ERROR(CheckShape(shape));
  return shape;
}

void EncodePlacement(const PlacementPlan& plan, v1::PlacementTable* message) {
  const std::size_t entries = plan.expert_in_slot.size();
  BALLAST_CHECK(plan.share.size() == entries);
  message->set_topology_fingerprint(plan.topology_fingerprint);
  message->set_num_layers(static_cast<std::uint32_t>(plan.num_layers()));
  message->set_num_slots(static_cast<std::uint32_t>(plan.num_slots));
  std::string* experts = message->mutable_expert_in_slot();
  std::string* shares = message->mutable_share();
  experts->resize(entries * sizeof(std::uint16_t));
  shares->resize(entries * sizeof(std::uint16_t));
  for (std::size_t i = 0; i < entries; ++i) {
    const int expert = plan.expert_in_slot[i].value;
    BALLAST_CHECK(expert >= 0 && expert < kMaxExperts);
    StoreLittleEndian(static_cast<std::uint16_t>(expert), &(*experts)[2 * i]);
    StoreLittleEndian(plan.share[i], &(*shares)[2 * i]);
  }
}

absl::StatusOr<PlacementPlan> DecodePlacement(const v1::PlacementTable& message,
                                              const PlanVersion& version) {
  BALLAST_RETURN_IF_ERROR(
      CheckCount("PlacementTable.num_layers", message.num_layers(), kMaxLayers));
  BALLAST_RETURN_IF_ERROR(CheckCount("PlacementTable.num_slots", message.num_slots(), kMaxSlots));
  const std::size_t entries = std::size_t{message.num_layers()} * message.num_slots();
  BALLAST_RETURN_IF_ERROR(
      CheckBlob("PlacementTable.expert_in_slot", message.expert_in_slot(), entries));
  BALLAST_RETURN_IF_ERROR(CheckBlob("PlacementTable.share", message.share(), entries));
  PlacementPlan plan;
  plan.version = version;
  plan.topology_fingerprint = message.topology_fingerprint();
  plan.num_slots = static_cast<int>(message.num_slots());
  plan.expert_in_slot.resize(entries);
  plan.share.resize(entries);
  for (std::size_t i = 0; i < entries; ++i) {
    const auto expert = LoadLittleEndian<std::uint16_t>(&message.expert_in_slot()[2 * i]);
    if (expert >= kMaxExperts) {
      return absl::InvalidArgumentError(absl::StrCat(
          "PlacementTable.expert_in_slot: layer ", i / message.num_slots(), ", slot ",
          i % message.num_slots(), ": expert ", expert, " out of [0, ", kMaxExperts, ")"));
    }
    plan.expert_in_slot[i] = ExpertId(expert);
    plan.share[i] = LoadLittleEndian<std::uint16_t>(&message.share()[2 * i]);
  }
  return plan;
}

void EncodeNack(const Nack& nack, v1::Nack* message) {
  message->set_code(static_cast<v1::NackCode>(static_cast<int>(nack.code) + 1));
  std::string detail = nack.detail.substr(0, kMaxNackDetail);
  std::replace_if(
      detail.begin(), detail.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; },
      '?');
  message->set_detail(std::move(detail));
}

absl::StatusOr<Nack> DecodeNack(const v1::Nack& message) {
  const int code = static_cast<int>(message.code()) - 1;
  if (code < 0 || code >= kNumNackCodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("Nack.code: unknown value ", static_cast<int>(message.code())));
  }
  if (message.detail().size() > kMaxNackDetail) {
    return absl::InvalidArgumentError(absl::StrCat("Nack.detail: ", message.detail().size(),
                                                   " bytes, more than ", kMaxNackDetail));
  }
  return Nack{static_cast<NackCode>(code), message.detail()};
}

}  // namespace ballast
