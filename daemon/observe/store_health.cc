#include "daemon/observe/store_health.h"

#include "absl/strings/str_cat.h"
#include "core/store/plan_store_errors.h"

namespace ballast {
namespace {

bool IsOfTheStoreItself(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kInternal:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::Status StoreHealth::Last() const {
  absl::MutexLock lock(&mutex_);
  return last_;
}

absl::Status StoreHealth::Deposed() const {
  absl::MutexLock lock(&mutex_);
  return deposed_;
}

void StoreHealth::OnStoreCall(const char* call, const absl::Status& status, absl::Duration) {
  absl::MutexLock lock(&mutex_);
  if (IsOtherTerm(status)) deposed_ = status;
  if (IsLocked(status)) return;  // Says nothing of the disk.
  last_ = IsOfTheStoreItself(status.code())
              ? absl::Status(status.code(), absl::StrCat(call, ": ", status.message()))
              : absl::OkStatus();
}

}  // namespace ballast
