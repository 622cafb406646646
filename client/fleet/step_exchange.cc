#include "client/fleet/step_exchange.h"

namespace ballast {
namespace {

std::size_t PicksCount(const StepExchange::Size& size) {
  return std::size_t{2} * size.num_ranks * size.num_layers * size.num_slots;
}

std::size_t ShadowCount(const StepExchange::Size& size) {
  return std::size_t{2} * size.num_ranks * size.num_layers * size.num_ranks;
}

std::size_t ReceivedCount(const StepExchange::Size& size) {
  return std::size_t{2} * size.num_ranks * size.num_layers;
}

}  // namespace

std::size_t StepExchange::RegionBytes(const Size& size) {
  return SharedRegion::BytesOf<std::uint32_t>(PicksCount(size)) +
         SharedRegion::BytesOf<std::uint32_t>(ShadowCount(size)) +
         SharedRegion::BytesOf<RankWord>(std::size_t{2} * size.num_ranks) +
         2 * SharedRegion::BytesOf<std::uint32_t>(ReceivedCount(size));
}

StepExchange::StepExchange(const Size& size, SharedRegion& region)
    : size_(size),
      picks_(region.Take<std::uint32_t>(PicksCount(size))),
      shadow_(region.Take<std::uint32_t>(ShadowCount(size))),
      words_(region.Take<RankWord>(std::size_t{2} * size.num_ranks)),
      received_(region.Take<std::uint32_t>(ReceivedCount(size))),
      shadow_received_(region.Take<std::uint32_t>(ReceivedCount(size))) {}

absl::Span<std::uint32_t> StepExchange::Outbox(std::uint64_t step, RankId sender) {
  const int width = size_.num_layers * size_.num_slots;
  return picks_.subspan(Offset(step, sender, width), width);
}

absl::Span<std::uint32_t> StepExchange::ShadowOutbox(std::uint64_t step, RankId sender) {
  const int width = size_.num_layers * size_.num_ranks;
  return shadow_.subspan(Offset(step, sender, width), width);
}

RankWord& StepExchange::Word(std::uint64_t step, RankId rank) {
  return words_[Offset(step, rank, 1)];
}

std::uint64_t StepExchange::PicksFor(std::uint64_t step, LayerId layer, SlotId slot) const {
  const int width = size_.num_layers * size_.num_slots;
  const std::size_t place = static_cast<std::size_t>(layer.value) * size_.num_slots + slot.value;
  std::uint64_t picks = 0;
  for (int sender = 0; sender < size_.num_ranks; ++sender) {
    picks += picks_[Offset(step, RankId(sender), width) + place];
  }
  return picks;
}

std::uint64_t StepExchange::ShadowPicksFor(std::uint64_t step, LayerId layer, RankId rank) const {
  const int width = size_.num_layers * size_.num_ranks;
  const std::size_t place = static_cast<std::size_t>(layer.value) * size_.num_ranks + rank.value;
  std::uint64_t picks = 0;
  for (int sender = 0; sender < size_.num_ranks; ++sender) {
    picks += shadow_[Offset(step, RankId(sender), width) + place];
  }
  return picks;
}

VoteWord StepExchange::ReducedVote(std::uint64_t step) const {
  VoteWord reduced = words_[Offset(step, RankId(0), 1)].vote;
  for (int rank = 1; rank < size_.num_ranks; ++rank) {
    reduced = ReduceVotes(reduced, words_[Offset(step, RankId(rank), 1)].vote);
  }
  return reduced;
}

bool StepExchange::StopWanted(std::uint64_t step) const {
  for (int rank = 0; rank < size_.num_ranks; ++rank) {
    if (words_[Offset(step, RankId(rank), 1)].wants_stop != 0) return true;
  }
  return false;
}

RankId StepExchange::OddRank(std::uint64_t step) const {
  const std::uint64_t first = words_[Offset(step, RankId(0), 1)].digest_prefix;
  for (int rank = 1; rank < size_.num_ranks; ++rank) {
    if (words_[Offset(step, RankId(rank), 1)].digest_prefix != first) return RankId(rank);
  }
  return RankId();
}

absl::Span<std::uint32_t> StepExchange::Received(std::uint64_t step, RankId rank) {
  return received_.subspan(Offset(step, rank, size_.num_layers), size_.num_layers);
}

absl::Span<std::uint32_t> StepExchange::ShadowReceived(std::uint64_t step, RankId rank) {
  return shadow_received_.subspan(Offset(step, rank, size_.num_layers), size_.num_layers);
}

}  // namespace ballast
