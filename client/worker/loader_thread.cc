#include "client/worker/loader_thread.h"

#include <utility>

namespace ballast {

LoaderThread::LoaderThread(WeightLoader& loader, std::shared_ptr<Wakeup> wakeup)
    : loader_(loader), wakeup_(std::move(wakeup)), thread_([this] { Run(); }) {}

LoaderThread::~LoaderThread() {
  Drop();
  {
    absl::MutexLock lock(&mutex_);
    orders_.stop = true;
  }
  thread_.join();
}

void LoaderThread::Stage(StageRequest request) {
  auto control = std::make_shared<StageControl>();
  absl::MutexLock lock(&mutex_);
  if (control_ != nullptr) control_->Cancel();
  control_ = control;
  completion_.reset();
  orders_.load = Load{std::move(request), std::move(control)};
}

void LoaderThread::Drop() {
  absl::MutexLock lock(&mutex_);
  if (control_ != nullptr) control_->Cancel();
  control_.reset();
  completion_.reset();
  orders_.load.reset();
  orders_.drop = true;
}

void LoaderThread::OnActivated(const PlanId& plan) {
  absl::MutexLock lock(&mutex_);
  control_.reset();  // Its load is over; a cancel would come too late.
  orders_.activated = plan;
}

void LoaderThread::Retire(const PlanId& plan) {
  absl::MutexLock lock(&mutex_);
  orders_.retire = plan;
}

std::optional<LoaderThread::Completion> LoaderThread::TakeCompletion() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(completion_, std::nullopt);
}

std::uint64_t LoaderThread::progress_bytes() const {
  absl::MutexLock lock(&mutex_);
  return control_ == nullptr ? 0 : control_->bytes();
}

void LoaderThread::Run() {
  bool stop = false;
  while (!stop) {
    Orders orders;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &LoaderThread::HasOrders));
      orders = std::exchange(orders_, Orders{});
    }
    stop = orders.stop;
    CarryOut(std::move(orders));
  }
}

void LoaderThread::CarryOut(Orders orders) {
  if (orders.activated.has_value() && staged_.has_value()) {
    staged_.reset();
    leftover_ = orders.activated;
  }
  if (orders.retire.has_value() && leftover_ == orders.retire) RetireLeftover();
  if (orders.drop) DropStaged();
  if (orders.load.has_value()) RunLoad(*std::move(orders.load));
  if (orders.stop) RetireLeftover();
}

void LoaderThread::RunLoad(Load load) {
  RetireLeftover();
  DropStaged();
  if (load.control->cancelled()) return;
  Completion completion{load.request.plan, loader_.Stage(load.request, *load.control)};
  staged_ = load.request.plan;
  if (completion.fault.has_value()) DropStaged();
  {
    absl::MutexLock lock(&mutex_);
    // It was cancelled: the order that did so also drops what is staged now.
    if (control_ != load.control) return;
    completion_ = std::move(completion);
  }
  wakeup_->Signal();
}

void LoaderThread::RetireLeftover() {
  if (leftover_.has_value()) loader_.Retire(*std::exchange(leftover_, std::nullopt));
}

void LoaderThread::DropStaged() {
  if (staged_.has_value()) loader_.Drop(*std::exchange(staged_, std::nullopt));
}

}  // namespace ballast
