#ifndef BALLAST_CLIENT_WORKER_LOADER_THREAD_H_
#define BALLAST_CLIENT_WORKER_LOADER_THREAD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/worker/wakeup.h"
#include "client/worker/weight_loader.h"
#include "core/base/ids.h"
#include "core/rollout/nack.h"

namespace ballast {

// Runs a WeightLoader on a thread of its own and keeps the order of calls that
// weight_loader.h promises. Orders are taken at once and carried out in turn; a newer
// Stage() replaces one that has not begun, so nothing queues up behind a slow loader.
//
// The members are for one thread (the connection thread); it and the loader's thread
// are the only ones here.
class LoaderThread {
 public:
  struct Completion {
    PlanId plan;  // Of the Stage() that ended.
    std::optional<Nack> fault;
  };

  // `wakeup` is signalled when a completion can be taken.
  LoaderThread(WeightLoader& loader, std::shared_ptr<Wakeup> wakeup);
  // Cancels a load, waits for it, drops what was staged and never activated, and retires the
  // last activated plan if nobody has.
  ~LoaderThread();

  // Retires what the last activation left over, then stages.
  void Stage(StageRequest request);
  // Forgets the load that runs, waits or is done, with WeightLoader::Drop() if it had
  // begun. No completion of it comes any more.
  void Drop();
  // The staged plan became active: it is not dropped any more, but retired.
  void OnActivated(const PlanId& plan);
  void Retire(const PlanId& plan);

  std::optional<Completion> TakeCompletion();
  // Bytes that the running or last load has reported.
  std::uint64_t progress_bytes() const;

 private:
  struct Load {
    StageRequest request;
    std::shared_ptr<StageControl> control;
  };
  // What the thread shall do next, in this order.
  struct Orders {
    std::optional<PlanId> activated;
    std::optional<PlanId> retire;
    bool drop = false;
    std::optional<Load> load;
    bool stop = false;

    bool any() const {
      return activated.has_value() || retire.has_value() || drop || load.has_value() || stop;
    }
  };

  void Run();
  void CarryOut(Orders orders);
  void RunLoad(Load load);
  void RetireLeftover();
  void DropStaged();
  bool HasOrders() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return orders_.any(); }

  WeightLoader& loader_;
  const std::shared_ptr<Wakeup> wakeup_;

  // Of the loader's thread only.
  std::optional<PlanId> staged_;    // Stage() went well, neither activated nor dropped.
  std::optional<PlanId> leftover_;  // Activated, Retire() still to come.

  mutable absl::Mutex mutex_;
  Orders orders_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<StageControl> control_ ABSL_GUARDED_BY(mutex_);  // Of the newest load.
  std::optional<Completion> completion_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_LOADER_THREAD_H_
