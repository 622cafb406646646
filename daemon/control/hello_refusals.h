#ifndef BALLAST_DAEMON_CONTROL_HELLO_REFUSALS_H_
#define BALLAST_DAEMON_CONTROL_HELLO_REFUSALS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/ids.h"

namespace ballast {

// A Hello that was not taken, and why.
struct HelloRefusal {
  std::string reason;  // "worker has experts 8, the configuration says 4"
  absl::Duration at;   // Uptime.
};

// "refused 4s ago: ..."
std::string RefusalText(const HelloRefusal& refusal, absl::Duration now);

// The last Hello that was refused in the name of each rank, until one is taken. A rank that is
// not of the group is not kept, and reasons are cut, so that strangers cost nothing however
// often they ask. Thread-safe.
class HelloRefusals {
 public:
  // Chosen: a sentence; those of ours are shorter.
  static constexpr std::size_t kMaxReason = 300;

  explicit HelloRefusals(int num_ranks) : last_(num_ranks) {}

  void Add(RankId rank, absl::string_view reason, absl::Duration now);
  // The rank is welcome.
  void Clear(RankId rank);
  // `rank` must be of the group.
  std::optional<HelloRefusal> Of(RankId rank) const;

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::optional<HelloRefusal>> last_ ABSL_GUARDED_BY(mutex_);  // [num_ranks]
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_CONTROL_HELLO_REFUSALS_H_
