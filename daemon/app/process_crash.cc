#include "daemon/app/process_crash.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ballast {
namespace {

class ProcessCrash final : public CrashPoints {
 public:
  explicit ProcessCrash(std::string point) : point_(std::move(point)) {}

  void Reach(absl::string_view point) override {
    if (point == point_) kill(getpid(), SIGKILL);
  }

 private:
  const std::string point_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CrashPoints>> CrashPointsOfEnvironment() {
  const char* const value = std::getenv("BALLAST_CRASH_AT");
  if (value == nullptr) return nullptr;
  if (std::find(kCrashPoints.begin(), kCrashPoints.end(), value) == kCrashPoints.end()) {
    return absl::InvalidArgumentError(absl::StrCat("BALLAST_CRASH_AT is '", value, "', not one of ",
                                                   absl::StrJoin(kCrashPoints, ", ")));
  }
  return std::make_unique<ProcessCrash>(value);
}

}  // namespace ballast
