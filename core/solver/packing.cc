#include "core/solver/packing.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <utility>

#include "core/base/check.h"
#include "core/solver/float_key.h"

namespace ballast {
namespace {

// Sinks `key` from `hole` in a heap with the smallest key on top. heap[size] is
// above every key, which spares a test for a missing right child.
void Sink(std::uint64_t* heap, std::size_t size, std::size_t hole, std::uint64_t key) {
  for (;;) {
    std::size_t child = 2 * hole + 1;
    if (child >= size) break;
    child += heap[child + 1] < heap[child] ? 1 : 0;
    if (heap[child] >= key) break;
    heap[hole] = heap[child];
    hole = child;
  }
  heap[hole] = key;
}

}  // namespace

void Packing::Run(absl::Span<const float> weight, int num_packs, TieOrder ties,
                  const Output& output) {
  BALLAST_CHECK(num_packs >= 1 && weight.size() % static_cast<std::size_t>(num_packs) == 0);
  BALLAST_CHECK(output.pack.size() == weight.size());
  BALLAST_CHECK(output.rank_in_pack.size() == weight.size());
  if (weight.size() == static_cast<std::size_t>(num_packs)) {
    for (std::size_t item = 0; item < weight.size(); ++item) {
      output.pack[item] = static_cast<std::int32_t>(item);
      output.rank_in_pack[item] = 0;
    }
    return;
  }
  SortHeaviestFirst(weight, ties);
  FillLightestFirst(weight, num_packs, output);
}

void Packing::SortHeaviestFirst(absl::Span<const float> weight, TieOrder ties) {
  order_.resize(weight.size());
  for (std::size_t item = 0; item < weight.size(); ++item) {
    order_[item] = {FloatBits(weight[item]), static_cast<std::int32_t>(item)};
  }
  if (ties == TieOrder::kLibstdcxx) {
    // The library's sort leaves equal items in an order of its own; comparing by
    // weight alone, in this sequence, is what reproduces the published order.
    std::sort(order_.begin(), order_.end(),
              [](const Item& a, const Item& b) { return a.bits > b.bits; });
    return;
  }
  RadixSort();
}

// Least significant digit first, so stable: equal weights stay in index order.
void Packing::RadixSort() {
  constexpr int kDigits = 4;
  constexpr int kDigitBits = 8;
  constexpr std::uint32_t kMask = (1u << kDigitBits) - 1;
  std::array<std::array<std::uint32_t, kMask + 1>, kDigits> count{};
  for (const Item& item : order_) {
    for (int digit = 0; digit < kDigits; ++digit) {
      ++count[digit][(item.bits >> (digit * kDigitBits)) & kMask];
    }
  }
  spare_.resize(order_.size());
  for (int digit = 0; digit < kDigits; ++digit) {
    const int shift = digit * kDigitBits;
    std::array<std::uint32_t, kMask + 1>& begin = count[digit];
    if (begin[(order_.front().bits >> shift) & kMask] == order_.size()) continue;
    std::uint32_t sum = 0;
    for (std::uint32_t value = kMask + 1; value-- > 0;) {
      sum += std::exchange(begin[value], sum);
    }
    for (const Item& item : order_) spare_[begin[(item.bits >> shift) & kMask]++] = item;
    order_.swap(spare_);
  }
}

void Packing::FillLightestFirst(absl::Span<const float> weight, int num_packs,
                                const Output& output) {
  const std::int32_t capacity = static_cast<std::int32_t>(weight.size()) / num_packs;
  std::size_t size = static_cast<std::size_t>(num_packs);
  if (heap_.size() < size + 1) heap_.resize(size + 1);
  filled_.assign(size, 0);
  std::uint64_t* const heap = heap_.data();
  heap[size] = std::numeric_limits<std::uint64_t>::max();

  // An empty pack is lighter than any pack with load, so the first items go to
  // packs 0, 1, ... as long as they have weight. Laid down backwards, their loads
  // already rise; the heap is repaired for equal loads only.
  std::size_t next = 0;
  for (; next < size && order_[next].bits != 0; ++next) {
    const Item item = order_[next];
    output.pack[item.index] = static_cast<std::int32_t>(next);
    output.rank_in_pack[item.index] = 0;
    filled_[next] = 1;
    heap[size - 1 - next] = LightestKey(weight[item.index], static_cast<std::uint32_t>(next));
  }
  for (std::size_t pack = next; pack < size; ++pack) {
    heap[size - 1 - pack] = LightestKey(0.0f, static_cast<std::uint32_t>(pack));
  }
  for (std::size_t hole = size / 2; hole-- > 0;) Sink(heap, size, hole, heap[hole]);

  for (; next < order_.size(); ++next) {
    const Item item = order_[next];
    const std::uint64_t top = heap[0];
    const std::uint32_t pack = IndexOfLightestKey(top);
    output.pack[item.index] = static_cast<std::int32_t>(pack);
    output.rank_in_pack[item.index] = filled_[pack];
    if (++filled_[pack] < capacity) {
      Sink(heap, size, 0, LightestKey(LoadOfKey(top) + std::bit_cast<float>(item.bits), pack));
    } else {
      --size;
      const std::uint64_t last = heap[size];
      heap[size] = std::numeric_limits<std::uint64_t>::max();
      if (size > 0) Sink(heap, size, 0, last);
    }
  }
}

}  // namespace ballast
