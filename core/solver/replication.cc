#include "core/solver/replication.h"

#include <cstddef>

#include "core/base/check.h"
#include "core/solver/float_key.h"

namespace ballast {
namespace {

// Sinks `key` from `hole` in a heap with the largest key on top. heap[size] is 0,
// below every key in use, which spares a test for a missing right child.
void Sink(std::uint64_t* heap, std::size_t size, std::size_t hole, std::uint64_t key) {
  for (;;) {
    std::size_t child = 2 * hole + 1;
    if (child >= size) break;
    child += heap[child + 1] > heap[child] ? 1 : 0;
    if (heap[child] <= key) break;
    heap[hole] = heap[child];
    hole = child;
  }
  heap[hole] = key;
}

}  // namespace

void Replication::Run(absl::Span<const float> load, const Output& output) {
  const std::size_t num_experts = load.size();
  const std::size_t num_copies = output.expert_of_copy.size();
  BALLAST_CHECK(num_experts > 0 && num_copies >= num_experts);
  BALLAST_CHECK(output.replica_index.size() == num_copies);
  BALLAST_CHECK(output.replica_count.size() == num_experts);

  for (std::size_t expert = 0; expert < num_experts; ++expert) {
    output.expert_of_copy[expert] = static_cast<std::int32_t>(expert);
    output.replica_index[expert] = 0;
    output.replica_count[expert] = 1;
  }
  if (num_copies == num_experts) return;

  if (heap_.size() < num_experts + 1) heap_.resize(num_experts + 1);
  std::uint64_t* const heap = heap_.data();
  for (std::size_t expert = 0; expert < num_experts; ++expert) {
    heap[expert] = HeaviestKey(load[expert], static_cast<std::uint32_t>(expert));
  }
  heap[num_experts] = 0;
  for (std::size_t hole = num_experts / 2; hole-- > 0;) Sink(heap, num_experts, hole, heap[hole]);

  for (std::size_t copy = num_experts; copy < num_copies; ++copy) {
    const std::uint32_t expert = IndexOfHeaviestKey(heap[0]);
    output.expert_of_copy[copy] = static_cast<std::int32_t>(expert);
    output.replica_index[copy] = output.replica_count[expert];
    const std::int32_t count = ++output.replica_count[expert];
    Sink(heap, num_experts, 0, HeaviestKey(load[expert] / static_cast<float>(count), expert));
  }
}

}  // namespace ballast
